//! Every manifest under `examples/` is one the API server would take: known fields, typed values,
//! no rule broken.

use std::{
    fs,
    path::{Path, PathBuf},
};

use kube_cel::{Validator, apply_defaults};
use operator_api::{Binding, BrokerCluster, Exchange, Queue, crds};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

#[test]
fn every_example_is_accepted() {
    let mut kinds = Vec::new();
    for path in manifests(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples")) {
        let text = fs::read_to_string(&path).expect("a text file");
        for document in serde_yaml::Deserializer::from_str(&text) {
            let place = path.display().to_string();
            let document =
                Value::deserialize(document).unwrap_or_else(|error| panic!("{place}: {error}"));
            let kind = document["kind"].as_str().expect("a kind").to_owned();
            match kind.as_str() {
                "BrokerCluster" => understood::<BrokerCluster>(&document, &place),
                "Exchange" => understood::<Exchange>(&document, &place),
                "Queue" => understood::<Queue>(&document, &place),
                "Binding" => understood::<Binding>(&document, &place),
                _ => continue,
            }
            allowed(&document, &kind, &place);
            kinds.push(kind);
        }
    }
    for kind in ["BrokerCluster", "Exchange", "Queue", "Binding"] {
        assert!(kinds.iter().any(|found| found == kind), "no example of a {kind}");
    }
}

/// Nothing that is written gets lost on the way through the Rust type.
fn understood<K: DeserializeOwned + Serialize>(document: &Value, place: &str) {
    let read: K =
        serde_json::from_value(document.clone()).unwrap_or_else(|error| panic!("{place}: {error}"));
    contains(&serde_json::to_value(read).expect("JSON"), document, place);
}

fn contains(whole: &Value, part: &Value, place: &str) {
    match part.as_object() {
        Some(fields) if whole.is_object() => {
            for (name, field) in fields {
                contains(&whole[name.as_str()], field, &format!("{place}: {name}"));
            }
        }
        _ => assert_eq!(whole, part, "{place}"),
    }
}

/// No CEL rule of the kind objects.
fn allowed(document: &Value, kind: &str, place: &str) {
    let crd = crds().into_iter().find(|crd| crd.spec.names.kind == kind).expect("a kind of ours");
    let crd = serde_json::to_value(crd).expect("JSON");
    let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    if let Err(errors) = Validator::new().validate(schema, &apply_defaults(schema, document), None)
    {
        panic!("{place}: {kind}: {errors:?}");
    }
}

fn manifests(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(manifests(&path));
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
    found
}
