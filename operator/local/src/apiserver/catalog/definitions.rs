//! The schemas of the built-in kinds, generated from the Rust types of `k8s-openapi`.
//!
//! Those carry names, types and descriptions. How lists merge is known from the table below, which
//! follows the `x-kubernetes-list-*` and patch extensions of Kubernetes' own OpenAPI document.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use k8s_openapi::schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Value, json};

use crate::apiserver::schema::{Resolve, Schema};

/// Definitions whose JSON can be anything, or that nest without end.
const ANYTHING: &[&str] = &[
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps",
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1",
    "io.k8s.apimachinery.pkg.runtime.RawExtension",
];

/// Objects that are replaced as a whole.
const ATOMIC: &[&str] = &[
    "io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector",
    "io.k8s.api.core.v1.LocalObjectReference",
    "io.k8s.api.core.v1.ObjectReference",
    "io.k8s.api.core.v1.ConfigMapKeySelector",
    "io.k8s.api.core.v1.SecretKeySelector",
    "io.k8s.api.core.v1.ObjectFieldSelector",
    "io.k8s.api.core.v1.ResourceFieldSelector",
    "io.k8s.api.core.v1.NodeSelector",
    "io.k8s.api.core.v1.NodeSelectorTerm",
    "io.k8s.api.core.v1.TypedLocalObjectReference",
    "io.k8s.api.rbac.v1.RoleRef",
    "io.k8s.api.rbac.v1.Subject",
];

/// Lists that merge: definition, field, and the keys of their entries; no keys for a set.
#[rustfmt::skip]
const LISTS: &[(&str, &str, &[&str])] = &[
    ("ObjectMeta", "finalizers", &[]),
    ("ObjectMeta", "ownerReferences", &["uid"]),
    ("PodSpec", "containers", &["name"]),
    ("PodSpec", "initContainers", &["name"]),
    ("PodSpec", "ephemeralContainers", &["name"]),
    ("PodSpec", "volumes", &["name"]),
    ("PodSpec", "imagePullSecrets", &["name"]),
    ("PodSpec", "hostAliases", &["ip"]),
    ("PodSpec", "resourceClaims", &["name"]),
    ("PodSpec", "schedulingGates", &["name"]),
    ("PodSpec", "topologySpreadConstraints", &["topologyKey", "whenUnsatisfiable"]),
    ("PodStatus", "conditions", &["type"]),
    ("PodStatus", "hostIPs", &["ip"]),
    ("PodStatus", "podIPs", &["ip"]),
    ("Container", "env", &["name"]),
    ("Container", "ports", &["containerPort", "protocol"]),
    ("Container", "volumeMounts", &["mountPath"]),
    ("Container", "volumeDevices", &["devicePath"]),
    ("ContainerStatus", "volumeMounts", &["mountPath"]),
    ("ResourceRequirements", "claims", &["name"]),
    ("ServiceSpec", "ports", &["port", "protocol"]),
    ("ServiceStatus", "conditions", &["type"]),
    ("ServiceAccount", "secrets", &["name"]),
    ("NamespaceStatus", "conditions", &["type"]),
    ("NodeStatus", "addresses", &["type"]),
    ("NodeStatus", "conditions", &["type"]),
    ("NodeSpec", "podCIDRs", &[]),
    ("PersistentVolumeClaimStatus", "conditions", &["type"]),
    ("Endpoint", "addresses", &[]),
    ("DaemonSetStatus", "conditions", &["type"]),
    ("DeploymentStatus", "conditions", &["type"]),
    ("ReplicaSetStatus", "conditions", &["type"]),
    ("StatefulSetStatus", "conditions", &["type"]),
    ("PodDisruptionBudgetStatus", "conditions", &["type"]),
    ("CustomResourceDefinitionStatus", "conditions", &["type"]),
];

/// The definitions, made once.
pub(crate) struct Definitions {
    documents: BTreeMap<String, Value>,
    parsed: Mutex<HashMap<String, Arc<Schema>>>,
}

// === impl Definitions ===

impl Definitions {
    /// Of what `register` tells the generator, and of what that is made of.
    pub(super) fn generate(register: impl FnOnce(&mut SchemaGenerator)) -> Self {
        let mut generator = SchemaSettings::draft2020_12().into_generator();
        register(&mut generator);
        let mut documents: BTreeMap<String, Value> =
            generator.take_definitions(true).into_iter().collect();
        for (name, document) in &mut documents {
            amend(name, document);
        }
        Self { documents, parsed: Mutex::default() }
    }

    /// One definition, as anything at all when it is not known.
    pub(crate) fn schema(&self, name: &str) -> Arc<Schema> {
        if ANYTHING.contains(&name) {
            return Arc::new(Schema::any());
        }
        let cached = |parsed: &HashMap<String, Arc<Schema>>| parsed.get(name).cloned();
        if let Some(found) = cached(&self.parsed.lock().unwrap_or_else(PoisonError::into_inner)) {
            return found;
        }
        let document = self.documents.get(name).unwrap_or(&Value::Null);
        let schema = Schema::parse(document, self).unwrap_or_else(|_| Schema::any());
        let schema = Arc::new(schema);
        let mut parsed = self.parsed.lock().unwrap_or_else(PoisonError::into_inner);
        parsed.insert(name.to_owned(), schema.clone());
        schema
    }

    /// Name and JSON form of each definition; references are `#/$defs/NAME`.
    pub(crate) fn documents(&self) -> &BTreeMap<String, Value> {
        &self.documents
    }
}

impl Resolve for Definitions {
    fn resolve(&self, name: &str) -> Arc<Schema> {
        self.schema(name)
    }
}

/// Adds what the Rust types do not say.
fn amend(name: &str, document: &mut Value) {
    let short = name.rsplit('.').next().unwrap_or(name);
    if let Some(required) = document["required"].as_array_mut() {
        // The Rust types always have metadata; manifests need not.
        required.retain(|field| field != "metadata");
        if required.is_empty() {
            document.as_object_mut().map(|map| map.remove("required"));
        }
    }
    if ATOMIC.contains(&name) {
        document["x-kubernetes-map-type"] = json!("atomic");
    }
    let core = name.starts_with("io.k8s.api.") || name.starts_with("io.k8s.api");
    for (_, field, keys) in LISTS.iter().filter(|(owner, ..)| core && *owner == short) {
        let Some(list) = document["properties"].get_mut(*field) else { continue };
        if keys.is_empty() {
            list["x-kubernetes-list-type"] = json!("set");
        } else {
            list["x-kubernetes-list-type"] = json!("map");
            list["x-kubernetes-list-map-keys"] = json!(keys);
            list["x-kubernetes-patch-merge-key"] = json!(keys[0]);
        }
        list["x-kubernetes-patch-strategy"] = json!("merge");
    }
    if matches!(short, "ContainerPort" | "ServicePort") && core {
        document["properties"]["protocol"]["default"] = json!("TCP");
    }
}
