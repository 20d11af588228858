//! The reference from a topology resource to the cluster it belongs to.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// Names the [`BrokerCluster`](crate::BrokerCluster) that holds an object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterRef {
    /// Name of the BrokerCluster.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,

    /// Namespace of the BrokerCluster; this resource's own when left out. Another namespace must
    /// be allowed by the cluster's `spec.allowedNamespaces`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
}

impl ClusterRef {
    /// The cluster's namespace, given that of the resource that refers to it.
    pub fn namespace_or<'a>(&'a self, own: &'a str) -> &'a str {
        self.namespace.as_deref().unwrap_or(own)
    }
}
