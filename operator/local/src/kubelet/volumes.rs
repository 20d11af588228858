//! The volumes of a pod as folders of this machine.
//!
//! `configMap`, `secret`, `downwardAPI` and `projected` are [`projection`]s, refreshed whenever
//! [`Volumes::prepare`] is called again; `emptyDir` lives as long as the pod; a claim's folder is
//! named after the claim, so it survives the pod and, with `--state`, the control plane.
//!
//! [`projection`]: crate::kubelet::projection

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::{Container, DownwardAPIVolumeFile, KeyToPath, Pod, Volume};
use kube::ResourceExt;

use crate::kubelet::environment::{Place, pod_field};
use crate::kubelet::mounts::Mounts;
use crate::kubelet::objects::{Entries, Objects};
use crate::kubelet::projection::{Files, publish};
use crate::kubelet::waiting::Waiting;

/// Kubernetes' default for mounted files.
const DEFAULT_MODE: i32 = 0o644;

/// Where the volumes of one pod are kept.
#[derive(Debug, Clone)]
pub(super) struct Volumes {
    /// A folder of the pod's own, removed with it.
    pub(super) own: PathBuf,
    /// The folder that holds all claims, as `<namespace>/<claim>`.
    pub(super) claims: PathBuf,
}

/// What every kind of volume is made from.
#[derive(Clone, Copy)]
struct Sources<'a> {
    pod: &'a Pod,
    namespace: &'a str,
    place: Place<'a>,
    objects: &'a dyn Objects,
}

// === impl Volumes ===

impl Volumes {
    /// Makes every volume of `pod` ready and current; gives the folder of each by its name.
    pub(super) fn prepare(
        &self,
        pod: &Pod,
        place: Place<'_>,
        objects: &dyn Objects,
    ) -> Result<BTreeMap<String, PathBuf>, Waiting> {
        let namespace = pod.namespace().unwrap_or_default();
        let sources = Sources { pod, namespace: &namespace, place, objects };
        let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
        volumes.map(|volume| Ok((volume.name.clone(), self.volume(volume, sources)?))).collect()
    }

    fn volume(&self, volume: &Volume, sources: Sources<'_>) -> Result<PathBuf, Waiting> {
        if let Some(claim) = &volume.persistent_volume_claim {
            return self.claim(&claim.claim_name, sources);
        }
        if let Some(host) = &volume.host_path {
            return Ok(PathBuf::from(&host.path));
        }
        let folder = self.own.join(&volume.name);
        if volume.empty_dir.is_some() {
            fs::create_dir_all(&folder)
                .map_err(|error| Waiting::disk("create", &folder, &error))?;
            return Ok(folder);
        }
        let files = files(volume, sources)?;
        publish(&folder, &files).map_err(|error| Waiting::disk("write", &folder, &error))?;
        Ok(folder)
    }

    fn claim(&self, name: &str, sources: Sources<'_>) -> Result<PathBuf, Waiting> {
        match sources.objects.claim_is_bound(sources.namespace, name) {
            None => {
                return Err(Waiting::mount(format!("persistentvolumeclaim \"{name}\" not found")));
            }
            Some(false) => {
                return Err(Waiting::mount(format!(
                    "persistentvolumeclaim \"{name}\" is not bound yet"
                )));
            }
            Some(true) => {}
        }
        let folder = self.claims.join(sources.namespace).join(name);
        fs::create_dir_all(&folder).map_err(|error| Waiting::disk("create", &folder, &error))?;
        Ok(folder)
    }
}

/// The mounts of `container`, given the folders of the pod's volumes.
pub(super) fn mounts(
    container: &Container,
    folders: &BTreeMap<String, PathBuf>,
) -> Result<Mounts, Waiting> {
    let mut mounts = Vec::new();
    for mount in container.volume_mounts.iter().flatten() {
        let Some(folder) = folders.get(&mount.name) else {
            return Err(Waiting::config(format!("volumeMount \"{}\": no such volume", mount.name)));
        };
        let sub_path = mount.sub_path.as_deref().unwrap_or_default();
        mounts.push((mount.mount_path.clone(), within(folder, sub_path)));
    }
    Ok(Mounts::new(mounts))
}

fn within(folder: &Path, sub_path: &str) -> PathBuf {
    if sub_path.is_empty() { folder.to_owned() } else { folder.join(sub_path) }
}

fn files(volume: &Volume, sources: Sources<'_>) -> Result<Files, Waiting> {
    if let Some(map) = &volume.config_map {
        let entries = sources.objects.config_map(sources.namespace, &map.name);
        let entries = found("configmap", &map.name, map.optional, entries)?;
        return select(&map.name, entries, map.items.as_deref(), map.default_mode);
    }
    if let Some(secret) = &volume.secret {
        let name = secret.secret_name.as_deref().unwrap_or_default();
        let entries = found(
            "secret",
            name,
            secret.optional,
            sources.objects.secret(sources.namespace, name),
        )?;
        return select(name, entries, secret.items.as_deref(), secret.default_mode);
    }
    if let Some(downward) = &volume.downward_api {
        return downward_files(downward.items.as_deref(), downward.default_mode, sources);
    }
    let Some(projected) = &volume.projected else {
        let message = format!(
            "volume \"{}\": `dev` knows configMap, secret, downwardAPI, projected, emptyDir, hostPath and persistentVolumeClaim",
            volume.name
        );
        return Err(Waiting::unsupported(message));
    };
    let mut files = Files::new();
    for source in projected.sources.iter().flatten() {
        if let Some(map) = &source.config_map {
            let entries = sources.objects.config_map(sources.namespace, &map.name);
            let entries = found("configmap", &map.name, map.optional, entries)?;
            files.extend(select(&map.name, entries, map.items.as_deref(), projected.default_mode)?);
        }
        if let Some(secret) = &source.secret {
            let entries = sources.objects.secret(sources.namespace, &secret.name);
            let entries = found("secret", &secret.name, secret.optional, entries)?;
            files.extend(select(
                &secret.name,
                entries,
                secret.items.as_deref(),
                projected.default_mode,
            )?);
        }
        if let Some(downward) = &source.downward_api {
            files.extend(downward_files(
                downward.items.as_deref(),
                projected.default_mode,
                sources,
            )?);
        }
    }
    Ok(files)
}

fn found(
    kind: &str,
    name: &str,
    optional: Option<bool>,
    entries: Option<Entries>,
) -> Result<Entries, Waiting> {
    match entries {
        Some(entries) => Ok(entries),
        None if optional == Some(true) => Ok(Entries::new()),
        None => Err(Waiting::mount(format!("{kind} \"{name}\" not found"))),
    }
}

/// All entries under their own names, or the chosen ones under the names they are given.
fn select(
    name: &str,
    mut entries: Entries,
    items: Option<&[KeyToPath]>,
    mode: Option<i32>,
) -> Result<Files, Waiting> {
    let mode = mode.unwrap_or(DEFAULT_MODE);
    let Some(items) = items.filter(|items| !items.is_empty()) else {
        return Ok(entries.into_iter().map(|(key, value)| (key, (value, bits(mode)))).collect());
    };
    let mut files = Files::new();
    for item in items {
        let Some(value) = entries.remove(&item.key) else {
            return Err(Waiting::mount(format!("\"{name}\" has no key {}", item.key)));
        };
        files.insert(item.path.clone(), (value, bits(item.mode.unwrap_or(mode))));
    }
    Ok(files)
}

fn downward_files(
    items: Option<&[DownwardAPIVolumeFile]>,
    mode: Option<i32>,
    sources: Sources<'_>,
) -> Result<Files, Waiting> {
    let mut files = Files::new();
    for item in items.unwrap_or_default() {
        let Some(field) = &item.field_ref else {
            return Err(Waiting::unsupported("a downwardAPI file may come from fieldRef only"));
        };
        let value = match field.field_path.as_str() {
            "metadata.labels" => listing(sources.pod.labels()),
            "metadata.annotations" => listing(sources.pod.annotations()),
            path => pod_field(path, sources.pod, sources.place)?,
        };
        let mode = item.mode.or(mode).unwrap_or(DEFAULT_MODE);
        files.insert(item.path.clone(), (value.into_bytes(), bits(mode)));
    }
    Ok(files)
}

fn listing(pairs: &BTreeMap<String, String>) -> String {
    pairs.iter().map(|(key, value)| format!("{key}={value:?}\n")).collect()
}

fn bits(mode: i32) -> u32 {
    // The owner runs the program here and has to be able to read whatever the mode says.
    u32::try_from(mode).unwrap_or(0) & 0o777 | 0o400
}

#[cfg(test)]
mod tests;
