//! Settings that the operator passes on to every broker of a cluster.

use kube::{KubeSchema, core::Duration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{rules, size::Size};

/// Settings of the broker. What is left out is the broker's own default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// How much is logged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_level: Option<LogLevel>,

    /// How a log line is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_format: Option<LogFormat>,

    /// Most client connections to one broker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_connections: Option<i32>,

    /// Most channels on one connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65_535))]
    pub channel_max: Option<i32>,

    /// Largest AMQP frame offered to clients, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 4_096, max = 16_777_216))]
    pub frame_max: Option<i32>,

    /// Largest message body, as in `16Mi`; `32Mi` at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = rules::size(), validation = rules::at_most("32Mi", "the broker stores no larger messages"))]
    pub max_message_size: Option<Size>,

    /// Bytes of waiting messages above which publishers are held back, as in `512Mi`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = rules::size())]
    pub memory_watermark: Option<Size>,

    /// Heartbeat interval offered to clients, as in `60s`; `0s` offers none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24))]
    #[x_kube(validation = Rule::new("self.matches('^([0-9]{1,4}s|[0-9]{1,3}m)$')")
        .message("write whole seconds or minutes such as 60s or 2m; 0s turns heartbeats off")
        .reason(Reason::FieldValueInvalid))]
    pub heartbeat: Option<Duration>,

    /// How the broker introduces itself to clients; some look for RabbitMQ by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_identity: Option<ServerIdentity>,
}

/// How much is logged, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What needs somebody at once.
    Error,
    /// What may need somebody.
    Warn,
    /// What happens to connections and topology.
    Info,
    /// What happens to channels.
    Debug,
    /// Everything.
    Trace,
}

/// How a log line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// Product name in the broker's greeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ServerIdentity {
    /// RabbitMQ, which the widest range of clients knows.
    Rabbitmq,
    /// Warren.
    Warren,
}
