//! Channels and consumers: `GET /api/channels`, `GET /api/consumers`.

use serde::{Deserialize, Serialize};

use crate::arguments::Arguments;

/// A channel that is open now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Channel {
    /// `PEER -> LOCAL (NUMBER)`.
    pub name: String,
    /// Its number.
    #[serde(default)]
    pub number: u16,
    /// The node that holds its connection.
    #[serde(default)]
    pub node: String,
    /// The vhost of its connection.
    #[serde(default)]
    pub vhost: String,
    /// The user of its connection.
    #[serde(default)]
    pub user: String,
    /// The same, under the name of those who keep records.
    #[serde(default)]
    pub user_who_performed_action: String,
    /// Its connection.
    #[serde(default)]
    pub connection_details: ConnectionDetails,
    /// `running`, or `flow` while the client is kept from publishing.
    #[serde(default)]
    pub state: String,
    /// Whether publishes are confirmed.
    #[serde(default)]
    pub confirm: bool,
    /// Whether it is in tx mode.
    #[serde(default)]
    pub transactional: bool,
    /// The prefetch of consumers to come; 0 is no limit.
    #[serde(default)]
    pub prefetch_count: u32,
    /// How many deliveries may be unacknowledged on the whole channel; 0 is no limit.
    #[serde(default)]
    pub global_prefetch_count: u32,
    /// Consumers on it.
    #[serde(default)]
    pub consumer_count: u64,
    /// Deliveries that are not acknowledged.
    #[serde(default)]
    pub messages_unacknowledged: u64,
    /// Publishes that are not confirmed.
    #[serde(default)]
    pub messages_unconfirmed: u64,
    /// Publishes that wait for a commit.
    #[serde(default)]
    pub messages_uncommitted: u64,
    /// Acknowledgements that wait for a commit.
    #[serde(default)]
    pub acks_uncommitted: u64,
    /// What went through it.
    #[serde(default)]
    pub message_stats: ChannelStats,
    /// Its consumers; only where one channel is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consumer_details: Option<Vec<Consumer>>,
}

/// Messages since the channel was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChannelStats {
    /// Published; counted in confirm mode only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish: Option<u64>,
    /// Of these, confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirm: Option<u64>,
    /// Handed to its consumers or `basic.get`.
    pub deliver_get: u64,
}

/// Which connection a channel is of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConnectionDetails {
    /// Its name.
    pub name: String,
    /// The client's address.
    pub peer_host: String,
    /// The client's port.
    pub peer_port: u16,
}

/// A consumer of a queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Consumer {
    /// Its name on its channel.
    pub consumer_tag: String,
    /// What it consumes from.
    pub queue: QueueName,
    /// Its channel.
    #[serde(default)]
    pub channel_details: ChannelDetails,
    /// Whether deliveries have to be acknowledged.
    #[serde(default)]
    pub ack_required: bool,
    /// Whether no other may be on the queue.
    #[serde(default)]
    pub exclusive: bool,
    /// Its own prefetch; 0 is no limit.
    #[serde(default)]
    pub prefetch_count: u32,
    /// Whether it gets messages: of a queue with a single active consumer only one does.
    #[serde(default)]
    pub active: bool,
    /// `up`, or `single_active` or `waiting` where there is one at a time.
    #[serde(default)]
    pub activity_status: String,
    /// What it came with that means something to the broker.
    #[serde(default)]
    pub arguments: Arguments,
}

/// A queue by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueName {
    /// Its name.
    pub name: String,
    /// The vhost it lives in.
    pub vhost: String,
}

/// Which channel a consumer is on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChannelDetails {
    /// Its name.
    pub name: String,
    /// Its number.
    pub number: u16,
    /// The user of its connection.
    pub user: String,
    /// The connection's name.
    pub connection_name: String,
    /// The client's address.
    pub peer_host: String,
    /// The client's port.
    pub peer_port: u16,
    /// The node that holds it.
    pub node: String,
}
