//! Messages that come back: how often, who is told, and when it is enough.
//!
//! A quorum queue, and any with a delivery limit, says in the header `x-delivery-count` how often
//! the message has come back before. One that has come back more often than the limit is dead.

use crate::message::Message;
use crate::queue::dead_letter::Reason;
use crate::queue::ready::Entry;
use crate::queue::settings::Kind;
use crate::queue::{Effect, Queue};
use crate::time::Timestamp;

const COUNT: &str = "x-delivery-count";

// === impl Queue ===

impl Queue {
    /// Takes a message back to its place.
    pub(super) fn take_back(
        &mut self,
        mut entry: Entry,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        entry.deliveries = entry.deliveries.saturating_add(1);
        if self.settings.delivery_limit.is_some_and(|limit| entry.deliveries > limit) {
            self.bury(&entry, Reason::DeliveryLimit, now, effects);
        } else {
            self.ready.put_back(entry);
        }
    }

    /// The message as this delivery shows it.
    pub(super) fn shown(&self, entry: &Entry) -> Message {
        let counting = self.settings.kind == Kind::Quorum || self.settings.delivery_limit.is_some();
        if entry.deliveries == 0 || !counting {
            return entry.message.clone();
        }
        counted(&entry.message, entry.deliveries).unwrap_or_else(|| entry.message.clone())
    }
}

fn counted(message: &Message, deliveries: u32) -> Option<Message> {
    let mut properties = message.properties().to_properties().ok()?;
    properties.headers.get_or_insert_default().insert(COUNT, i64::from(deliveries));
    message.with_properties(message.exchange(), message.routing_key(), &properties)
}
