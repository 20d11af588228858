//! Definitions as they are published.

use serde_json::{Map, Value, json};

use crate::apiserver::{
    catalog::{Resource, definitions},
    openapi::own_schema,
};

/// Every custom resource has it.
const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// Adds the definition of a kind, and everything that it refers to.
pub(super) fn reachable(resource: &Resource, prefix: &str, found: &mut Map<String, Value>) {
    let kind = json!([{
        "group": resource.group, "version": resource.version, "kind": resource.kind,
    }]);
    match own_schema(resource, prefix) {
        Some(mut schema) => {
            schema["x-kubernetes-group-version-kind"] = kind;
            found.insert(resource.definition.clone(), schema);
            add(OBJECT_META, prefix, found);
        }
        None => {
            add(&resource.definition, prefix, found);
            if let Some(schema) = found.get_mut(&resource.definition) {
                schema["x-kubernetes-group-version-kind"] = kind;
            }
        }
    }
}

fn add(name: &str, prefix: &str, found: &mut Map<String, Value>) {
    if found.contains_key(name) {
        return;
    }
    let Some(document) = definitions().documents().get(name) else { return };
    found.insert(name.to_owned(), published(document, prefix));
    let mut references = Vec::new();
    collect(document, &mut references);
    for reference in references {
        add(&reference, prefix, found);
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            if let Some(reference) = map.get("$ref").and_then(Value::as_str) {
                references.extend(reference.rsplit('/').next().map(str::to_owned));
            }
            map.values().for_each(|child| collect(child, references));
        }
        Value::Array(list) => list.iter().for_each(|child| collect(child, references)),
        _ => {}
    }
}

/// A schema with its references under `prefix`, in the form that OpenAPI readers follow.
pub(super) fn published(value: &Value, prefix: &str) -> Value {
    match value {
        Value::Object(map) => {
            let mut copy: Map<String, Value> =
                map.iter().map(|(name, child)| (name.clone(), published(child, prefix))).collect();
            if let Some(reference) = map.get("$ref").and_then(Value::as_str) {
                let name = reference.rsplit('/').next().unwrap_or(reference);
                let reference = format!("{prefix}{name}");
                if map.len() == 1 {
                    copy.insert("$ref".into(), json!(reference));
                } else if prefix.contains("components") {
                    // In OpenAPI 3.0 nothing may stand beside a reference.
                    copy.remove("$ref");
                    copy.insert("allOf".into(), json!([{"$ref": reference}]));
                } else {
                    copy.insert("$ref".into(), json!(reference));
                }
            }
            Value::Object(copy)
        }
        Value::Array(list) => list.iter().map(|child| published(child, prefix)).collect(),
        scalar => scalar.clone(),
    }
}
