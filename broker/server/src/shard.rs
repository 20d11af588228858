//! Shards: threads with a runtime of their own, each with its connections and its queues.
//!
//! ```text
//!            sockets                         work
//!  acceptor ────────▶ connection tasks ─────────────▶ host (queues of this shard)
//!                            ▲                          │
//!                            └────────── events ────────┘      and so to every other shard
//! ```
//!
//! A connection stays on the shard it was handed to; a queue belongs to the shard its number says.
//! Nothing blocks on another shard: everything between them goes through mailboxes, bounded by what
//! each connection may have under way.

pub(crate) mod deadlines;
pub(crate) mod departures;
pub(crate) mod host;
pub(crate) mod outbox;
pub(crate) mod paging;
pub(crate) mod passing;
pub(crate) mod promises;
pub(crate) mod slot;
pub(crate) mod uncertain;
pub(crate) mod work;

use std::io;
use std::sync::Arc;
use std::thread;

use broker_core::id::QueueId;
use tokio::runtime;

use crate::accepted::Accepted;
use crate::connection;
use crate::durable::replay::RecoveredQueue;
use crate::mailbox::Receiver;
use crate::node::Node;
use crate::shard::host::Host;
use crate::shard::work::Work;

/// Starts shard `number`, with the queues it had before a restart. Its thread runs until the process ends.
///
/// # Errors
///
/// When the system has no thread or no epoll instance left.
pub(crate) fn start(
    number: usize,
    node: Arc<Node>,
    queues: Vec<(QueueId, RecoveredQueue)>,
    work: Receiver<Work>,
    sockets: Receiver<Accepted>,
) -> io::Result<()> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .event_interval(31)
        .max_blocking_threads(2)
        .build()?;
    thread::Builder::new().name(format!("shard-{number}")).spawn(move || {
        runtime.block_on(async {
            tokio::spawn(Host::new(Arc::clone(&node), queues).run(work));
            serve(&node, sockets).await;
        });
    })?;
    Ok(())
}

/// Runs every socket that is handed to this shard.
async fn serve(node: &Arc<Node>, mut sockets: Receiver<Accepted>) {
    let mut batch = Vec::new();
    loop {
        sockets.receive(&mut batch).await;
        for accepted in batch.drain(..) {
            tokio::spawn(connection::serve(Arc::clone(node), accepted));
        }
    }
}
