//! One exchange: `GET /api/exchanges`, `/api/exchanges/{vhost}`, `/api/exchanges/{vhost}/{name}`.

use serde::{Deserialize, Serialize};

use crate::arguments::Arguments;
use crate::lenient;

/// An exchange as it was declared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    /// Its name; empty for the default exchange.
    pub name: String,
    /// The vhost it lives in.
    pub vhost: String,
    /// `direct`, `fanout`, `topic` or `headers`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it outlives a restart of the broker.
    #[serde(default)]
    pub durable: bool,
    /// Whether it goes when the last binding from it goes.
    #[serde(default)]
    pub auto_delete: bool,
    /// Whether clients may not publish to it.
    #[serde(default)]
    pub internal: bool,
    /// Messages that it holds back until their delay is over, under the name that RabbitMQ's plugin
    /// for delayed messages gives them.
    #[serde(default)]
    pub messages_delayed: u64,
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
}

/// What `PUT /api/exchanges/{vhost}/{name}` takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExchangeDeclaration {
    /// `direct`, `fanout`, `topic`, `headers` and what else there is.
    #[serde(rename = "type", default = "direct")]
    pub kind: String,
    /// Whether it outlives a restart of the broker.
    #[serde(default = "yes", deserialize_with = "lenient::flag")]
    pub durable: bool,
    /// Whether it goes when the last binding from it goes.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub auto_delete: bool,
    /// Whether clients may not publish to it.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub internal: bool,
    /// Its arguments.
    #[serde(default)]
    pub arguments: Arguments,
}

fn direct() -> String {
    "direct".to_owned()
}

fn yes() -> bool {
    true
}
