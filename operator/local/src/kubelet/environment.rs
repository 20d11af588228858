//! The environment variables of a container, as Kubernetes composes them.
//!
//! `envFrom` first, in order, then `env`, in order; a later one of the same name wins. A value
//! may refer to variables that come before it.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use k8s_openapi::api::core::v1::{Container, EnvFromSource, EnvVarSource, Pod};
use kube::ResourceExt;

use crate::kubelet::expansion::expand;
use crate::kubelet::objects::{Entries, Objects};
use crate::kubelet::waiting::Waiting;

/// What a pod knows of itself only once it has been placed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) pod_ip: Ipv4Addr,
    pub(super) host_ip: Ipv4Addr,
    pub(super) node: &'a str,
}

/// The variables of `container`, or what has to exist before it can start.
pub(super) fn compose(
    container: &Container,
    pod: &Pod,
    place: Place<'_>,
    objects: &dyn Objects,
) -> Result<BTreeMap<String, String>, Waiting> {
    let namespace = pod.namespace().unwrap_or_default();
    let mut environment = BTreeMap::new();
    for source in container.env_from.iter().flatten() {
        let prefix = source.prefix.as_deref().unwrap_or_default();
        for (key, value) in entries(source, &namespace, objects)? {
            environment.insert(format!("{prefix}{key}"), text(value, &key)?);
        }
    }
    for variable in container.env.iter().flatten() {
        let value = match (&variable.value, &variable.value_from) {
            (Some(value), _) => Some(expand(value, &environment)),
            (None, Some(source)) => from_source(source, pod, place, &namespace, objects)?,
            (None, None) => Some(String::new()),
        };
        if let Some(value) = value {
            environment.insert(variable.name.clone(), value);
        }
    }
    Ok(environment)
}

fn entries(
    source: &EnvFromSource,
    namespace: &str,
    objects: &dyn Objects,
) -> Result<Entries, Waiting> {
    let (kind, name, optional, found) = match (&source.config_map_ref, &source.secret_ref) {
        (Some(map), _) => {
            ("configmap", &map.name, map.optional, objects.config_map(namespace, &map.name))
        }
        (None, Some(secret)) => {
            ("secret", &secret.name, secret.optional, objects.secret(namespace, &secret.name))
        }
        (None, None) => return Ok(Entries::new()),
    };
    match found {
        Some(entries) => Ok(entries),
        None if optional == Some(true) => Ok(Entries::new()),
        None => Err(Waiting::config(format!("{kind} \"{name}\" not found"))),
    }
}

fn from_source(
    source: &EnvVarSource,
    pod: &Pod,
    place: Place<'_>,
    namespace: &str,
    objects: &dyn Objects,
) -> Result<Option<String>, Waiting> {
    if let Some(field) = &source.field_ref {
        return pod_field(&field.field_path, pod, place).map(Some);
    }
    let (kind, name, key, optional, found) = if let Some(from) = &source.config_map_key_ref {
        (
            "configmap",
            &from.name,
            &from.key,
            from.optional,
            objects.config_map(namespace, &from.name),
        )
    } else if let Some(from) = &source.secret_key_ref {
        ("secret", &from.name, &from.key, from.optional, objects.secret(namespace, &from.name))
    } else {
        return Err(Waiting::unsupported(
            "a variable's value may come from fieldRef, configMapKeyRef or secretKeyRef",
        ));
    };
    let optional = optional == Some(true);
    match found.map(|mut entries| entries.remove(key)) {
        Some(Some(value)) => text(value, key).map(Some),
        _ if optional => Ok(None),
        Some(None) => {
            Err(Waiting::config(format!("couldn't find key {key} in {kind} {namespace}/{name}")))
        }
        None => Err(Waiting::config(format!("{kind} \"{name}\" not found"))),
    }
}

/// The value of a downward-API field path.
pub(super) fn pod_field(path: &str, pod: &Pod, place: Place<'_>) -> Result<String, Waiting> {
    let quoted = |name: &str| {
        path.strip_prefix(name)?.strip_prefix("['")?.strip_suffix("']").map(str::to_owned)
    };
    if let Some(label) = quoted("metadata.labels") {
        return Ok(pod.labels().get(&label).cloned().unwrap_or_default());
    }
    if let Some(annotation) = quoted("metadata.annotations") {
        return Ok(pod.annotations().get(&annotation).cloned().unwrap_or_default());
    }
    let spec = pod.spec.as_ref();
    Ok(match path {
        "metadata.name" => pod.name_any(),
        "metadata.namespace" => pod.namespace().unwrap_or_default(),
        "metadata.uid" => pod.uid().unwrap_or_default(),
        "spec.nodeName" => place.node.to_owned(),
        "spec.serviceAccountName" => spec
            .and_then(|spec| spec.service_account_name.clone())
            .unwrap_or_else(|| "default".to_owned()),
        "status.podIP" | "status.podIPs" => place.pod_ip.to_string(),
        "status.hostIP" | "status.hostIPs" => place.host_ip.to_string(),
        _ => return Err(Waiting::config(format!("unsupported fieldPath: {path}"))),
    })
}

fn text(value: Vec<u8>, key: &str) -> Result<String, Waiting> {
    let text = String::from_utf8(value).ok().filter(|text| !text.contains('\0'));
    text.ok_or_else(|| Waiting::config(format!("the value of {key} is not text")))
}

#[cfg(test)]
mod tests;
