//! Every manifest under `examples/`: known fields, typed values, no rule broken.

use std::{
    fs,
    path::{Path, PathBuf},
};

use kube_cel::{Validator, apply_defaults};
use operator_api::{Binding, BrokerCluster, Exchange, Queue, crds};
use serde_json::Value;

use crate::strict::{documents_in, read};

#[test]
fn every_example_is_accepted() {
    let mut kinds = Vec::new();
    for path in manifests(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples")) {
        let place = path.display().to_string();
        for document in documents_in(&path) {
            let kind = document["kind"].as_str().expect("a kind").to_owned();
            match kind.as_str() {
                "BrokerCluster" => drop(read::<BrokerCluster>(&document, &place)),
                "Exchange" => drop(read::<Exchange>(&document, &place)),
                "Queue" => drop(read::<Queue>(&document, &place)),
                "Binding" => drop(read::<Binding>(&document, &place)),
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
