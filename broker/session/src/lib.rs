//! One client of the broker: bytes in, bytes and requests out.
//!
//! A [`Connection`] is a state machine for everything between the socket and the broker proper:
//! handshake, login, heartbeats, channels, delivery tags, confirms, and what closes when the client
//! errs. It knows no socket, clock or queue. Its caller feeds it what was read, carries out the
//! [`Request`]s that come out, tells it what came of them, and writes its [`Output`].
//!
//! ```text
//!              receive          requests
//!   socket ──▶ bytes ──▶ ┌────────────┐ ──▶ login, topology, publish, settle …
//!                        │ Connection │
//!   socket ◀── Output ◀─ └────────────┘ ◀── answers, deliveries, outcomes of publishes
//!                              ▲
//!                        handle_timeout(now)
//! ```
//!
//! At most one request that needs an [`Answer`] is under way. Until it comes, input stays unread
//! (the connection is *parked*) while output goes on, so a client sees its methods carried out in
//! the order in which it sent them.

mod channel;
mod connection;
mod fault;
mod login;
mod output;
mod request;
mod settings;

pub use crate::connection::Connection;
pub use crate::connection::report::{ChannelReport, ConsumerReport};
pub use crate::login::{Login, Mechanism, Secret};
pub use crate::output::Output;
pub use crate::request::{
    Answer, Commit, Delivery, Outcome, Publish, PublishId, QueueDeclaration, REPLY_TO, Request,
    Requester,
};
pub use crate::settings::Settings;
