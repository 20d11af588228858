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

use crate::transactions::Transaction;

/// Which messages came with which transactions.
#[derive(Debug, Default)]
pub(crate) struct Uncertain {
    runs: Vec<(QueueId, RangeInclusive<MessageId>, Weak<Transaction>)>,
}

// === impl Uncertain ===

impl Uncertain {
    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

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
