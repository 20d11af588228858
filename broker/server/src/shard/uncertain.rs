//! Messages of transactions that are not known to be whole yet, in queues where that matters: those that
//! tell duplicates, and those of delayed messages.
//!
//! A publisher is told that its duplicate is dealt with because the first message is safe. The first
//! message of an unfinished transaction is not: should the broker be killed before the other shards
//! have recorded their parts, it never was. So whoever sent a duplicate of it waits for the transaction.
//!
//! A delayed message gets another number when it leaves for a page, and an unfinished transaction is undone
//! by the numbers its messages came with. So they stay in memory until it has ended.

use std::ops::RangeInclusive;
use std::sync::{Arc, Weak};

use broker_core::id::{MessageId, QueueId};

use broker_core::queue::Effect;

use crate::shard::host::Host;
use crate::shard::promises::Promise;
use crate::transactions::Transaction;

/// Which messages came with which transactions.
#[derive(Debug, Default)]
pub(crate) struct Uncertain {
    runs: Vec<(QueueId, RangeInclusive<MessageId>, Weak<Transaction>)>,
}

/// A promise that several wait for; kept when the last of them lets go of it.
#[derive(Debug)]
pub(crate) struct Kept(Option<Promise>);

// === impl Kept ===

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some(promise) = self.0.take() {
            promise.keep();
        }
    }
}

// === impl Uncertain ===

impl Uncertain {
    /// These messages of `queue` came with `transaction`.
    pub(crate) fn note(
        &mut self,
        queue: QueueId,
        ids: RangeInclusive<MessageId>,
        transaction: &Arc<Transaction>,
    ) {
        self.runs.retain(|(_, _, other)| other.strong_count() > 0);
        self.runs.push((queue, ids, Arc::downgrade(transaction)));
    }

    /// The first message of `queue` that came with a transaction that has not ended.
    pub(crate) fn first(&self, queue: QueueId) -> Option<MessageId> {
        let open = self
            .runs
            .iter()
            .filter(|(other, _, transaction)| *other == queue && transaction.strong_count() > 0);
        open.map(|(_, ids, _)| *ids.start()).min()
    }

    /// The transaction that message `id` of `queue` stands or falls with, if it has not ended.
    pub(crate) fn find(&self, queue: QueueId, id: MessageId) -> Option<Arc<Transaction>> {
        let mut runs = self.runs.iter();
        runs.find(|(other, ids, _)| *other == queue && ids.contains(&id))?.2.upgrade()
    }
}

// === impl Host ===

impl Host {
    /// The transactions that the firsts of the duplicates stand or fall with that `queue` has just
    /// found, as far as they have not ended.
    pub(super) fn awaited(&self, queue: QueueId) -> Vec<Arc<Transaction>> {
        if self.uncertain.runs.is_empty() {
            return Vec::new();
        }
        let firsts = self.effects.iter().filter_map(|effect| match effect {
            Effect::Duplicate { first } => self.uncertain.find(queue, *first),
            _ => None,
        });
        firsts.collect()
    }

    /// What came to a queue after message `before` came with `transaction`.
    pub(super) fn note_uncertain(
        &mut self,
        queue: QueueId,
        before: MessageId,
        transaction: &Arc<Transaction>,
    ) {
        let Some(slot) = self.queues.get(&queue) else { return };
        let (last, _) = slot.queue.marks();
        let matters = slot.queue.counts().keys > 0 || slot.queue.settings().schedule;
        if matters && last > before {
            self.uncertain.note(queue, MessageId(before.0 + 1)..=last, transaction);
        }
    }

    /// Makes a promise that is kept when `transactions` have ended as well.
    pub(super) fn promise_after(&mut self, transactions: &[Arc<Transaction>], promise: Promise) {
        if transactions.is_empty() {
            return self.promises.make(promise);
        }
        let kept = Arc::new(Kept(Some(promise)));
        for transaction in transactions {
            transaction.keep_at_end(Arc::clone(&kept));
        }
        self.promises.make(Promise::Shared(kept));
    }
}
