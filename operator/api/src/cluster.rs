//! `BrokerCluster`: the broker pods, and what they share.

use k8s_openapi::api::core::v1::{LocalObjectReference, ResourceRequirements};
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use crate::cluster::{
    access::AllowedNamespaces,
    exposure::Exposure,
    scheduling::{Scheduling, resources_schema},
    settings::Settings,
    status::BrokerClusterStatus,
    storage::Storage,
    tls::Tls,
};

pub mod access;
pub mod exposure;
pub mod scheduling;
pub mod settings;
pub mod status;
pub mod storage;
pub mod tls;

/// What a cluster of brokers should be.
#[derive(CustomResource, Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "warren.dev",
    version = "v1alpha1",
    kind = "BrokerCluster",
    plural = "brokerclusters",
    shortname = "bc",
    category = "warren",
    namespaced,
    status = "BrokerClusterStatus",
    derive = "PartialEq",
    doc = "A cluster of AMQP 0-9-1 brokers.",
    validation = Rule::new(
        "self.metadata.name.size() <= 40 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')")
        .message("metadata.name also names Services and pods: use at most 40 lower-case letters, digits and dashes, \
                  beginning with a letter")
        .reason(Reason::FieldValueInvalid),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.ready"),
    printcolumn(name = "Version", type_ = "string", json_path = ".status.version"),
    printcolumn(name = "Endpoint", type_ = "string", json_path = ".status.endpoint", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct BrokerClusterSpec {
    /// Broker pods.
    #[serde(default = "default_replicas")]
    #[schemars(range(min = 1, max = 99))]
    pub replicas: i32,

    /// Container image of the broker; the one that belongs to the operator when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub image: Option<String>,

    /// Secrets that let the nodes pull a private image.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub image_pull_secrets: Vec<LocalObjectReference>,

    /// Each pod's volume.
    #[serde(default)]
    pub storage: Storage,

    /// Processor and memory of each broker, as in any container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "resources_schema")]
    pub resources: Option<ResourceRequirements>,

    /// The Service that clients connect to.
    #[serde(default)]
    pub service: Exposure,

    /// TLS for clients, on port 5671, and for the management API, on port 15671; none when left out.
    /// The ports without TLS stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,

    /// Where the pods may run.
    #[serde(default)]
    pub scheduling: Scheduling,

    /// The namespaces whose resources may name this cluster.
    #[serde(default)]
    pub allowed_namespaces: AllowedNamespaces,

    /// Settings of the broker itself. A change restarts the pods one after the other.
    #[serde(default)]
    pub config: Settings,
}

fn default_replicas() -> i32 {
    1
}
