//! The transactions that are under way: from the commit until all shards have recorded their parts.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::link::{Event, Link};
use crate::lock::lock;
use crate::mailbox::Sender;
use crate::random;
use crate::shard::uncertain::Kept;
use crate::shard::work::Work;

/// The transactions of a node that have begun and not ended.
#[derive(Debug)]
pub(crate) struct Transactions {
    /// Added to a transaction's number, it makes an id that no earlier life of the node has used.
    base: u64,
    active: Mutex<Active>,
}

#[derive(Debug, Default)]
struct Active {
    begun: u64,
    numbers: BTreeSet<u64>,
}

/// One transaction, held by every shard that has a part in it. When the last of them has its part on
/// disk, and so drops this, the client is told.
#[derive(Debug)]
pub(crate) struct Transaction {
    transactions: Arc<Transactions>,
    number: u64,
    link: Link,
    refused: AtomicBool,
    /// The shards that have a part in it, to be told when all have recorded theirs, and how many have not.
    shards: Box<[Sender<Work>]>,
    unrecorded: AtomicUsize,
    /// What is not to be told before this has ended.
    kept: Mutex<Vec<Arc<Kept>>>,
}

// === impl Transactions ===

impl Transactions {
    pub(crate) fn new() -> Arc<Self> {
        let base = u64::from_le_bytes(random::bytes());
        Arc::new(Self { base, active: Mutex::default() })
    }

    /// Begins a transaction of the connection that `link` leads to, with a part in each of `shards`.
    /// `tail`, called meanwhile, says where the log ends; the transaction's records will lie behind it.
    pub(crate) fn begin<T>(
        self: &Arc<Self>,
        link: Link,
        shards: Vec<Sender<Work>>,
        tail: impl FnOnce() -> T,
    ) -> (Arc<Transaction>, T) {
        let mut active = self.active();
        active.begun += 1;
        let number = active.begun;
        active.numbers.insert(number);
        let tail = tail();
        drop(active);
        let (transactions, refused) = (Arc::clone(self), AtomicBool::new(false));
        let unrecorded = AtomicUsize::new(shards.len());
        let (shards, kept) = (shards.into(), Mutex::default());
        let transaction =
            Transaction { transactions, number, link, refused, shards, unrecorded, kept };
        (Arc::new(transaction), tail)
    }

    /// How many transactions have begun.
    pub(crate) fn begun(&self) -> u64 {
        self.active().begun
    }

    /// Whether the first `begun` transactions have ended.
    pub(crate) fn have_ended(&self, begun: u64) -> bool {
        self.active().numbers.first().is_none_or(|oldest| *oldest > begun)
    }

    /// The set is consistent at every step, so a poisoned lock is as good as a clean one.
    fn active(&self) -> MutexGuard<'_, Active> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Transaction ===

impl Transaction {
    /// What it is called in the log.
    pub(crate) fn id(&self) -> u64 {
        self.transactions.base.wrapping_add(self.number)
    }

    /// A queue did not take one of its messages.
    pub(crate) fn refuse(&self) {
        self.refused.store(true, Ordering::Relaxed);
    }

    /// One more part is in line for the log. With the last of them all shards that have one are told.
    pub(crate) fn part_recorded(&self) {
        let is_last = self.unrecorded.fetch_sub(1, Ordering::AcqRel) == 1;
        // Who has the only part does not have to be told.
        if is_last && self.shards.len() > 1 {
            self.shards.iter().for_each(|shard| shard.send(Work::Recorded));
        }
    }

    /// Whether all parts are in line for the log: what is recorded from now on lies behind them.
    pub(crate) fn is_recorded(&self) -> bool {
        self.unrecorded.load(Ordering::Acquire) == 0
    }

    /// Holds on to a promise until the transaction has ended.
    pub(crate) fn keep_at_end(&self, kept: Arc<Kept>) {
        lock(&self.kept).push(kept);
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        self.transactions.active().numbers.remove(&self.number);
        let refused = self.refused.load(Ordering::Relaxed);
        self.link.send(Event::Committed { refused });
    }
}

#[cfg(test)]
mod tests {
    use broker_core::id::ConnectionId;

    use super::*;
    use crate::mailbox::mailbox;

    #[tokio::test]
    async fn the_last_part_ends_a_transaction() {
        let (sender, mut events) = mailbox();
        let link = Link::new(ConnectionId(1), sender);
        let transactions = Transactions::new();
        let (first, _) = transactions.begin(link.clone(), Vec::new(), || ());
        let (second, _) = transactions.begin(link.clone(), Vec::new(), || ());
        assert_ne!(first.id(), second.id());
        let part = Arc::clone(&first);
        drop((first, second));
        assert!(!transactions.have_ended(1) && !transactions.have_ended(2));
        part.refuse();
        drop(part);
        assert!(transactions.have_ended(2));
        let mut batch = Vec::new();
        events.receive(&mut batch).await;
        let refused: Vec<bool> =
            batch.iter().map(|e| matches!(e, Event::Committed { refused: true })).collect();
        assert_eq!(refused, [false, true]);
    }
}
