//! What a broker is: names, exchanges, bindings, routing, queues and consumers.
//!
//! Pure state machines. Commands go in with the time they happen at, effects and outcomes come
//! out; nothing here reads a clock, draws a random number, touches a socket or a disk, or lets
//! the order of a hash map show. The same commands give the same effects everywhere.
//!
//! ```text
//!  topology::Command ──▶ Topology ──▶ Outcome | Refusal
//!                           │ snapshot
//!                           ▼
//!  Message ──▶ Routes::route ──▶ Targets (queue ids)
//!                                   │ one queue::Command each
//!                                   ▼
//!                                Queue ──▶ queue::Effect (deliver, dead-letter, …)
//! ```

pub mod access;
mod arguments;
pub mod dedup;
pub mod id;
pub mod message;
pub mod name;
pub mod pattern;
pub mod policy;
pub mod queue;
pub mod refusal;
pub mod routing;
pub mod time;
pub mod topology;

pub use crate::access::{Access, Actor};
pub use crate::id::{ConnectionId, ConsumerId, MessageId, QueueId};
pub use crate::message::Message;
pub use crate::name::Name;
pub use crate::queue::Queue;
pub use crate::refusal::{Refusal, Scope};
pub use crate::routing::{Routes, Targets};
pub use crate::time::Timestamp;
pub use crate::topology::Topology;
