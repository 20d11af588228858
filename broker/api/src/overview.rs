//! The node at a glance: `GET /api/overview`.

use serde::{Deserialize, Serialize};

/// What a node is and how much it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overview {
    /// The node that answered.
    pub node: String,
    /// The cluster it belongs to.
    #[serde(default)]
    pub cluster_name: String,
    /// Always `Warren`.
    #[serde(default)]
    pub product_name: String,
    /// Warren's version.
    #[serde(default)]
    pub product_version: String,
    /// The version of RabbitMQ whose management API this is like; tools look for it.
    #[serde(default)]
    pub management_version: String,
    /// The same: the version of RabbitMQ that clients may take the broker for.
    #[serde(default)]
    pub rabbitmq_version: String,
    /// No rates are kept: `none`.
    #[serde(default)]
    pub rates_mode: String,
    /// Types of exchange that can be declared.
    #[serde(default)]
    pub exchange_types: Vec<Named>,
    /// Where the management API is served.
    #[serde(default)]
    pub contexts: Vec<Context>,
    /// Warren's addition: drawn at random on each start. A reader that sees another epoch than
    /// before knows that the broker restarted, and that what was not durable is gone.
    #[serde(default)]
    pub epoch: String,
    /// Warren's addition: the id kept in the data directory, the same across restarts.
    #[serde(default)]
    pub node_id: String,
    /// Warren's addition: when the broker started, in milliseconds since the Unix epoch.
    #[serde(default)]
    pub started_at: u64,
    /// How many objects there are.
    #[serde(default)]
    pub object_totals: ObjectTotals,
    /// How many messages the queues hold.
    #[serde(default)]
    pub queue_totals: QueueTotals,
    /// What went through since the start.
    #[serde(default)]
    pub message_stats: MessageStats,
    /// Where the node listens.
    #[serde(default)]
    pub listeners: Vec<Listener>,
}

/// How many objects a node holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ObjectTotals {
    /// Open client connections.
    pub connections: u64,
    /// Open channels on them.
    pub channels: u64,
    /// Exchanges in all vhosts.
    pub exchanges: u64,
    /// Queues in all vhosts.
    pub queues: u64,
    /// Consumers on them.
    pub consumers: u64,
}

/// How many messages the queues hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct QueueTotals {
    /// Ready and unacknowledged messages.
    pub messages: u64,
    /// Messages that wait for a consumer.
    pub messages_ready: u64,
    /// Messages that a consumer holds and has not acknowledged.
    pub messages_unacknowledged: u64,
}

/// Messages since the start of the node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MessageStats {
    /// Published by clients.
    pub publish: u64,
    /// Publishes that were confirmed.
    pub confirm: u64,
    /// Mandatory messages that no queue took, and that went back.
    pub return_unroutable: u64,
    /// Messages that no queue took, and that were dropped.
    pub drop_unroutable: u64,
    /// Handed to consumers or `basic.get`.
    pub deliver_get: u64,
    /// Of these, handed out more than once.
    pub redeliver: u64,
    /// Acknowledged by consumers.
    pub ack: u64,
}

/// Something that there is, and what it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: String,
    /// Whether it can be used.
    pub enabled: bool,
}

/// Where the management API is served.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Context {
    /// The node.
    pub node: String,
    /// What is served.
    pub description: String,
    /// Under which path.
    pub path: String,
    /// At which address.
    pub ip: String,
    /// On which port.
    pub port: String,
    /// `http` or `https`.
    pub protocol: String,
}

/// A socket that the node listens on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// The node.
    #[serde(default)]
    pub node: String,
    /// `amqp`, `amqp/ssl`, `http`, `https` or `http/prometheus`.
    pub protocol: String,
    /// The address.
    pub ip_address: String,
    /// The port that is really bound.
    pub port: u16,
}
