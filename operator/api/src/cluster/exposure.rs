//! How clients reach the brokers: the shape of the client Service.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The client Service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Exposure {
    /// Who can connect: pods of this Kubernetes cluster, also through the nodes, or also through a
    /// load balancer.
    #[serde(rename = "type", default)]
    pub type_: ExposureType,

    /// Annotations of the Service, as load balancers ask for them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// The type of the client Service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ExposureType {
    /// Reached from inside the Kubernetes cluster.
    #[default]
    ClusterIP,
    /// Also reached at a port of every node.
    NodePort,
    /// Also reached through the provider's load balancer.
    LoadBalancer,
}

// === impl ExposureType ===

impl ExposureType {
    /// As Kubernetes spells it in a Service.
    pub fn as_str(self) -> &'static str {
        match self {
            ExposureType::ClusterIP => "ClusterIP",
            ExposureType::NodePort => "NodePort",
            ExposureType::LoadBalancer => "LoadBalancer",
        }
    }
}
