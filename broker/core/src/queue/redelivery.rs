//! Messages that come back: how often, who is told, and when it is enough.
//!
//! A quorum queue, and any with a delivery limit, says in the header `x-delivery-count` how often
//! the message has come back before. One that has come back more often than the limit is dead.
//!
//! A log that knows which message was handed out last knows which came back once: those up to it, since
//! what was with a consumer at the end of the process has come back as well. What is handed out
//! again is worth a word of its own, so that the count goes on, and ends at the limit, whatever happens
//! to the process meanwhile.

use std::collections::BTreeMap;

use crate::id::MessageId;
use crate::message::Message;
use crate::queue::dead_letter::Reason;
use crate::queue::ready::Entry;
use crate::queue::settings::Kind;
use crate::queue::{Effect, Queue};
use crate::time::Timestamp;

const COUNT: &str = "x-delivery-count";

/// That a message was handed out more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandedOut {
    /// The message.
    pub id: MessageId,
    /// How often.
    pub times: u32,
}

/// The same of all messages that a log knows, where it matters.
pub(super) type TimesHandedOut = BTreeMap<MessageId, u32>;

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
        if entry.deliveries == 0 || !self.is_counting() {
            return entry.message.clone();
        }
        counted(&entry.message, entry.deliveries).unwrap_or_else(|| entry.message.clone())
    }

    fn is_counting(&self) -> bool {
        self.settings.kind == Kind::Quorum || self.settings.delivery_limit.is_some()
    }

    /// The messages that were handed out more than once, as a log has to know it.
    pub fn handed_out(&self) -> impl Iterator<Item = HandedOut> + '_ {
        let times = self.handed_out.iter().flat_map(|times| times.iter());
        times.map(|(id, times)| HandedOut { id: *id, times: *times })
    }

    /// Takes up what a log remembers.
    pub(super) fn restore_handed_out(&mut self, remembered: Vec<HandedOut>) {
        let times: TimesHandedOut = remembered.into_iter().map(|of| (of.id, of.times)).collect();
        self.handed_out = (!times.is_empty()).then(|| Box::new(times));
    }

    /// Takes note that a message is handed out which has come back before.
    pub(super) fn note_handed_out_again(&mut self, entry: &Entry) {
        if entry.deliveries == 0 || !entry.logged || !self.is_counting() {
            return;
        }
        let (id, times) = (entry.id, entry.deliveries.saturating_add(1));
        if let Some(changes) = &mut self.changes {
            changes.handed_out.push(HandedOut { id, times });
            self.handed_out.get_or_insert_default().insert(id, times);
        }
    }

    /// What a restart has left out of account counts again.
    pub(super) fn recount(&self, entry: &mut Entry) {
        if let Some(times) = self.handed_out.as_ref().and_then(|times| times.get(&entry.id)) {
            entry.deliveries = entry.deliveries.max(*times);
        }
    }

    /// Nobody will ask how often the message was handed out.
    pub(super) fn forget_handed_out(&mut self, id: MessageId) {
        if let Some(times) = &mut self.handed_out {
            times.remove(&id);
            if times.is_empty() {
                self.handed_out = None;
            }
        }
    }

    /// The same of all messages but those that are held or on their way to a dead-letter exchange.
    pub(super) fn forget_purged_handed_out(&mut self) {
        let Some(mut times) = self.handed_out.take() else { return };
        times.retain(|id, _| self.held.contains_key(id) || self.dying.contains(id));
        self.handed_out = (!times.is_empty()).then_some(times);
    }

    /// Lets a message at the head go that has come back too often: with the process that its last consumer
    /// was on, or before the limit was what it is. Returns whether there was one. Once is never too often
    /// here, since after a restart that may be a guess.
    pub(super) fn bury_spent(&mut self, now: Timestamp, effects: &mut Vec<Effect>) -> bool {
        let Some(limit) = self.settings.delivery_limit else { return false };
        let Some((id, returns)) = self.ready.head_returns() else { return false };
        let remembered = self.handed_out.as_ref().and_then(|times| times.get(&id));
        if returns.max(remembered.copied().unwrap_or(0)) <= limit.max(1) {
            return false;
        }
        let Some(entry) = self.ready.pop() else { return false };
        self.bury(&entry, Reason::DeliveryLimit, now, effects);
        true
    }
}

fn counted(message: &Message, deliveries: u32) -> Option<Message> {
    let mut properties = message.properties().to_properties().ok()?;
    properties.headers.get_or_insert_default().insert(COUNT, i64::from(deliveries));
    message.with_properties(message.exchange(), message.routing_key(), &properties)
}
