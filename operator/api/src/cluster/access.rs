//! Which namespaces may use a cluster.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The namespaces whose Exchanges, Queues and Bindings may name the cluster.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("(self.from == 'Selector') == has(self.selector)")
    .message("spec.allowedNamespaces.selector goes with from: Selector: set both or neither")
    .reason(Reason::FieldValueInvalid)
    .field_path(".selector"))]
pub struct AllowedNamespaces {
    /// The cluster's own namespace, every namespace, or those the selector picks.
    #[serde(default)]
    pub from: NamespacesFrom,

    /// Picks namespaces by their labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
}

/// How the allowed namespaces are chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NamespacesFrom {
    /// Only the cluster's own namespace.
    #[default]
    Same,
    /// Every namespace.
    All,
    /// Those whose labels the selector picks, and the cluster's own.
    Selector,
}
