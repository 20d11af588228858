//! Files made from the code, and files that must agree with it: `crds/` and `examples/`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_json::Value;

use crate::Violation;

/// Differences between `crds/` and what the Rust types say.
pub(crate) fn stale_crds(root: &Path) -> Vec<Violation> {
    let expected = definitions();
    let mut found = Vec::new();
    let mut violations = Vec::new();
    for path in manifests(&root.join("crds")) {
        match documents(&path) {
            Ok(documents) => found.extend(documents),
            Err(error) => violations.push(format!("{}: {error}", path.display())),
        }
    }
    for definition in &expected {
        match found.iter().find(|one| name(one) == name(definition)) {
            None => violations.push(format!("crds/ lacks {}", name(definition))),
            Some(one) if one != definition => {
                violations.push(format!("{} in crds/ is out of date", name(definition)));
            }
            Some(_) => {}
        }
    }
    let unknown = found.iter().filter(|one| expected.iter().all(|d| name(d) != name(one)));
    violations.extend(unknown.map(|one| format!("crds/ holds {}, which no type has", name(one))));
    violations
}

/// Manifests under `examples/` that do not parse, or do not follow their kind's schema.
pub(crate) fn broken_manifests(root: &Path) -> Vec<Violation> {
    let definitions = definitions();
    let paths = manifests(&root.join("examples"));
    assert!(!paths.is_empty(), "examples/ holds no manifest");
    let mut violations = Vec::new();
    for path in paths {
        match documents(&path) {
            Ok(documents) => {
                for document in documents {
                    let place = format!("{}: {}", path.display(), name(&document));
                    check(&document, &definitions, &place, &mut violations);
                }
            }
            Err(error) => violations.push(format!("{}: {error}", path.display())),
        }
    }
    violations
}

fn definitions() -> Vec<Value> {
    let crds = operator_api::crds();
    crds.iter().map(|crd| serde_json::to_value(crd).expect("a definition is JSON")).collect()
}

fn check(document: &Value, definitions: &[Value], place: &str, violations: &mut Vec<Violation>) {
    let (Some(version), Some(kind)) = (document["apiVersion"].as_str(), document["kind"].as_str())
    else {
        violations.push(format!("{place}: apiVersion and kind are required"));
        return;
    };
    if !version.starts_with("warren.dev/") {
        return;
    }
    let schema = definitions
        .iter()
        .find(|definition| definition["spec"]["names"]["kind"] == kind)
        .and_then(|definition| definition["spec"]["versions"].as_array())
        .and_then(|versions| {
            versions.iter().find(|one| version.ends_with(one["name"].as_str().unwrap_or("?")))
        })
        .map(|version| &version["schema"]["openAPIV3Schema"]["properties"]["spec"]);
    match schema {
        Some(schema) => follow(&document["spec"], schema, &format!("{place}: spec"), violations),
        None => violations.push(format!("{place}: no such kind as {version} {kind}")),
    }
}

/// Walks `value` along `schema`: unknown fields, missing fields, values outside an enum.
fn follow(value: &Value, schema: &Value, place: &str, violations: &mut Vec<Violation>) {
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        violations.push(format!("{place}: {value} is none of {}", schema["enum"]));
    }
    if let Some(items) = value.as_array() {
        for (index, item) in items.iter().enumerate() {
            follow(item, &schema["items"], &format!("{place}[{index}]"), violations);
        }
    }
    let (Some(fields), Some(properties)) = (value.as_object(), schema["properties"].as_object())
    else {
        return;
    };
    for required in schema["required"].as_array().into_iter().flatten() {
        if required.as_str().is_some_and(|required| !fields.contains_key(required)) {
            violations.push(format!("{place}: {required} is required"));
        }
    }
    let open = schema["x-kubernetes-preserve-unknown-fields"] == true
        || schema["additionalProperties"].is_object();
    for (field, value) in fields {
        match properties.get(field) {
            Some(schema) => follow(value, schema, &format!("{place}.{field}"), violations),
            None if open => {}
            None => violations.push(format!("{place}: unknown field {field}")),
        }
    }
}

fn name(document: &Value) -> &str {
    document["metadata"]["name"].as_str().unwrap_or("(no name)")
}

fn documents(path: &Path) -> Result<Vec<Value>, String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    serde_yaml::Deserializer::from_str(&text)
        .map(|document| Value::deserialize(document).map_err(|error| error.to_string()))
        .filter(|document| !matches!(document, Ok(Value::Null)))
        .collect()
}

/// Every YAML file under `folder`, in a stable order; none when the folder is not there.
fn manifests(folder: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            paths.extend(manifests(&path));
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            paths.push(path);
        }
    }
    paths.sort();
    paths
}
