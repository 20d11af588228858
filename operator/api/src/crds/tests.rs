//! The definitions are what `crds/` and the chart hold, and what Kubernetes accepts.

use std::{fs, path::Path};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{crds, files};
use crate::{
    binding::BindingSpec, cluster::BrokerClusterSpec, exchange::ExchangeSpec, queue::QueueSpec,
};

/// Where the generated files are kept, from this crate's folder.
const COPIES: [&str; 2] = ["../../crds", "../../charts/warren/files/crds"];

#[test]
fn the_files_are_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let update = std::env::var_os("WARREN_UPDATE_CRDS").is_some();
    for folder in COPIES.map(|copy| root.join(copy)) {
        for (name, yaml) in files().expect("YAML") {
            let path = folder.join(&name);
            if update {
                fs::create_dir_all(&folder).expect("a folder");
                fs::write(&path, &yaml).expect("written");
            }
            let found = fs::read_to_string(&path).unwrap_or_default();
            assert!(
                found == yaml,
                "{} is out of date: run WARREN_UPDATE_CRDS=1 cargo test -p operator-api files_are_current",
                path.display()
            );
        }
        let kept = fs::read_dir(&folder).expect("the folder").count();
        assert_eq!(kept, crds().len(), "{} holds a file of no kind", folder.display());
    }
}

#[test]
fn names_are_those_people_type() {
    #[rustfmt::skip]
    let expected = [
        ("BrokerCluster", "brokerclusters", "bc"),
        ("Exchange",      "exchanges",      "exch"),
        ("Queue",         "queues",         "q"),
        ("Binding",       "bindings",       "bind"),
    ];
    for (crd, (kind, plural, short)) in crds().into_iter().zip(expected) {
        let names = &crd.spec.names;
        assert_eq!((names.kind.as_str(), names.plural.as_str()), (kind, plural));
        assert_eq!(names.short_names.as_deref(), Some(&[short.to_owned()][..]), "{kind}");
        assert_eq!(names.categories.as_deref(), Some(&["warren".to_owned()][..]), "{kind}");
        assert_eq!(crd.spec.scope, "Namespaced", "{kind}");
        assert_eq!(crd.spec.versions.len(), 1, "{kind}");
        let version = &crd.spec.versions[0];
        assert!(
            version.subresources.as_ref().is_some_and(|sub| sub.status.is_some()),
            "{kind} has /status"
        );
    }
}

#[test]
fn a_definition_fits_the_annotation_of_kubectl_apply() {
    for crd in crds() {
        let size = serde_json::to_string(&crd).expect("JSON").len();
        assert!(
            size < 128 * 1024,
            "{}: {size} bytes, and kubectl can remember 256 KiB",
            crd.spec.names.kind
        );
    }
}

#[test]
fn types_and_schemas_have_the_same_defaults() {
    let on = || json!({ "clusterRef": { "name": "orders" } });
    let bound = || json!({ "clusterRef": { "name": "orders" }, "source": "a", "destination": "b" });
    let understood: [(Value, Value); 4] = [
        (json!({}), json!(typed::<BrokerClusterSpec>(json!({})))),
        (on(), json!(typed::<ExchangeSpec>(on()))),
        (on(), json!(typed::<QueueSpec>(on()))),
        (bound(), json!(typed::<BindingSpec>(bound()))),
    ];
    for (crd, (written, understood)) in crds().into_iter().zip(understood) {
        let json = serde_json::to_value(&crd).expect("JSON");
        let spec = &json["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
        let stored = kube_cel::apply_defaults(spec, &written);
        assert_eq!(stored, understood, "{}", crd.spec.names.kind);
    }
}

fn typed<T: DeserializeOwned>(spec: Value) -> T {
    serde_json::from_value(spec).expect("a valid spec")
}

#[test]
fn schemas_are_structural() {
    for crd in crds() {
        let crd = serde_json::to_value(&crd).expect("JSON");
        visit("", &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]);
    }
}

/// What Kubernetes refuses, or takes with a warning, anywhere in a schema.
fn visit(path: &str, schema: &Value) {
    let keys = schema.as_object().expect("a schema");
    for forbidden in ["$ref", "$defs", "definitions", "nullable", "const", "uniqueItems"] {
        assert!(!keys.contains_key(forbidden), "{path}: {forbidden}");
    }
    for logical in ["anyOf", "oneOf", "allOf", "not"] {
        assert!(!keys.contains_key(logical), "{path}: {logical} is not needed and hard to explain");
    }
    let typed = keys.contains_key("type")
        || ["x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields"]
            .iter()
            .any(|key| keys.contains_key(*key));
    assert!(typed, "{path}: a type is required");
    assert!(
        !(keys.contains_key("properties") && keys.contains_key("additionalProperties")),
        "{path}: one of the two"
    );
    let known = ["int32", "int64", "float", "double", "byte", "date-time"];
    assert!(
        schema["format"].as_str().is_none_or(|format| known.contains(&format)),
        "{path}: {}",
        schema["format"]
    );
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        visit(&format!("{path}.{name}"), property);
    }
    for nested in ["items", "additionalProperties"] {
        if schema[nested].is_object() {
            visit(&format!("{path}.{nested}"), &schema[nested]);
        }
    }
}
