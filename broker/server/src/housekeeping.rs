//! Keeps the log short and the disk from filling up.
//!
//! When the log's files take more than their budget, the oldest one is given up: every shard records
//! again what is only in there, the snapshot is renewed, and the file is recycled. The budget grows
//! with what the queues have in memory, so that at most about half of what is written is written twice,
//! and with the snapshot. What is in pages need not be in the log.
//!
//! Pages of which nothing is left go when a snapshot is written; it is renewed for their sake when
//! they take more than the others. What their segments have beside them is [rewritten](Compaction).

mod compaction;
mod length;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use broker_storage::fs::FileSystem;
use broker_storage::fs::real::RealFs;
use broker_storage::pages::page::PageRef;
use broker_storage::position::Position;
use tokio::sync::oneshot;
use tokio::time::{self, Instant, MissedTickBehavior};

use crate::durable::contents::{Contents, Inventory, Weight};
use crate::housekeeping::compaction::Compaction;
use crate::housekeeping::length::Length;
use crate::mailbox::Sender;
use crate::node::Node;
use crate::shard::work::Work;

/// How often to look.
const INTERVAL: Duration = Duration::from_millis(100);

/// How often, at most, to look through the queues for what is in the oldest log file.
const WEIGH_INTERVAL: Duration = Duration::from_millis(500);

/// How often to ask whether the transactions under way have ended.
const COMMIT_POLL: Duration = Duration::from_millis(2);

/// How long to wait for the log to write what was put in line.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long to wait before the snapshot is tried again.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// How much the node may take of its disk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Bytes of log files that are always allowed.
    pub(crate) log_budget: u64,
    /// Bytes free on the disk below which publishers wait.
    pub(crate) disk_watermark: u64,
}

/// Ticks from one look at the queues that take the most memory to the next.
const SWEEP_TICKS: u32 = 10;

/// Looks after the log, the pages and the disk for as long as the node runs.
pub(crate) async fn run(node: Arc<Node>, data_dir: Arc<Path>, limits: Limits) {
    let mut ticks = time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut weighed = Instant::now();
    // Pages that no snapshot needs to name again, and that the present one may name.
    let mut done = Vec::new();
    let mut compaction = Compaction::default();
    let mut tick = 0_u32;
    loop {
        ticks.tick().await;
        tick = tick.wrapping_add(1);
        watch_disk(&node, &data_dir, limits.disk_watermark);
        if tick.is_multiple_of(SWEEP_TICKS) && node.memory.pressure() > 0 {
            node.shards.iter().for_each(|shard| shard.send(Work::PageOut));
        }
        while let Some(file) = oldest_file(&node)
            && should_give_up(&node, file, limits.log_budget, &mut weighed).await
            && checkpoint(&node, file, &mut done).await
        {
            // It may have been the last that publishers waited for.
            watch_disk(&node, &data_dir, limits.disk_watermark);
        }
        let is_rewritten = compaction.step(&node).await;
        if is_rewritten || has_dead_pages(&node) {
            // No file is given up.
            let first = node.store.oldest_file().unwrap_or(node.store.tail().file());
            if checkpoint(&node, first.saturating_sub(1), &mut done).await && is_rewritten {
                compaction.settled();
            }
        }
    }
}

/// The oldest file of the log, if it is not also the last.
fn oldest_file(node: &Node) -> Option<u32> {
    node.store.oldest_file().filter(|file| *file < node.store.tail().file())
}

/// Whether pages of which nothing is left take so much that a snapshot should be written.
fn has_dead_pages(node: &Node) -> bool {
    let pager = node.store.pager();
    let dead = pager.dead_bytes();
    let alive = pager.pages().alive_bytes().saturating_sub(dead);
    let low = node.store.disk_low.load(Ordering::Relaxed);
    compaction::is_too_much(dead, alive, pager.pages().segment_len(), low)
}

fn watch_disk(node: &Node, data_dir: &Path, watermark: u64) {
    // A file system that does not say how full it is still says when it is full.
    let available = RealFs.available(data_dir).unwrap_or(u64::MAX);
    // The log takes its next files from its spare ones.
    let available = available.saturating_add(node.store.spare_bytes());
    let low = available < watermark || node.store.space_low();
    node.set_disk_low(low, available);
}

/// Whether the oldest file of the log is to be given up.
async fn should_give_up(node: &Node, file: u32, budget: u64, weighed: &mut Instant) -> bool {
    let length = length(node);
    let waiting = node.memory.used();
    if !node.store.disk_low.load(Ordering::Relaxed) {
        return length.is_too_much(budget, waiting, node.store.snapshot_bytes());
    }
    if length.can_shrink(waiting, waiting) {
        return true;
    }
    // It takes a look at all that waits to know more.
    if weighed.elapsed() < WEIGH_INTERVAL {
        return false;
    }
    *weighed = Instant::now();
    let Some(Weight { in_file, in_all }) = weigh(node, file).await else { return false };
    length.can_shrink(in_file, in_all)
}

fn length(node: &Node) -> Length {
    let store = &node.store;
    Length { log: store.log_bytes(), file: store.log_file_bytes(), room: store.room() }
}

/// What of the log's files would have to be recorded again; none if a shard is gone.
async fn weigh(node: &Node, file: u32) -> Option<Weight> {
    let ask = |shard: &Sender<Work>| {
        let (answer, weight) = oneshot::channel();
        shard.send(Work::Weigh { file, answer });
        weight
    };
    let answers: Vec<_> = node.shards.iter().map(ask).collect();
    let mut weights = Vec::with_capacity(answers.len());
    for answer in answers {
        weights.push(answer.await.ok()?);
    }
    Some(weights.into_iter().sum())
}

/// Renews the snapshot, and gives up the log's files up to and including `file` and the pages of which
/// nothing is left, with those in `done`, where they stay if it fails. Returns whether it succeeded.
async fn checkpoint(node: &Arc<Node>, file: u32, done: &mut Vec<PageRef>) -> bool {
    // A dead message may be under way between two shards, and in neither, when both are asked. When
    // they are asked again it is recorded where it went.
    let Some(first) = relocate(node, file).await else { return false };
    done.extend(first.done);
    // What a transaction causes is held until that is in line for the log.
    if !transactions_end(node).await {
        return false;
    }
    let Some(inventory) = relocate(node, file).await else { return false };
    let Inventory { marks, pages, done: lately } = inventory;
    done.extend(lately);
    // A transaction that ends unfinished is undone with what the log has of it and of the messages
    // that it took: the file goes only when none can need it any more, nor a page.
    if !transactions_end(node).await {
        return false;
    }
    let (topology, topology_from, next_queue) = node.directory.inventory();
    // What the snapshot says is in the log as well, and so later changes lie behind its places even
    // if the process ends now. On a full disk that may not come to be.
    if time::timeout(PATIENCE, node.store.flushed()).await.is_err() {
        return false;
    }
    let log_from = Position::new(file + 1, 0);
    let next_segment = node.store.pager().pages().next_number();
    let contents =
        Contents { log_from, topology_from, next_queue, topology, marks, pages, next_segment };
    let (store, freed) = (Arc::clone(&node.store), std::mem::take(done));
    let checkpoint = move || (store.checkpoint(&contents, &freed), freed);
    match tokio::task::spawn_blocking(checkpoint).await {
        Ok((Ok(()), _)) => true,
        Ok((Err(error), freed)) => {
            *done = freed;
            tracing::error!(%error, "the snapshot could not be written, the log grows meanwhile");
            time::sleep(AFTER_FAILURE).await;
            false
        }
        Err(_) => false,
    }
}

/// Whether the transactions that are under way end in time; says so if they do not.
async fn transactions_end(node: &Node) -> bool {
    let have_ended = time::timeout(PATIENCE, transactions_ended(node)).await.is_ok();
    if !have_ended {
        tracing::warn!(
            "transactions do not end, no snapshot is written and the log grows meanwhile"
        );
    }
    have_ended
}

/// Waits until the transactions that are under way now have ended.
async fn transactions_ended(node: &Node) {
    let begun = node.transactions.begun();
    while !node.transactions.have_ended(begun) {
        time::sleep(COMMIT_POLL).await;
    }
}

/// Has every shard record again what is only in `file` of the log or before. Returns what all of them
/// have for the snapshot; none if a shard is gone, which takes the process with it.
async fn relocate(node: &Node, file: u32) -> Option<Inventory> {
    let ask = |shard: &Sender<Work>| {
        let (answer, inventory) = oneshot::channel();
        shard.send(Work::Relocate { file, answer });
        inventory
    };
    let answers: Vec<_> = node.shards.iter().map(ask).collect();
    let mut all = Inventory::default();
    for answer in answers {
        let Inventory { marks, pages, done } = answer.await.ok()?;
        all.marks.extend(marks);
        all.pages.extend(pages);
        all.done.extend(done);
    }
    Some(all)
}
