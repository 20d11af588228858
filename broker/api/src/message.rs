//! Single messages: `POST /api/exchanges/{vhost}/{name}/publish` and `/api/queues/{vhost}/{name}/get`.
//! For a look and a try, not for traffic.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What publishing takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PublishRequest {
    /// Message properties by their names, as in `delivery_mode`, and `headers`.
    #[serde(default)]
    pub properties: Map<String, Value>,
    /// The routing key.
    pub routing_key: String,
    /// The body.
    pub payload: String,
    /// `string`, or `base64` if the payload is that.
    pub payload_encoding: String,
}

/// What publishing answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// Whether at least one queue took the message, and none refused it.
    pub routed: bool,
}

/// What getting takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetRequest {
    /// How many messages at most.
    pub count: Count,
    /// `ack_requeue_true`, `ack_requeue_false`, `reject_requeue_true` or `reject_requeue_false`.
    pub ackmode: String,
    /// `auto`: as text where the body is text, otherwise as base 64; or `base64`.
    pub encoding: String,
    /// Bytes after which a body is cut, if it is to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncate: Option<Count>,
}

/// A number, perhaps written as a string.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Count {
    /// A number.
    Number(u64),
    /// A number as a string.
    Text(String),
}

/// A message that was got.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Bytes of the body, before it was cut.
    pub payload_bytes: u64,
    /// Whether it may have been delivered before.
    pub redelivered: bool,
    /// The exchange it was published to.
    pub exchange: String,
    /// The routing key it was published with.
    pub routing_key: String,
    /// How many messages were left in the queue.
    pub message_count: u64,
    /// Its properties, and `headers`.
    pub properties: Map<String, Value>,
    /// The body.
    pub payload: String,
    /// `string` or `base64`.
    pub payload_encoding: String,
}

// === impl Count ===

impl Count {
    /// The number, if it is one.
    #[must_use]
    pub fn get(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
        }
    }
}
