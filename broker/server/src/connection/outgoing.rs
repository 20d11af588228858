//! What a turn of a connection has for the shards: one batch each.

use std::sync::Arc;

use broker_core::id::QueueId;
use broker_core::message::Message;
use broker_core::queue::Command;
use broker_core::routing::Targets;
use broker_session::PublishId;

use crate::connection::budget::Budget;
use crate::durable::transaction_record::Part;
use crate::link::Link;
use crate::node::Node;
use crate::shard::work::{Batch, Work};

/// Batches being gathered, by shard.
#[derive(Debug)]
pub(super) struct Outgoing {
    batches: Box<[Batch]>,
}

// === impl Outgoing ===

impl Outgoing {
    pub(super) fn new(shards: usize) -> Self {
        Self { batches: (0..shards).map(|_| Batch::default()).collect() }
    }

    pub(super) fn publish(&mut self, queue: QueueId, message: Message, confirm: Option<PublishId>) {
        self.batch(queue).publish(queue, message, confirm);
    }

    /// Publishes to targets some of which judge the message by keys, or hold it back. `open` is the
    /// message for those who get to see it, if that differs.
    pub(super) fn publish_specially(
        &mut self,
        targets: &Targets,
        message: &Message,
        open: Option<&Message>,
        confirm: Option<PublishId>,
    ) {
        for (index, &queue) in targets.queues().iter().enumerate() {
            let message = open.filter(|_| !targets.is_delaying(queue)).unwrap_or(message).clone();
            self.batch(queue).publish_once(queue, message, targets.keys(index), confirm);
        }
    }

    pub(super) fn command(&mut self, queue: QueueId, command: Command) {
        self.batch(queue).command(queue, command);
    }

    /// Whether nothing is gathered.
    pub(super) fn is_empty(&self) -> bool {
        self.batches.iter().all(Batch::is_empty)
    }

    /// Sends everything gathered, and counts the publishes against the budget.
    pub(super) fn send(&mut self, node: &Node, link: &Link, budget: &mut Budget) {
        for (batch, shard) in self.batches.iter_mut().zip(&node.shards) {
            if batch.is_empty() {
                continue;
            }
            let mut batch = std::mem::take(batch);
            budget.take(batch.publishes, batch.bytes);
            batch.link = (batch.publishes > 0).then(|| link.clone());
            shard.send(Work::Batch(batch));
        }
    }

    /// Sends everything gathered as one transaction. The client is told when it is done.
    pub(super) fn send_transaction(&mut self, node: &Node, link: &Link, budget: &mut Budget) {
        let with_part = self.batches.iter().zip(&node.shards);
        let with_part = with_part.filter(|(batch, _)| !batch.is_empty());
        let shards: Vec<_> = with_part.map(|(_, shard)| shard.clone()).collect();
        let (parts, tail) = (shards.len(), || node.store.tail().file());
        let recorded = move || shards.iter().for_each(|shard| shard.send(Work::Recorded));
        let (transaction, from_file) =
            node.transactions.begin(link.clone(), (parts, recorded), tail);
        // There are never more parts than shards.
        let part = Part { transaction: transaction.id(), parts: parts as u32, from_file };
        for batch in self.batches.iter_mut().filter(|batch| !batch.is_empty()) {
            batch.part = Some((Arc::clone(&transaction), part));
        }
        self.send(node, link, budget);
    }

    fn batch(&mut self, queue: QueueId) -> &mut Batch {
        let shards = self.batches.len() as u64;
        // The remainder is below the number of shards, which is a usize.
        &mut self.batches[(queue.0 % shards) as usize]
    }
}
