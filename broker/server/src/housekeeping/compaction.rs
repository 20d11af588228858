//! Gives back the disk that segments of pages take of which little is left.
//!
//! A segment goes as a whole, so one page of a queue that stands still keeps what other queues are done
//! with. When that has become too much, what is left in the emptiest segments is written once more, a
//! bounded amount at a time:
//!
//! ```text
//!  Compact ──▶ shard ── Move ──▶ pager: copies, syncs ── Report ──▶ shard: records the new place
//!                                                                      │
//!         the old segment goes ◀── a snapshot that names the new place ◀┘
//! ```
//!
//! Until the snapshot is durable both places have the page, and either may be found after a crash.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::mailbox::Sender;
use crate::node::Node;
use crate::shard::work::Work;

/// What is dead may take so many segments in any case,
const DEAD_SEGMENTS: u64 = 4;
/// or this part of it when the disk is low.
const WHEN_LOW: u64 = 8;

/// How long a segment is left alone whose pages were to be rewritten.
const REST: Duration = Duration::from_secs(60);

/// How far the rewriting has come.
#[derive(Debug, Default)]
pub(crate) struct Compaction {
    /// Pages were put in line to be rewritten, and no snapshot was written since.
    is_under_way: bool,
    /// When segments were taken up. What could not be rewritten is not tried again at once.
    taken_up: BTreeMap<u32, Instant>,
}

/// Whether dead bytes of pages beside those that are alive should go from the disk.
pub(crate) fn is_too_much(dead: u64, alive: u64, segment_len: u32, low: bool) -> bool {
    let budget = DEAD_SEGMENTS * u64::from(segment_len);
    dead > budget.max(alive) || (low && dead > budget / WHEN_LOW)
}

// === impl Compaction ===

impl Compaction {
    /// Goes on. Returns whether a snapshot is to be written, for what was rewritten since the last.
    pub(crate) async fn step(&mut self, node: &Node) -> bool {
        if node.store.pager().is_moving() {
            return false;
        }
        if self.is_under_way {
            return true;
        }
        let segments = self.choose(node);
        if !segments.is_empty() {
            tracing::debug!(?segments, "pages are rewritten");
            self.is_under_way = true;
            compact(node, Arc::new(segments)).await;
        }
        false
    }

    /// The snapshot was written.
    pub(crate) fn settled(&mut self) {
        self.is_under_way = false;
    }

    /// The segments whose pages are to be rewritten now.
    fn choose(&mut self, node: &Node) -> BTreeSet<u32> {
        let pager = node.store.pager();
        let pages = pager.pages();
        // What goes with the next snapshot is dead as well.
        let going = pager.dead_bytes();
        let (dead, alive) = (pages.dead_bytes() + going, pages.alive_bytes().saturating_sub(going));
        let low = node.store.disk_low.load(Ordering::Relaxed);
        if !is_too_much(dead, alive, pages.segment_len(), low) {
            return BTreeSet::new();
        }
        self.taken_up.retain(|_, at| at.elapsed() < REST);
        let rested = |(number, _): &(u32, u64)| !self.taken_up.contains_key(number);
        let candidates = pages.mostly_dead().into_iter().filter(rested).collect();
        let chosen = within(candidates, at_once(pages.segment_len(), low));
        self.taken_up.extend(chosen.iter().map(|number| (*number, Instant::now())));
        chosen
    }
}

/// Bytes to be rewritten before the next snapshot. The copies need room first: little when it is scarce.
fn at_once(segment_len: u32, low: bool) -> u64 {
    u64::from(segment_len) / if low { WHEN_LOW } else { 2 }
}

/// The first of the segments that are no more than `bytes` together.
fn within(segments: Vec<(u32, u64)>, bytes: u64) -> BTreeSet<u32> {
    let mut left = bytes;
    let mut fits = |alive: u64| {
        let rest = left.checked_sub(alive)?;
        left = rest;
        Some(())
    };
    segments.into_iter().map_while(|(number, alive)| fits(alive).map(|()| number)).collect()
}

/// Has every shard put its pages in `segments` in line.
async fn compact(node: &Node, segments: Arc<BTreeSet<u32>>) {
    let ask = |shard: &Sender<Work>| {
        let (answer, asked) = oneshot::channel();
        shard.send(Work::Compact { segments: Arc::clone(&segments), answer });
        asked
    };
    let answers: Vec<_> = node.shards.iter().map(ask).collect();
    for answer in answers {
        // A shard goes only with the node.
        let _ = answer.await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dead_goes_when_it_is_too_much() {
        const MIB: u64 = 1 << 20;
        #[rustfmt::skip]
        let cases = [
            // dead, alive, low, too much
            (256,    0, false, false),
            (257,    0, false, true),
            (400,  400, false, false),
            (401,  400, false, true),
            (32,     0, true,  false),
            (33,   400, true,  true),
        ];
        for (dead, alive, low, expected) in cases {
            let got = is_too_much(dead * MIB, alive * MIB, 64 << 20, low);
            assert_eq!(got, expected, "{dead} MiB dead, {alive} MiB alive, low: {low}");
        }
    }

    #[test]
    fn as_many_segments_as_fit_are_chosen() {
        let segments = || vec![(7, 0), (3, 10), (4, 20), (1, 25)];
        assert_eq!(within(segments(), 30), BTreeSet::from([3, 4, 7]));
        assert_eq!(within(segments(), 9), BTreeSet::from([7]));
        assert_eq!(within(Vec::new(), 9), BTreeSet::new());
        assert!(at_once(64 << 20, true) < at_once(64 << 20, false));
    }
}
