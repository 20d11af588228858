//! Messages that a queue passes on: dead ones, and delayed ones whose time has come.

use std::sync::Arc;

use broker_core::id::{MessageId, QueueId};
use broker_core::message::Message;

use crate::shard::host::Host;
use crate::shard::promises::Landing;

// === impl Host ===

impl Host {
    /// Sends a dead message on. Its queue forgets it once the copies are safe.
    pub(super) fn republish(&self, from: QueueId, original: Option<MessageId>, message: &Message) {
        let Some(slot) = self.queues.get(&from) else { return };
        let landing = self.landing(from, original);
        self.node.republish(&slot.queue.settings().vhost, message, landing.as_ref());
    }

    /// Sends a delayed message on to its exchange, whose name its queue has; otherwise as a dead one.
    pub(super) fn release(&self, from: QueueId, original: Option<MessageId>, message: &Message) {
        let Some(slot) = self.queues.get(&from) else { return };
        let landing = self.landing(from, original);
        let settings = slot.queue.settings();
        self.node.release(&settings.vhost, &settings.name, message, landing.as_ref());
    }

    fn landing(&self, queue: QueueId, original: Option<MessageId>) -> Option<Arc<Landing>> {
        let owner = &self.node.shards[self.node.shard_of(queue)];
        original.map(|id| Landing::new(owner.clone(), queue, id))
    }
}
