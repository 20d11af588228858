//! Delayed messages: a queue that belongs to a delayed exchange, and is seen by nobody else.
//!
//! A message waits in it until its time has come and then goes on to the exchange, whose bindings of
//! that moment say where to. The queue forgets it once the copies are safe, as with dead letters. What
//! a log knows of the message as its expiry is here the time it is due.

use std::collections::BTreeMap;

use crate::id::MessageId;
use crate::queue::ready::Entry;
use crate::queue::{Effect, Queue};
use crate::time::Timestamp;

/// Messages that go on at one call; more follow at once, with others in between.
const AT_ONCE: usize = 1_000;

/// Messages in the order of their times; of the same time, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    waiting: BTreeMap<(Timestamp, MessageId), Entry>,
    totals: Totals,
}

/// How much waits.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Totals {
    pub(super) messages: u64,
    /// Bytes of memory the messages take.
    pub(super) retained: u64,
    /// Bytes of their bodies.
    pub(super) body_bytes: u64,
}

// === impl Schedule ===

impl Schedule {
    pub(super) fn totals(&self) -> Totals {
        self.totals
    }

    /// When the first message is due.
    pub(super) fn first_due(&self) -> Option<Timestamp> {
        self.waiting.first_key_value().map(|((due, _), _)| *due)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.waiting.values()
    }

    /// Adds a message that is due when it would expire.
    pub(super) fn insert(&mut self, mut entry: Entry) {
        entry.message.compact();
        self.totals.messages += 1;
        self.totals.retained += entry.retained();
        self.totals.body_bytes += entry.message.body_len() as u64;
        self.waiting.insert((entry.expires, entry.id), entry);
    }

    fn pop_due(&mut self, now: Timestamp) -> Option<Entry> {
        let first = self.waiting.first_entry().filter(|first| first.key().0 <= now)?;
        let entry = first.remove();
        self.totals.messages -= 1;
        self.totals.retained -= entry.retained();
        self.totals.body_bytes -= entry.message.body_len() as u64;
        Some(entry)
    }
}

// === impl Queue ===

impl Queue {
    /// Takes a message in until its time has come.
    pub(super) fn put_off(&mut self, mut entry: Entry, now: Timestamp) {
        entry.expires = now.after(entry.message.delay().unwrap_or(0));
        self.note_entered(&entry);
        if let Some(schedule) = &mut self.schedule {
            schedule.insert(entry);
        }
    }

    /// Sends on what is due.
    pub(super) fn release(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        for _ in 0..AT_ONCE {
            let Some(entry) = self.schedule.as_mut().and_then(|due| due.pop_due(now)) else {
                return;
            };
            match entry.message.released() {
                Some(message) => {
                    let id = entry.logged.then_some(entry.id);
                    self.dying.extend(id);
                    effects.push(Effect::Release { id, message });
                }
                None => self.note_gone(&entry),
            }
        }
    }
}
