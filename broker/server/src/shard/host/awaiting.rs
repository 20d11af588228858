//! Promises that wait for transactions.

use std::sync::Arc;

use broker_core::id::{MessageId, QueueId};
use broker_core::queue::Effect;

use crate::shard::host::Host;
use crate::shard::promises::{Kept, Promise};
use crate::transactions::Transaction;

// === impl Host ===

impl Host {
    /// The transactions that the firsts of the duplicates stand or fall with that `queue` has just
    /// found, as far as they have not ended.
    pub(super) fn awaited(&self, queue: QueueId) -> Vec<Arc<Transaction>> {
        if self.uncertain.is_empty() {
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
        let kept = Arc::new(Kept::new(promise));
        for transaction in transactions {
            transaction.keep_until_end(Arc::clone(&kept));
        }
        self.promises.make(Promise::Shared(kept));
    }
}
