//! Passing messages on.

use broker_core::id::{MessageId, QueueId};
use broker_core::message::Message;

use crate::shard::host::Host;
use crate::shard::passing::Passed;
use crate::shard::work::Landing;

// === impl Host ===

impl Host {
    /// Sends a dead message on. Its queue forgets it once the copies are safe.
    pub(super) fn republish(
        &mut self,
        from: QueueId,
        original: Option<MessageId>,
        message: Message,
    ) {
        self.pass_on(from, original, message, false);
    }

    /// Sends a delayed message on to its exchange, whose name its queue has; otherwise as a dead one.
    pub(super) fn release(&mut self, from: QueueId, original: Option<MessageId>, message: Message) {
        self.pass_on(from, original, message, true);
    }

    fn pass_on(
        &mut self,
        queue: QueueId,
        original: Option<MessageId>,
        message: Message,
        was_delayed: bool,
    ) {
        let Some(slot) = self.queues.get(&queue) else { return };
        let settings = slot.queue.settings();
        let (vhost, from) = (settings.vhost.clone(), was_delayed.then(|| settings.name.clone()));
        let owner = &self.node.shards[self.node.shard_of(queue)];
        let landing = original.map(|id| Landing::new(owner.clone(), queue, id));
        self.departures.pass_on(&self.node, Passed { vhost, from, message, landing });
    }
}
