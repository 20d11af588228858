//! The transactions that are under way: from the commit until all shards have recorded their parts.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::link::{Event, Link};
use crate::lock::lock;
use crate::random;

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
pub(crate) struct Transaction {
    transactions: Arc<Transactions>,
    number: u64,
    answer: Arc<Answer>,
    /// How many parts are not in line for the log, and who is told when all are.
    unrecorded: AtomicUsize,
    recorded: Box<dyn Fn() + Send + Sync>,
    /// What is not to be dropped before this has ended.
    kept: Mutex<Vec<Box<dyn Send>>>,
}

/// What the client is told once nobody holds this: when the transaction has ended, and whatever its
/// duplicates stand or fall with. It holds no transaction, so two may wait for one another.
pub(crate) struct Answer {
    link: Link,
    refused: AtomicBool,
}

// === impl Transactions ===

impl Transactions {
    pub(crate) fn new() -> Arc<Self> {
        let base = u64::from_le_bytes(random::bytes());
        Arc::new(Self { base, active: Mutex::default() })
    }

    /// Begins a transaction of the connection that `link` leads to, with so many parts; `recorded` is called
    /// when all of several are in line for the log. `tail`, called meanwhile, says where the log ends; the
    /// transaction's records will lie behind it.
    pub(crate) fn begin<T>(
        self: &Arc<Self>,
        link: Link,
        (parts, recorded): (usize, impl Fn() + Send + Sync + 'static),
        tail: impl FnOnce() -> T,
    ) -> (Arc<Transaction>, T) {
        let mut active = self.active();
        active.begun += 1;
        let number = active.begun;
        active.numbers.insert(number);
        let tail = tail();
        drop(active);
        let transactions = Arc::clone(self);
        let answer = Arc::new(Answer { link, refused: AtomicBool::new(false) });
        let (unrecorded, kept) = (AtomicUsize::new(parts), Mutex::default());
        // Who has the only part does not have to be told.
        let recorded: Box<dyn Fn() + Send + Sync> =
            if parts > 1 { Box::new(recorded) } else { Box::new(|| ()) };
        let transaction = Transaction { transactions, number, answer, unrecorded, recorded, kept };
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
        self.answer.refused.store(true, Ordering::Relaxed);
    }

    /// One more part is in line for the log. With the last of them all shards that have one are told.
    pub(crate) fn part_recorded(&self) {
        if self.unrecorded.fetch_sub(1, Ordering::AcqRel) == 1 {
            (self.recorded)();
        }
    }

    /// Whether all parts are in line for the log: what is recorded from now on lies behind them.
    pub(crate) fn is_recorded(&self) -> bool {
        self.unrecorded.load(Ordering::Acquire) == 0
    }

    /// What the client is told; not before this is dropped.
    pub(crate) fn answer(&self) -> Arc<Answer> {
        Arc::clone(&self.answer)
    }

    /// Holds on to something until the transaction has ended.
    pub(crate) fn keep_until_end(&self, kept: impl Send + 'static) {
        lock(&self.kept).push(Box::new(kept));
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        self.transactions.active().numbers.remove(&self.number);
    }
}

// === impl Answer ===

impl Drop for Answer {
    fn drop(&mut self) {
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
        let (first, _) = transactions.begin(link.clone(), (1, || ()), || ());
        let (second, _) = transactions.begin(link.clone(), (1, || ()), || ());
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
