//! What Exchange, Queue and Binding have in common: where they live, and what their status says.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::{
    policy::{Adoption, DeletionPolicy},
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
}

/// The default of `spec.vhost`.
pub(crate) fn default_vhost() -> String {
    "/".to_owned()
}

/// The default of `spec.durable`.
pub(crate) fn default_durable() -> bool {
    true
}
