//! All that was ever made, as one document: `GET` and `POST /api/definitions`, and of one vhost
//! `/api/definitions/{vhost}`.
//!
//! RabbitMQ's files are read as they are. Kinds that a file lacks are left alone.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::binding::Binding;
use crate::exchange::ExchangeDeclaration;
use crate::lenient;
use crate::limits::LimitValues;
use crate::permission::{Permission, TopicPermission};
use crate::policy::Policy;
use crate::queue::QueueDeclaration;
use crate::user::User;
use crate::vhost::VhostChange;

/// A node's metadata without messages.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Definitions {
    /// Who wrote it.
    pub product_name: String,
    /// Which version.
    pub product_version: String,
    /// The version of RabbitMQ that it can be read by.
    pub rabbitmq_version: String,
    /// Users, with the hashes of their passwords.
    pub users: Vec<User>,
    /// Virtual hosts.
    pub vhosts: Vec<VhostDefinition>,
    /// Permissions.
    pub permissions: Vec<Permission>,
    /// Topic permissions.
    pub topic_permissions: Vec<TopicPermission>,
    /// Limits of vhosts and operator policies, as RabbitMQ files them.
    pub parameters: Vec<Parameter>,
    /// Named values.
    pub global_parameters: Vec<GlobalParameter>,
    /// Policies.
    pub policies: Vec<Policy>,
    /// Queues.
    pub queues: Vec<QueueDefinition>,
    /// Exchanges, without those that every vhost begins with.
    pub exchanges: Vec<ExchangeDefinition>,
    /// Bindings, without those of the default exchange.
    pub bindings: Vec<Binding>,
}

/// A virtual host in a document.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct VhostDefinition {
    /// Its name.
    pub name: String,
    /// What it is for.
    #[serde(flatten)]
    pub properties: VhostChange,
    /// The same, where newer versions put it; comes first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<VhostChange>,
    /// Its limits, where newer versions put them.
    #[serde(
        default,
        deserialize_with = "lenient::limits",
        skip_serializing_if = "LimitValues::is_empty"
    )]
    pub limits: LimitValues,
}

/// A queue in a document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueueDefinition {
    /// Its name.
    pub name: String,
    /// Its vhost; empty in the document of one vhost.
    #[serde(default)]
    pub vhost: String,
    /// How it was declared.
    #[serde(flatten)]
    pub declaration: QueueDeclaration,
}

/// An exchange in a document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExchangeDefinition {
    /// Its name.
    pub name: String,
    /// Its vhost; empty in the document of one vhost.
    #[serde(default)]
    pub vhost: String,
    /// How it was declared.
    #[serde(flatten)]
    pub declaration: ExchangeDeclaration,
}

/// A parameter of some part of the broker, in one vhost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// The part: `vhost-limits`, `operator_policy`.
    pub component: String,
    /// Its vhost.
    #[serde(default)]
    pub vhost: String,
    /// Its name; `limits` for those of a vhost.
    pub name: String,
    /// Its value.
    pub value: Value,
}

/// A named value: `/api/global-parameters`, `/api/global-parameters/{name}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GlobalParameter {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Value,
}

/// What `PUT /api/global-parameters/{name}` takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParameterChange {
    /// The value.
    pub value: Value,
}
