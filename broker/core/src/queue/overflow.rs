//! A bounded queue: how many messages and bytes of bodies may wait, and what happens to the rest.

use crate::message::Message;
use crate::queue::dead_letter::Reason;
use crate::queue::settings::{Overflow, Settings};
use crate::queue::{Effect, Queue};
use crate::time::Timestamp;

// === impl Queue ===

impl Queue {
    /// Whether a full queue refuses this message. Counted as if it had to wait, as RabbitMQ does.
    pub(super) fn refuses(
        &self,
        message: &Message,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let Settings { max_length, max_bytes, overflow, .. } = &*self.settings;
        if *overflow == Overflow::DropHead {
            return false;
        }
        let length = self.ready.len() + 1;
        let bytes = self.ready.body_bytes() + message.body_len() as u64;
        if max_length.is_none_or(|max| length <= max) && max_bytes.is_none_or(|max| bytes <= max) {
            return false;
        }
        if *overflow == Overflow::RejectPublishDlx {
            let dead = self.dead(message, Reason::MaxLength, now);
            effects.extend(dead.map(|message| Effect::DeadLetter { id: None, message }));
        }
        effects.push(Effect::PublishRefused);
        true
    }

    /// Makes room from the head.
    pub(super) fn drop_excess(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        while self.has_excess()
            && let Some(entry) = self.ready.pop()
        {
            self.bury(&entry, Reason::MaxLength, now, effects);
        }
    }

    /// Whether more waits than may, and the head has to make room.
    pub(super) fn has_excess(&self) -> bool {
        let Settings { max_length, max_bytes, overflow, .. } = &*self.settings;
        *overflow == Overflow::DropHead
            && (max_length.is_some_and(|max| self.ready.len() > max)
                || max_bytes.is_some_and(|max| self.ready.body_bytes() > max))
    }
}
