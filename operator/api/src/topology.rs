//! What Exchange, Queue and Binding have in common: where they live, and what their status says.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::{
    binding::Binding,
    exchange::Exchange,
    policy::{Adoption, DeletionPolicy},
    queue::{Queue, QueueStatus},
    reference::ClusterRef,
};

/// Status of an Exchange or a Binding, and the common part of a Queue's.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TopologyStatus {
    /// The `metadata.generation` that was last attempted, whatever came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// Ready, Accepted and Programmed always; Reconciling and Stalled only while true.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,

    /// The broker's name for the object: `spec.name`, or else `metadata.name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,

    /// Incarnation of the broker that last confirmed the object. A broker that started again has
    /// another epoch, and the object is programmed anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<String>,
}

/// A resource that stands for an object inside a broker.
pub trait TopologyResource {
    /// The cluster the object lives in.
    fn cluster_ref(&self) -> &ClusterRef;
    /// The virtual host the object lives in.
    fn vhost(&self) -> &str;
    /// What deleting the resource does to the object.
    fn deletion_policy(&self) -> DeletionPolicy;
    /// Whether an object that was there before may be taken over.
    fn adoption(&self) -> Adoption;
    /// The common part of the status, empty before the first attempt.
    fn topology_status(&self) -> TopologyStatus;
    /// Replaces the common part of the status and leaves the rest alone.
    fn set_topology_status(&mut self, status: TopologyStatus);
}

// === impl TopologyResource ===

impl TopologyResource for Exchange {
    fn cluster_ref(&self) -> &ClusterRef {
        &self.spec.cluster_ref
    }
    fn vhost(&self) -> &str {
        &self.spec.vhost
    }
    fn deletion_policy(&self) -> DeletionPolicy {
        self.spec.deletion_policy
    }
    fn adoption(&self) -> Adoption {
        self.spec.adoption
    }
    fn topology_status(&self) -> TopologyStatus {
        self.status.clone().unwrap_or_default()
    }
    fn set_topology_status(&mut self, status: TopologyStatus) {
        self.status = Some(status);
    }
}

impl TopologyResource for Queue {
    fn cluster_ref(&self) -> &ClusterRef {
        &self.spec.cluster_ref
    }
    fn vhost(&self) -> &str {
        &self.spec.vhost
    }
    fn deletion_policy(&self) -> DeletionPolicy {
        self.spec.deletion_policy
    }
    fn adoption(&self) -> Adoption {
        self.spec.adoption
    }
    fn topology_status(&self) -> TopologyStatus {
        self.status.clone().map(|status| status.topology).unwrap_or_default()
    }
    fn set_topology_status(&mut self, status: TopologyStatus) {
        self.status.get_or_insert_with(QueueStatus::default).topology = status;
    }
}

impl TopologyResource for Binding {
    fn cluster_ref(&self) -> &ClusterRef {
        &self.spec.cluster_ref
    }
    fn vhost(&self) -> &str {
        &self.spec.vhost
    }
    fn deletion_policy(&self) -> DeletionPolicy {
        self.spec.deletion_policy
    }
    fn adoption(&self) -> Adoption {
        Adoption::IfIdentical
    }
    fn topology_status(&self) -> TopologyStatus {
        self.status.clone().unwrap_or_default()
    }
    fn set_topology_status(&mut self, status: TopologyStatus) {
        self.status = Some(status);
    }
}

/// The default of `spec.vhost`.
pub(crate) fn default_vhost() -> String {
    "/".to_owned()
}

/// The default of `spec.durable`.
pub(crate) fn default_durable() -> bool {
    true
}
