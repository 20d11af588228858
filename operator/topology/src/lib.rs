//! The programmer: makes a broker's exchanges, queues and bindings what they should be, over AMQP.
//!
//! [`Pool`] keeps one connection for each cluster and vhost and does one thing at a time on a channel of
//! its own: [`Pool::ensure`] and [`Pool::remove`] an [`Object`]. What the broker answers comes back as the closed [`Error`].
//! What AMQP cannot tell, above all the epoch that gives a restart away, comes from [`management`].
//!
//! Nothing here knows Kubernetes. Every operation is idempotent, so it may be cancelled and repeated at will.

mod arguments;
mod command;
mod endpoint;
mod error;
pub mod management;
mod object;
mod pool;
mod programming;
mod slot;

pub use arguments::{ArgumentError, Arguments};
pub use command::Removal;
pub use endpoint::{Endpoint, Password};
pub use error::Error;
pub use object::{Binding, Destination, Exchange, Object, Queue};
pub use pool::Pool;
pub use programming::{Ensured, Presence};
