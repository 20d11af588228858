//! Keeps the log short and the disk from filling up.
//!
//! When the log's files take more than their budget, the oldest one is given up: every shard records
//! again what is only in there, the snapshot is renewed, and the file is recycled. The budget grows
//! with what waits in the queues, so that at most about half of what is written is written twice.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use broker_storage::fs::FileSystem;
use broker_storage::fs::real::RealFs;
use broker_storage::position::Position;
use tokio::sync::oneshot;
use tokio::time::{self, MissedTickBehavior};

use crate::durable::contents::Contents;
use crate::mailbox::Sender;
use crate::node::Node;
use crate::shard::work::Work;

/// How often to look.
const INTERVAL: Duration = Duration::from_millis(100);

/// Bytes of log files that are always allowed.
const LOG_BUDGET: u64 = 256 << 20;

/// Looks after the log and the disk for as long as the node runs.
pub(crate) async fn run(node: Arc<Node>, data_dir: Arc<Path>, disk_watermark: u64) {
    let mut ticks = time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        watch_disk(&node, &data_dir, disk_watermark);
        while node.store.log_bytes() > LOG_BUDGET.max(2 * node.memory.used()) {
            if !give_up_oldest(&node).await {
                break;
            }
        }
    }
}

fn watch_disk(node: &Node, data_dir: &Path, watermark: u64) {
    // A file system that does not say how full it is still says when it is full.
    let available = RealFs.available(data_dir).unwrap_or(u64::MAX);
    let low = available < watermark || node.store.space_low();
    node.set_disk_low(low, available);
}

/// Gives up the oldest log file. Returns whether there is one less.
async fn give_up_oldest(node: &Arc<Node>) -> bool {
    let Some(file) = node.store.oldest_file().filter(|file| *file < node.store.tail().file())
    else {
        return false;
    };
    let mut marks = Vec::new();
    let ask = |shard: &Sender<Work>| {
        let (answer, marks) = oneshot::channel();
        shard.send(Work::Relocate { file, answer });
        marks
    };
    let answers: Vec<_> = node.shards.iter().map(ask).collect();
    for answer in answers {
        // A shard that is gone takes the process with it.
        let Ok(of_shard) = answer.await else { return false };
        marks.extend(of_shard);
    }
    node.store.flushed().await;
    let (topology, topology_from, next_queue) = node.directory.inventory();
    let log_from = Position::new(file + 1, 0);
    let contents = Contents { log_from, topology_from, next_queue, topology, marks };
    let store = Arc::clone(&node.store);
    match tokio::task::spawn_blocking(move || store.checkpoint(&contents)).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::error!(%error, "the snapshot could not be written, the log grows meanwhile");
            false
        }
        Err(_) => false,
    }
}
