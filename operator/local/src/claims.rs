//! Persistent volume claims: each is bound at once to a folder of this machine.
//!
//! The folder is `<namespace>/<claim>` below the one given, made by the kubelet when a pod mounts
//! it. As in a cluster whose storage class deletes what is released, deleting the claim deletes
//! the folder; the finalizer `kubernetes.io/pvc-protection` holds that back while a pod uses it.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

use crate::watches::{Watches, on_each_change, unless_overtaken};

const FINALIZER: &str = "kubernetes.io/pvc-protection";

/// What has to be done about one claim.
#[derive(Debug, PartialEq)]
enum Step {
    /// Write these into the object and into its status.
    Bind { object: Value, status: Value },
    /// Remove the folder, then let the object go.
    Release { remaining: Vec<String> },
}

/// Binds and releases claims, for ever.
pub(crate) async fn run(client: Client, folder: PathBuf) {
    let mut watches = Watches::new(client.clone());
    let claims = watches.follow::<PersistentVolumeClaim>();
    let pods = watches.follow::<Pod>();
    if claims.wait_until_ready().await.is_err() || pods.wait_until_ready().await.is_err() {
        return;
    }
    on_each_change("claim", watches.changes(), || async {
        let used: BTreeSet<_> = pods.state().iter().flat_map(|pod| used_by(pod)).collect();
        let mut outcome = Ok(());
        for claim in claims.state() {
            let key = (claim.namespace().unwrap_or_default(), claim.name_any());
            if let Some(step) = step(&claim, used.contains(&key)) {
                outcome = outcome.and(perform(&client, &folder, &claim, step).await);
            }
        }
        outcome
    })
    .await;
}

/// The claims that a pod mounts; a pod whose containers are over uses none.
fn used_by(pod: &Pod) -> Vec<(String, String)> {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    if matches!(phase, Some("Succeeded" | "Failed")) {
        return Vec::new();
    }
    let namespace = pod.namespace().unwrap_or_default();
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    let claims = volumes.filter_map(|volume| volume.persistent_volume_claim.as_ref());
    claims.map(|claim| (namespace.clone(), claim.claim_name.clone())).collect()
}

fn step(claim: &PersistentVolumeClaim, used: bool) -> Option<Step> {
    let protected = claim.finalizers().iter().any(|finalizer| finalizer == FINALIZER);
    if claim.metadata.deletion_timestamp.is_some() {
        let remaining = claim
            .finalizers()
            .iter()
            .filter(|finalizer| *finalizer != FINALIZER)
            .cloned()
            .collect();
        return (protected && !used).then_some(Step::Release { remaining });
    }
    let spec = claim.spec.as_ref();
    let bound = claim.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Bound");
    if bound && protected && spec.is_some_and(|spec| spec.volume_name.is_some()) {
        return None;
    }
    let mut finalizers = claim.finalizers().to_vec();
    if !protected {
        finalizers.push(FINALIZER.to_owned());
    }
    let volume = format!("pvc-{}", claim.uid().unwrap_or_default());
    let requested = spec.and_then(|spec| spec.resources.as_ref()?.requests.clone());
    let modes = spec.and_then(|spec| spec.access_modes.clone());
    Some(Step::Bind {
        object: json!({
            "metadata": {"uid": claim.uid(), "finalizers": finalizers},
            "spec": {"volumeName": volume, "volumeMode": "Filesystem"},
        }),
        status: json!({
            "metadata": {"uid": claim.uid()},
            "status": {"phase": "Bound", "capacity": requested, "accessModes": modes},
        }),
    })
}

async fn perform(
    client: &Client,
    folder: &Path,
    claim: &PersistentVolumeClaim,
    step: Step,
) -> Result<(), kube::Error> {
    let (namespace, name) = (claim.namespace().unwrap_or_default(), claim.name_any());
    let api: Api<PersistentVolumeClaim> = Api::namespaced(client.clone(), &namespace);
    let params = PatchParams::default();
    match step {
        Step::Bind { object, status } => {
            unless_overtaken(api.patch(&name, &params, &Patch::Merge(object)).await)?;
            unless_overtaken(api.patch_status(&name, &params, &Patch::Merge(status)).await)
        }
        Step::Release { remaining } => {
            remove(&folder.join(&namespace).join(&name));
            let patch = json!({"metadata": {"uid": claim.uid(), "finalizers": remaining}});
            unless_overtaken(api.patch(&name, &params, &Patch::Merge(patch)).await)
        }
    }
}

fn remove(folder: &Path) {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(folder = %folder.display(), %error, "the folder of a deleted claim stays");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(metadata: Value, volume: Option<&str>, phase: Option<&str>) -> PersistentVolumeClaim {
        serde_json::from_value(json!({
            "metadata": metadata,
            "spec": {"volumeName": volume, "resources": {"requests": {"storage": "1Gi"}}},
            "status": {"phase": phase},
        }))
        .unwrap()
    }

    #[test]
    fn a_claim_is_bound_once_and_released_when_nobody_uses_it() {
        let live = json!({"name": "data", "uid": "u", "finalizers": [FINALIZER]});
        let going = json!({"name": "data", "uid": "u", "finalizers": ["x", FINALIZER], "deletionTimestamp": "2026-01-01T00:00:00Z"});
        let new = claim(json!({"name": "data", "uid": "u"}), None, None);
        let Some(Step::Bind { object, status }) = step(&new, false) else {
            panic!("a new claim is bound")
        };
        assert_eq!(object["spec"]["volumeName"], "pvc-u");
        assert_eq!(object["metadata"]["finalizers"], json!([FINALIZER]));
        assert_eq!(status["status"]["capacity"]["storage"], "1Gi");
        assert_eq!(step(&claim(live, Some("pvc-u"), Some("Bound")), true), None);
        let going = claim(going, Some("pvc-u"), Some("Bound"));
        assert_eq!(step(&going, true), None, "a pod still uses it");
        assert_eq!(step(&going, false), Some(Step::Release { remaining: vec!["x".to_owned()] }));
    }

    #[test]
    fn a_finished_pod_uses_nothing() {
        let pod = |phase: &str| -> Pod {
            serde_json::from_value(json!({
                "metadata": {"name": "p", "namespace": "shop"},
                "spec": {"containers": [], "volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]},
                "status": {"phase": phase},
            }))
            .unwrap()
        };
        assert_eq!(used_by(&pod("Running")), [("shop".to_owned(), "data".to_owned())]);
        assert!(used_by(&pod("Failed")).is_empty());
    }
}
