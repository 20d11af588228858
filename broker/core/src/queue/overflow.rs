//! A bounded queue: how many messages and bytes of bodies may wait, and what happens to the rest.

use crate::message::Message;
use crate::queue::dead_letter::Reason;
use crate::queue::settings::{Overflow, Settings};
use crate::queue::{Effect, Queue};
use crate::time::Timestamp;

/// With so many messages or bytes less than may wait, the head is kept ready to make room.
const SOON_MESSAGES: u64 = 8_192;
const SOON_BYTES: u64 = 4 << 20;

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
    fn has_excess(&self) -> bool {
        self.will_have_excess(0, 0)
    }

    /// Whether the head will soon have to make room, if it does not already.
    pub(super) fn is_nearly_full(&self) -> bool {
        self.will_have_excess(SOON_MESSAGES, SOON_BYTES)
    }

    fn will_have_excess(&self, messages: u64, bytes: u64) -> bool {
        let Settings { max_length, max_bytes, overflow, .. } = &*self.settings;
        *overflow == Overflow::DropHead
            && (max_length.is_some_and(|max| self.ready.len() + messages > max)
                || max_bytes.is_some_and(|max| self.ready.body_bytes() + bytes > max))
    }
}
