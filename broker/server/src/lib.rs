//! The broker's shell: sockets, threads, time and HTTP around the pure cores.
//!
//! Protocol and session say what a client means, core says what follows from it; this crate moves
//! the bytes and carries out the effects. See [`server::run`].
//!
//! ```text
//!  acceptor ──▶ shard 0 … shard N-1        each a thread with a runtime of its own
//!                 │ connection tasks        read, route, write
//!                 │ host                    the queues this shard owns
//!                 └ mailboxes between all of them, one wake-up a batch
//! ```
//!
//! A panic anywhere ends the process (see [`panic`]): a broker that has half died would lose messages
//! in silence.

mod accepted;
pub mod args;
mod auth;
mod clock;
mod connection;
mod data_dir;
mod defaults;
mod directory;
mod durable;
mod grant;
mod housekeeping;
mod link;
mod listener;
mod lock;
mod mailbox;
mod management;
mod memory;
mod metrics;
mod node;
pub mod panic;
mod random;
mod registry;
mod replies;
pub mod server;
mod shard;
pub mod size;
mod stop;
mod tls;
mod transactions;

pub use crate::args::Args;
pub use crate::server::run;
