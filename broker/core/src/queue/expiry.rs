//! Time running out: for messages at the head of the queue, and for a queue nobody uses.
//!
//! As in RabbitMQ, a message expires at the head: one with a short life behind one with a long
//! life goes when its turn comes, and is never delivered after its time. A queue is used while it
//! has consumers, and when someone gets from it or declares it.

use crate::message::Message;
use crate::queue::dead_letter::Reason;
use crate::queue::settings::Settings;
use crate::queue::{Deletion, Effect, Queue};
use crate::time::Timestamp;

/// When a message that arrives now runs out of time; `u64::MAX` is never.
pub(super) fn of(settings: &Settings, message: &Message, now: Timestamp) -> Timestamp {
    let own = message.ttl().unwrap_or_default().unwrap_or(u64::MAX);
    now.after(own.min(settings.message_ttl.unwrap_or(u64::MAX)))
}

// === impl Queue ===

impl Queue {
    /// When [`Command::Expire`](crate::queue::Command::Expire) is next due, if ever. Look again
    /// after every batch of commands, and after making the queue: it may have moved either way.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let message = self.ready.head_expires();
        let deadlines =
            [message, self.delay_deadline(), self.idle_deadline(), self.keys_deadline()];
        deadlines.into_iter().flatten().min()
    }

    /// Notes that somebody used the queue.
    pub(super) fn touch(&mut self, now: Timestamp) {
        self.last_used = Some(now);
    }

    /// Lets go what is at the head and nobody is to get any more.
    pub(super) fn clear_head(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        self.expire_messages(now, effects);
        while self.bury_spent(now, effects) {
            self.expire_messages(now, effects);
        }
    }

    /// Lets what is due at the head go.
    pub(super) fn expire_messages(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        while self.ready.head_expires().is_some_and(|due| due <= now)
            && let Some(entry) = self.ready.pop()
        {
            self.bury(&entry, Reason::Expired, now, effects);
        }
    }

    /// Acts on everything that is due.
    pub(super) fn expire(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        if self.last_used.is_none() {
            self.touch(now);
        }
        self.expire_messages(now, effects);
        self.expire_keys(now);
        self.release(now, effects);
        if self.idle_deadline().is_some_and(|due| due <= now) {
            self.end(Deletion::Expired, effects);
        }
    }

    /// When the queue goes if nobody uses it. One that was never used begins to wait with the
    /// first `Expire`, which is due at once.
    fn idle_deadline(&self) -> Option<Timestamp> {
        let expires = self.settings.expires?;
        let idle = self.consumers.len() == 0 && !self.deleted;
        idle.then(|| self.last_used.map_or(Timestamp(0), |used| used.after(expires)))
    }
}
