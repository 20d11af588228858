//! The built-in kinds: enough for the operator, its charts, and what `dev` runs.

use std::sync::LazyLock;

use k8s_openapi::{
    api::{
        apps::v1 as apps, authorization::v1 as authorization, coordination::v1 as coordination,
        core::v1 as core, discovery::v1 as discovery, events::v1 as events,
        networking::v1 as networking, policy::v1 as policy, rbac::v1 as rbac,
        storage::v1 as storage,
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1 as apiextensions,
    apimachinery::pkg::apis::meta::v1::DeleteOptions,
    schemars::{JsonSchema, SchemaGenerator},
};

use crate::apiserver::catalog::{Resource, Scale, definitions::Definitions};

/// One row of the table.
struct Row {
    group: &'static str,
    kind: &'static str,
    plural: &'static str,
    short: &'static [&'static str],
    namespaced: bool,
    status: bool,
    scale: bool,
    extra: &'static [&'static str],
    definition: String,
}

/// Registers the schemas of every kind that is served.
fn register(generator: &mut SchemaGenerator) {
    rows(generator);
    generator.subschema_for::<DeleteOptions>();
    generator.subschema_for::<policy::Eviction>();
    generator.subschema_for::<core::Binding>();
}

/// The definitions of every built-in kind and of what they are made of.
pub(crate) fn definitions() -> &'static Definitions {
    static DEFINITIONS: LazyLock<Definitions> = LazyLock::new(|| Definitions::generate(register));
    &DEFINITIONS
}

/// Every built-in kind.
pub(crate) fn all() -> Vec<Resource> {
    rows(&mut SchemaGenerator::default()).into_iter().map(Row::into_resource).collect()
}

fn row<T: JsonSchema>(
    generator: &mut SchemaGenerator,
    group: &'static str,
    kind: &'static str,
    plural: &'static str,
    short: &'static [&'static str],
) -> Row {
    generator.subschema_for::<T>();
    let definition = T::schema_name().into_owned();
    let (namespaced, status, scale, extra) = (true, false, false, &[][..]);
    Row { group, kind, plural, short, namespaced, status, scale, extra, definition }
}

fn rows(g: &mut SchemaGenerator) -> Vec<Row> {
    let mut rows = core_rows(g);
    rows.extend(group_rows(g));
    rows
}

#[rustfmt::skip]
fn core_rows(g: &mut SchemaGenerator) -> Vec<Row> {
    vec![
        row::<core::ConfigMap>(g, "", "ConfigMap", "configmaps", &["cm"]),
        row::<core::Endpoints>(g, "", "Endpoints", "endpoints", &["ep"]),
        row::<core::Event>(g, "", "Event", "events", &["ev"]),
        row::<core::LimitRange>(g, "", "LimitRange", "limitranges", &["limits"]),
        row::<core::Namespace>(g, "", "Namespace", "namespaces", &["ns"]).cluster().status().extra(&["finalize"]),
        row::<core::Node>(g, "", "Node", "nodes", &["no"]).cluster().status(),
        row::<core::PersistentVolume>(g, "", "PersistentVolume", "persistentvolumes", &["pv"]).cluster().status(),
        row::<core::PersistentVolumeClaim>(g, "", "PersistentVolumeClaim", "persistentvolumeclaims", &["pvc"]).status(),
        row::<core::Pod>(g, "", "Pod", "pods", &["po"]).status().extra(&["log", "binding", "eviction"]),
        row::<core::ResourceQuota>(g, "", "ResourceQuota", "resourcequotas", &["quota"]).status(),
        row::<core::Secret>(g, "", "Secret", "secrets", &[]),
        row::<core::Service>(g, "", "Service", "services", &["svc"]).status(),
        row::<core::ServiceAccount>(g, "", "ServiceAccount", "serviceaccounts", &["sa"]),
    ]
}

#[rustfmt::skip]
fn group_rows(g: &mut SchemaGenerator) -> Vec<Row> {
    const RBAC: &str = "rbac.authorization.k8s.io";
    vec![
        row::<apps::Deployment>(g, "apps", "Deployment", "deployments", &["deploy"]).status().scale(),
        row::<apps::ReplicaSet>(g, "apps", "ReplicaSet", "replicasets", &["rs"]).status().scale(),
        row::<apps::StatefulSet>(g, "apps", "StatefulSet", "statefulsets", &["sts"]).status().scale(),
        row::<apps::DaemonSet>(g, "apps", "DaemonSet", "daemonsets", &["ds"]).status(),
        row::<apps::ControllerRevision>(g, "apps", "ControllerRevision", "controllerrevisions", &[]),
        row::<policy::PodDisruptionBudget>(g, "policy", "PodDisruptionBudget", "poddisruptionbudgets", &["pdb"]).status(),
        row::<coordination::Lease>(g, "coordination.k8s.io", "Lease", "leases", &[]),
        row::<discovery::EndpointSlice>(g, "discovery.k8s.io", "EndpointSlice", "endpointslices", &[]),
        row::<events::Event>(g, "events.k8s.io", "Event", "events", &["ev"]),
        row::<networking::NetworkPolicy>(g, "networking.k8s.io", "NetworkPolicy", "networkpolicies", &["netpol"]),
        row::<storage::StorageClass>(g, "storage.k8s.io", "StorageClass", "storageclasses", &["sc"]).cluster(),
        row::<rbac::Role>(g, RBAC, "Role", "roles", &[]),
        row::<rbac::RoleBinding>(g, RBAC, "RoleBinding", "rolebindings", &[]),
        row::<rbac::ClusterRole>(g, RBAC, "ClusterRole", "clusterroles", &[]).cluster(),
        row::<rbac::ClusterRoleBinding>(g, RBAC, "ClusterRoleBinding", "clusterrolebindings", &[]).cluster(),
        row::<apiextensions::CustomResourceDefinition>(g, "apiextensions.k8s.io", "CustomResourceDefinition", "customresourcedefinitions", &["crd", "crds"]).cluster().status(),
        row::<authorization::SelfSubjectAccessReview>(g, "authorization.k8s.io", "SelfSubjectAccessReview", "selfsubjectaccessreviews", &[]).cluster(),
        row::<authorization::SelfSubjectRulesReview>(g, "authorization.k8s.io", "SelfSubjectRulesReview", "selfsubjectrulesreviews", &[]).cluster(),
    ]
}

// === impl Row ===

impl Row {
    fn cluster(self) -> Self {
        Self { namespaced: false, ..self }
    }

    fn status(self) -> Self {
        Self { status: true, ..self }
    }

    fn scale(self) -> Self {
        Self { scale: true, ..self }
    }

    fn extra(self, extra: &'static [&'static str]) -> Self {
        Self { extra, ..self }
    }

    fn into_resource(self) -> Resource {
        let schema = definitions().schema(&self.definition);
        let counts = schema.field("spec").is_some();
        let owned = |list: &[&str]| list.iter().map(|&name| name.to_owned()).collect();
        let everyday = ["pods", "services", "statefulsets", "deployments", "replicasets"];
        let categories: &[&str] = if everyday.contains(&self.plural) { &["all"] } else { &[] };
        let extensions: &[&str] =
            if self.group == "apiextensions.k8s.io" { &["api-extensions"] } else { &[] };
        // Both groups of events show the same objects.
        let table_group = if self.plural == "events" { "" } else { self.group };
        Resource {
            group: self.group.to_owned(),
            version: "v1".to_owned(),
            kind: self.kind.to_owned(),
            plural: self.plural.to_owned(),
            singular: self.kind.to_lowercase(),
            list_kind: format!("{}List", self.kind),
            short_names: owned(self.short),
            categories: owned(&[categories, extensions].concat()),
            namespaced: self.namespaced,
            rules: None,
            status: self.status,
            scale: self.scale.then(|| Scale {
                spec: ".spec.replicas".into(),
                status: ".status.replicas".into(),
                selector: Some(".spec.selector".into()),
            }),
            extra: self.extra,
            columns: Vec::new(),
            table: format!("{table_group}/{}", self.plural),
            document: None,
            ephemeral: self.group == "authorization.k8s.io",
            counts,
            schema,
            definition: self.definition,
        }
    }
}
