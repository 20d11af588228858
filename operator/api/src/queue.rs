//! `Queue`: keeps messages until a consumer has acknowledged them (AMQP 0-9-1, section 3.1).

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema, ResourceExt, core::Duration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    policy::{Adoption, DeletionPolicy},
    queue::arguments::arguments_schema,
    reference::ClusterRef,
    rules,
    size::Size,
    topology::{TopologyResource, TopologyStatus, default_durable, default_vhost},
};

pub mod arguments;

const RECREATE: &str = "AMQP fixes it when the queue is declared; create a queue under another name, move bindings \
                        and consumers, then delete this one (or delete and create it again, losing its messages)";

/// What a queue should be.
#[derive(CustomResource, Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "warren.dev",
    version = "v1alpha1",
    kind = "Queue",
    plural = "queues",
    shortname = "q",
    category = "warren",
    namespaced,
    status = "QueueStatus",
    derive = "PartialEq",
    doc = "A queue in a broker: keeps messages until a consumer has acknowledged them.",
    validation = rules::fixed_name("Queue"),
    validation = rules::unreserved_name("Queue"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Cluster", type_ = "string", json_path = ".spec.clusterRef.name"),
    printcolumn(name = "Vhost", type_ = "string", json_path = ".spec.vhost"),
    printcolumn(name = "Queue", type_ = "string", json_path = ".status.name"),
    printcolumn(name = "Leader", type_ = "string", json_path = ".status.leader"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(
    validation = rules::fixed("clusterRef", "create the Queue again for the other cluster and delete this one"),
    validation = rules::fixed("vhost", RECREATE),
    validation = rules::fixed("durable", RECREATE),
    validation = rules::fixed("autoDelete", RECREATE),
    validation = rules::fixed("deadLetter", RECREATE),
    validation = rules::fixed("messageTtl", RECREATE),
    validation = rules::fixed("expires", RECREATE),
    validation = rules::fixed("maxLength", RECREATE),
    validation = rules::fixed("maxLengthBytes", RECREATE),
    validation = rules::fixed("overflow", RECREATE),
    validation = rules::fixed("maxPriority", RECREATE),
    validation = rules::fixed("deliveryLimit", RECREATE),
    validation = rules::fixed("singleActiveConsumer", RECREATE),
    validation = rules::fixed("arguments", RECREATE),
    validation = rules::either("deadLetter", "x-dead-letter-exchange"),
    validation = rules::either("deadLetter", "x-dead-letter-routing-key"),
    validation = rules::either("messageTtl", "x-message-ttl"),
    validation = rules::either("expires", "x-expires"),
    validation = rules::either("maxLength", "x-max-length"),
    validation = rules::either("maxLengthBytes", "x-max-length-bytes"),
    validation = rules::either("overflow", "x-overflow"),
    validation = rules::either("maxPriority", "x-max-priority"),
    validation = rules::either("deliveryLimit", "x-delivery-limit"),
    validation = rules::either("singleActiveConsumer", "x-single-active-consumer"),
    validation = Rule::new("self.deletionPolicy != 'Retain' || !(self.onlyIfEmpty || self.onlyIfUnused)")
        .message("spec.onlyIfEmpty and spec.onlyIfUnused guard a deletion, and deletionPolicy: Retain never deletes: \
                  remove them, or set deletionPolicy: Delete")
        .reason(Reason::FieldValueInvalid)
        .field_path(".deletionPolicy"),
)]
#[serde(rename_all = "camelCase")]
pub struct QueueSpec {
    /// The BrokerCluster that holds the queue.
    pub cluster_ref: ClusterRef,

    /// Virtual host.
    #[serde(default = "default_vhost")]
    #[schemars(length(min = 1, max = 255))]
    pub vhost: String,

    /// The broker's name for the queue; `metadata.name` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub name: Option<String>,

    /// Whether the queue survives a restart of the broker.
    #[serde(default = "default_durable")]
    pub durable: bool,

    /// Whether the broker deletes the queue when its last consumer goes.
    #[serde(default)]
    pub auto_delete: bool,

    /// Copies of the queue in the cluster, the leader's included; 1 is not mirrored.
    #[serde(default = "default_replicas")]
    #[schemars(range(min = 1, max = 99))]
    pub replicas: i32,

    /// Where messages go that are rejected, expire or overflow; dropped when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter: Option<DeadLetter>,

    /// How long a message may wait, as in `30s` or `1h`; for ever when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24))]
    #[x_kube(validation = rules::duration())]
    pub message_ttl: Option<Duration>,

    /// How long the queue may stay unused before the broker deletes it; for ever when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24))]
    #[x_kube(validation = rules::duration())]
    pub expires: Option<Duration>,

    /// Most messages that may wait; unlimited when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub max_length: Option<i64>,

    /// Most body bytes that may wait, as in `500Mi`; unlimited when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = rules::size())]
    pub max_length_bytes: Option<Size>,

    /// What happens to a message that finds the queue full; `drop-head` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overflow: Option<Overflow>,

    /// Highest message priority; no priorities when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 255))]
    pub max_priority: Option<i32>,

    /// How often a message may be delivered before it is dead-lettered, which quorum queues count; unlimited when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub delivery_limit: Option<i64>,

    /// Whether one consumer at a time gets all messages, so that they are worked on in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub single_active_consumer: Option<bool>,

    /// Further declare arguments, as AMQP and RabbitMQ name them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "arguments_schema")]
    pub arguments: BTreeMap<String, Value>,

    /// What deleting this resource does to the queue and the messages in it.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,

    /// Delete the queue only once it is empty; until then the resource stays, and says why.
    #[serde(default)]
    pub only_if_empty: bool,

    /// Delete the queue only once nobody consumes from it; until then the resource stays, and says why.
    #[serde(default)]
    pub only_if_unused: bool,

    /// Whether a queue that already exists may be taken over.
    #[serde(default)]
    pub adoption: Adoption,
}

/// Where messages go that a queue gives up on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// The broker's name of the exchange that gets them; the default exchange when empty.
    #[schemars(length(max = 255))]
    pub exchange: String,

    /// Their new routing key; the one they were published with when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub routing_key: Option<String>,
}

/// What a full queue does with one message more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Overflow {
    /// The oldest waiting message goes.
    DropHead,
    /// The new message is refused: a confirming publisher gets a nack.
    RejectPublish,
    /// As `reject-publish`, and the new message is dead-lettered.
    RejectPublishDlx,
}

/// What the operator last saw of a queue.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueStatus {
    /// What every topology resource tells.
    #[serde(flatten)]
    pub topology: TopologyStatus,

    /// The member that serves the queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leader: Option<String>,
}

// === impl Queue ===

impl Queue {
    /// The broker's name for the queue.
    pub fn broker_name(&self) -> String {
        self.spec.name.clone().unwrap_or_else(|| self.name_any())
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
}

// === impl Overflow ===

impl Overflow {
    /// The value of `x-overflow`.
    pub fn as_str(self) -> &'static str {
        match self {
            Overflow::DropHead => "drop-head",
            Overflow::RejectPublish => "reject-publish",
            Overflow::RejectPublishDlx => "reject-publish-dlx",
        }
    }
}

fn default_replicas() -> i32 {
    1
}
