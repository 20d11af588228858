//! One queue: `GET /api/queues`, `/api/queues/{vhost}`, `/api/queues/{vhost}/{name}`.

use serde::{Deserialize, Serialize};

use crate::arguments::Arguments;
use crate::channel::Consumer;
use crate::lenient;

/// A queue, as it was declared and as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// The vhost it lives in.
    pub vhost: String,
    /// Whether it outlives a restart of the broker.
    #[serde(default)]
    pub durable: bool,
    /// Whether it goes when its last consumer goes.
    #[serde(default)]
    pub auto_delete: bool,
    /// Whether only the connection that declared it may use it.
    #[serde(default)]
    pub exclusive: bool,
    /// The arguments it was declared with.
    #[serde(default)]
    pub arguments: Arguments,
    /// The name of the policy that applies to it.
    #[serde(default)]
    pub policy: Option<String>,
    /// The name of the operator policy that applies to it.
    #[serde(default)]
    pub operator_policy: Option<String>,
    /// What both policies say together.
    #[serde(default)]
    pub effective_policy_definition: Arguments,
    /// `classic` or `quorum`.
    #[serde(default, rename = "type")]
    pub kind: String,
    /// The node that leads the queue.
    #[serde(default)]
    pub leader: String,
    /// The same, under the name that older tools read.
    #[serde(default)]
    pub node: String,
    /// Every node that holds a copy, the leader included.
    #[serde(default)]
    pub members: Vec<String>,
    /// Of these, the nodes that are up.
    #[serde(default)]
    pub online: Vec<String>,
    /// `running`, or `down` when no leader answers.
    #[serde(default)]
    pub state: String,
    /// Ready and unacknowledged messages.
    #[serde(default)]
    pub messages: u64,
    /// Messages that wait for a consumer.
    #[serde(default)]
    pub messages_ready: u64,
    /// Messages that a consumer holds and has not acknowledged.
    #[serde(default)]
    pub messages_unacknowledged: u64,
    /// Bytes of the bodies of all its messages.
    #[serde(default)]
    pub message_bytes: u64,
    /// Of these, of those that wait for a consumer.
    #[serde(default)]
    pub message_bytes_ready: u64,
    /// Of these, of those that a consumer holds and has not acknowledged.
    #[serde(default)]
    pub message_bytes_unacknowledged: u64,
    /// Warren's addition: duplicates that it did not take since the node was started.
    #[serde(default)]
    pub messages_deduplicated: u64,
    /// Warren's addition: keys of earlier messages by which it tells duplicates.
    #[serde(default)]
    pub deduplication_keys: u64,
    /// Consumers on the queue.
    #[serde(default)]
    pub consumers: u64,
    /// Who they are; only where one queue is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consumer_details: Option<Vec<Consumer>>,
    /// Warren's addition: differs for a queue that was deleted and declared again.
    #[serde(default)]
    pub incarnation: u64,
}

/// What `PUT /api/queues/{vhost}/{name}` takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueueDeclaration {
    /// Whether it outlives a restart of the broker.
    #[serde(default = "yes", deserialize_with = "lenient::flag")]
    pub durable: bool,
    /// Whether it goes when its last consumer goes.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub auto_delete: bool,
    /// Its arguments.
    #[serde(default)]
    pub arguments: Arguments,
}

fn yes() -> bool {
    true
}
