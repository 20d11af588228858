//! The management API's contract: what Warren's HTTP API answers, as serde types.
//!
//! Paths, field names and meanings are those of RabbitMQ's management plugin, so that existing
//! tools can read them; Warren's additions are marked on the field. Names in a path are
//! percent-encoded, so the default vhost `/` is `%2F` ([`path`] builds them).
//!
//! Every type tolerates unknown fields when read, so that an older reader can talk to a newer
//! broker; every field that is not an identity has a default for the reverse.

mod arguments;
mod binding;
mod channel;
mod connection;
mod definitions;
mod exchange;
mod failure;
mod health;
mod lenient;
mod limits;
mod message;
mod node;
mod overview;
pub mod path;
mod permission;
mod policy;
mod queue;
mod user;
mod vhost;

pub use crate::arguments::Arguments;
pub use crate::binding::{Binding, BindingDeclaration, DestinationType};
pub use crate::channel::{
    Channel, ChannelDetails, ChannelStats, ConnectionDetails, Consumer, QueueName,
};
pub use crate::connection::Connection;
pub use crate::definitions::{
    Definitions, ExchangeDefinition, GlobalParameter, Parameter, ParameterChange, QueueDefinition,
    VhostDefinition,
};
pub use crate::exchange::{Exchange, ExchangeDeclaration};
pub use crate::failure::Failure;
pub use crate::health::{Health, HealthStatus};
pub use crate::limits::{LimitChange, LimitValues, UserLimits, VhostLimits};
pub use crate::message::{Count, GetRequest, Message, PublishRequest, Published};
pub use crate::node::{Application, ClusterName, Node};
pub use crate::overview::{
    Context, Listener, MessageStats, Named, ObjectTotals, Overview, QueueTotals,
};
pub use crate::permission::{Permission, PermissionChange, TopicPermission, TopicPermissionChange};
pub use crate::policy::Policy;
pub use crate::queue::{Queue, QueueDeclaration};
pub use crate::user::{BulkDelete, User, UserChange, WhoAmI};
pub use crate::vhost::{Vhost, VhostChange};
