//! What the operator last saw of a cluster.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Status of a BrokerCluster.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct BrokerClusterStatus {
    /// The `metadata.generation` that was last attempted, whatever came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// Ready, Accepted and Programmed always; Reconciling and Stalled only while true.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,

    /// The conditions in one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,

    /// Broker pods that exist.
    #[serde(default)]
    pub replicas: i32,

    /// Broker pods that answer.
    #[serde(default)]
    pub ready_replicas: i32,

    /// Ready of wanted pods, as in `1/1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<String>,

    /// Version the brokers run; the oldest while they differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,

    /// Host and port that clients inside the Kubernetes cluster connect to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,

    /// Secret that holds `username`, `password`, `host`, `port` and `uri`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_name: Option<String>,

    /// The brokers, one by one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub members: Vec<Member>,

    /// The last time a broker went away without being asked to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_restart: Option<Restart>,
}

/// A cluster in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Phase {
    /// Nothing is there yet, or what is there has not answered yet.
    Pending,
    /// Every broker answers.
    Running,
    /// Some brokers answer.
    Degraded,
    /// None answers, though they did before.
    Unavailable,
    /// The manifest must change first; the conditions say how.
    Failed,
    /// The cluster is being removed.
    Deleting,
}

/// One broker.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// Name of the pod.
    pub name: String,

    /// Whether it answers.
    #[serde(default)]
    pub ready: bool,

    /// Where it is in its life.
    #[serde(default)]
    pub state: MemberState,

    /// Version it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,

    /// Its incarnation: another value after every start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<String>,

    /// How often its container was started again.
    #[serde(default)]
    pub restarts: i32,
}

/// Where a broker is in its life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MemberState {
    /// Waiting for a node, a volume or an image.
    #[default]
    Pending,
    /// Started, not answering yet.
    Starting,
    /// Answering.
    Running,
    /// Ended again and again; started at growing intervals.
    CrashLooping,
    /// Being stopped.
    Terminating,
}

/// A restart that nobody asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Restart {
    /// Name of the pod.
    pub member: String,

    /// When it was noticed.
    pub time: Time,

    /// Why the container ended, as Kubernetes puts it, as in `Error` or `OOMKilled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,

    /// What its process returned; 128 and the signal's number when it was killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
}
