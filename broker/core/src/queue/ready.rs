//! The messages that wait, in the order in which they will leave.
//!
//! Fresh messages are a plain FIFO. A message that goes back was once at its front, so it is older
//! than all that are still in it: those that went back are kept apart, by id, and leave first.

use std::collections::{BTreeMap, VecDeque};

use crate::id::MessageId;
use crate::message::Message;

/// A fresh queue's buffer this small is not worth giving back.
const KEPT_CAPACITY: usize = 64;

/// A message in a queue.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) id: MessageId,
    /// How often it has gone back after a delivery.
    pub(crate) deliveries: u32,
    pub(crate) message: Message,
}

/// The waiting messages of one queue.
#[derive(Debug, Default)]
pub(crate) struct Ready {
    fresh: VecDeque<Entry>,
    returned: BTreeMap<MessageId, Entry>,
    bytes: u64,
}

// === impl Ready ===

impl Ready {
    pub(crate) fn len(&self) -> usize {
        self.fresh.len() + self.returned.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.fresh.is_empty() && self.returned.is_empty()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds a message younger than all others.
    pub(crate) fn push(&mut self, mut entry: Entry) {
        entry.message.compact();
        self.bytes += entry.message.size() as u64;
        self.fresh.push_back(entry);
    }

    /// Adds a message that was popped before.
    pub(crate) fn put_back(&mut self, mut entry: Entry) {
        entry.message.compact();
        self.bytes += entry.message.size() as u64;
        self.returned.insert(entry.id, entry);
    }

    /// Takes the oldest message.
    pub(crate) fn pop(&mut self) -> Option<Entry> {
        let entry = match self.returned.pop_first() {
            Some((_, entry)) => entry,
            None => {
                let entry = self.fresh.pop_front()?;
                self.shrink();
                entry
            }
        };
        self.bytes -= entry.message.size() as u64;
        Some(entry)
    }

    /// Removes everything and returns how many messages that was.
    pub(crate) fn clear(&mut self) -> u64 {
        let messages = self.len() as u64;
        *self = Self::default();
        messages
    }

    /// Gives memory back after a backlog; halving keeps it amortised.
    fn shrink(&mut self) {
        let capacity = self.fresh.capacity();
        if capacity > KEPT_CAPACITY && self.fresh.len() < capacity / 4 {
            self.fresh.shrink_to((capacity / 2).max(KEPT_CAPACITY));
        }
    }
}
