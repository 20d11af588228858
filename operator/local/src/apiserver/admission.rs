//! What the server itself puts into objects and refuses in them, kind by kind.

mod pods;
mod workloads;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use crate::apiserver::{catalog::Resource, crd, meta, status::FieldError};

/// Fills in what the kind's own defaults say. `old` is what is replaced, if anything. May leave
/// nulls where it looked for something, for the caller to drop.
pub(crate) fn default(resource: &Resource, old: Option<&Value>, object: &mut Value) {
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "Namespace") => namespace(old, object),
        ("", "Secret") => secret(object),
        ("", "Service") => service(old, object),
        ("", "Pod") => pods::default_pod(old, object),
        ("", "PersistentVolumeClaim") => {
            fill(&mut object["spec"], "volumeMode", json!("Filesystem"));
            if old.is_none() {
                object["status"] = json!({"phase": "Pending"});
            }
        }
        ("apps", "StatefulSet") => workloads::stateful_set(object),
        ("apps", "Deployment") => workloads::deployment(object),
        ("apps", "ReplicaSet") => fill(&mut object["spec"], "replicas", json!(1)),
        ("storage.k8s.io", "StorageClass") => {
            fill(object, "reclaimPolicy", json!("Delete"));
            fill(object, "volumeBindingMode", json!("Immediate"));
        }
        ("apiextensions.k8s.io", "CustomResourceDefinition") => definition(old, object),
        _ => {}
    }
}

/// What is wrong with `object` beyond its schema.
pub(crate) fn check(resource: &Resource, old: Option<&Value>, object: &Value) -> Vec<FieldError> {
    let mut errors = metadata(old, object);
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "ConfigMap" | "Secret") => errors.extend(immutable(old, object)),
        ("", "Service") => errors.extend(service_errors(old, object)),
        ("", "Pod") => errors.extend(pods::check_pod(object)),
        ("apps", "StatefulSet" | "Deployment" | "ReplicaSet") => {
            errors.extend(workloads::check(&resource.kind, old, object));
        }
        ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            errors.extend(crd::compile(object).err().unwrap_or_default());
        }
        _ => {}
    }
    errors
}

/// Sets a field that is missing or null; does nothing when `at` is no object.
pub(crate) fn fill(at: &mut Value, field: &str, value: Value) {
    if let Some(map) = at.as_object_mut() {
        let slot = map.entry(field).or_insert(Value::Null);
        if slot.is_null() {
            *slot = value;
        }
    }
}

fn metadata(old: Option<&Value>, object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for field in ["labels", "annotations"] {
        for (key, value) in object["metadata"][field].as_object().into_iter().flatten() {
            let text = value.as_str().unwrap_or_default();
            if field == "labels" && !label_value(text) {
                let why = "a valid label must be an empty string or consist of alphanumeric \
                           characters, '-', '_' or '.', and must start and end with an \
                           alphanumeric character, at most 63 of them";
                errors.push(FieldError::invalid("metadata.labels", value, why));
            }
            if !qualified(key) {
                let path = format!("metadata.{field}");
                let why = "name part must consist of alphanumeric characters, '-', '_' or '.', \
                           and must start and end with an alphanumeric character";
                errors.push(FieldError::invalid(path, &json!(key), why));
            }
        }
    }
    if let Some(old) = old.filter(|old| meta::deleting(old)) {
        let known = meta::finalizers(old);
        let new: Vec<String> = meta::finalizers(object)
            .into_iter()
            .filter(|finalizer| !known.contains(finalizer))
            .map(|finalizer| format!("{finalizer:?}"))
            .collect();
        if !new.is_empty() {
            let why = format!(
                "no new finalizers can be added if the object is being deleted, found new \
                 finalizers []string{{{}}}",
                new.join(", ")
            );
            errors.push(FieldError::forbidden("metadata.finalizers", &why));
        }
    }
    errors
}

fn label_value(text: &str) -> bool {
    text.is_empty() || (text.len() <= 63 && word(text))
}

fn qualified(key: &str) -> bool {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(p, n)| (Some(p), n));
    prefix.is_none_or(|prefix| meta::name_error(&prefix.to_lowercase()).is_none())
        && name.len() <= 63
        && word(name)
}

fn word(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
}

fn namespace(old: Option<&Value>, object: &mut Value) {
    let name = object["metadata"]["name"].clone();
    object["metadata"]["labels"]["kubernetes.io/metadata.name"] = name;
    if old.is_none() {
        object["spec"] = json!({"finalizers": ["kubernetes"]});
        object["status"] = json!({"phase": "Active"});
    }
}

fn secret(object: &mut Value) {
    fill(object, "type", json!("Opaque"));
    let plain = object.as_object_mut().and_then(|map| map.remove("stringData"));
    if let Some(Value::Object(plain)) = plain {
        fill(object, "data", Value::Object(Map::new()));
        for (key, text) in plain {
            object["data"][key] = json!(STANDARD.encode(text.as_str().unwrap_or_default()));
        }
    }
}

fn service(old: Option<&Value>, object: &mut Value) {
    let spec = &mut object["spec"];
    fill(spec, "type", json!("ClusterIP"));
    fill(spec, "sessionAffinity", json!("None"));
    if let Some(old) = old {
        for field in ["clusterIP", "clusterIPs"] {
            if !old["spec"][field].is_null() {
                fill(spec, field, old["spec"][field].clone());
            }
        }
    }
    if let Some(address) = spec["clusterIP"].as_str().filter(|a| !a.is_empty()) {
        let addresses = json!([address]);
        spec["clusterIPs"] = addresses;
    }
    if spec["type"] != "ExternalName" {
        fill(spec, "internalTrafficPolicy", json!("Cluster"));
        fill(spec, "ipFamilies", json!(["IPv4"]));
        fill(spec, "ipFamilyPolicy", json!("SingleStack"));
    }
    for port in spec["ports"].as_array_mut().into_iter().flatten() {
        let target = port["port"].clone();
        fill(port, "protocol", json!("TCP"));
        fill(port, "targetPort", target);
    }
    if old.is_none() {
        object["status"] = json!({"loadBalancer": {}});
    }
}

fn service_errors(old: Option<&Value>, object: &Value) -> Vec<FieldError> {
    let spec = &object["spec"];
    let mut errors = Vec::new();
    let ports = spec["ports"].as_array().map_or(&[][..], Vec::as_slice);
    let headless = spec["clusterIP"] == "None" || spec["type"] == "ExternalName";
    if ports.is_empty() && !headless {
        errors.push(FieldError::required("spec.ports", ""));
    }
    for (index, port) in ports.iter().enumerate() {
        if ports.len() > 1 && port["name"].as_str().is_none_or(str::is_empty) {
            errors.push(FieldError::required(format!("spec.ports[{index}].name"), ""));
        }
        if !port["port"].as_i64().is_some_and(|port| (1..=65535).contains(&port)) {
            let why = "must be between 1 and 65535, inclusive";
            errors.push(FieldError::invalid(
                format!("spec.ports[{index}].port"),
                &port["port"],
                why,
            ));
        }
    }
    let before = old.and_then(|old| old["spec"]["clusterIP"].as_str()).unwrap_or_default();
    if !before.is_empty() && spec["clusterIP"] != before {
        let path = "spec.clusterIPs[0]";
        errors.push(FieldError::invalid(path, &spec["clusterIP"], "may not change once set"));
    }
    errors
}

fn immutable(old: Option<&Value>, object: &Value) -> Vec<FieldError> {
    let Some(old) = old else { return Vec::new() };
    let mut errors = Vec::new();
    if old["type"] != object["type"] {
        errors.push(FieldError::invalid("type", &object["type"], "field is immutable"));
    }
    if old["immutable"] == true {
        for field in ["data", "binaryData", "immutable"] {
            if old[field] != object[field] {
                let why = "field is immutable when `immutable` is set";
                errors.push(FieldError::forbidden(field, why));
            }
        }
    }
    errors
}

fn definition(old: Option<&Value>, object: &mut Value) {
    crd::default(object);
    if old.is_none() {
        object["metadata"]["finalizers"] = json!([crd::FINALIZER]);
    }
    let status = crd::established(object);
    object["status"] = status;
}
