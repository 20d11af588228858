//! One binding: `GET /api/bindings`, `/api/bindings/{vhost}`, `/api/queues/{vhost}/{name}/bindings`.

use serde::{Deserialize, Serialize};

use crate::arguments::Arguments;

/// What a binding leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DestinationType {
    /// The destination is a queue.
    Queue,
    /// The destination is another exchange.
    Exchange,
}

/// A rule by which an exchange hands messages on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Binding {
    /// The exchange that messages come from; empty for the default exchange.
    pub source: String,
    /// The vhost of both ends. Empty in the definitions of one vhost.
    #[serde(default)]
    pub vhost: String,
    /// The queue or exchange that messages go to.
    pub destination: String,
    /// What `destination` names.
    pub destination_type: DestinationType,
    /// The routing key or pattern; may be empty.
    pub routing_key: String,
    /// Arguments, which a headers exchange matches on. Part of the binding's identity.
    #[serde(default)]
    pub arguments: Arguments,
    /// Names the binding among those between the same two, in paths.
    #[serde(default)]
    pub properties_key: String,
}

/// What `POST /api/bindings/{vhost}/e/{source}/q/{queue}` and `…/e/{exchange}` take.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BindingDeclaration {
    /// The routing key or pattern.
    pub routing_key: String,
    /// Arguments.
    pub arguments: Arguments,
}
