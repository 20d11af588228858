//! The messages that wait, in the order in which they will leave.
//!
//! One level for each priority in use, the highest first. Fresh messages of a level are a plain
//! FIFO. A message that goes back was once at its front, so it is older than all that are still
//! in it: those that went back are kept apart, by id, and leave first.

use std::collections::{BTreeMap, VecDeque};

use crate::id::MessageId;
use crate::message::Message;
use crate::time::Timestamp;

/// A buffer this small is not worth giving back.
const KEPT_CAPACITY: usize = 64;

/// What keeping a message costs beside its bytes: its entry, and its allocation.
const OVERHEAD: usize = size_of::<Entry>() + 48;

/// Expires never.
const NEVER: Timestamp = Timestamp(u64::MAX);

/// A message in a queue.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: MessageId,
    pub(super) message: Message,
    /// When its time runs out.
    pub(super) expires: Timestamp,
    /// How often it has come back after a delivery.
    pub(super) deliveries: u32,
    pub(super) priority: u8,
    /// Whether a log has to know of it.
    pub(super) logged: bool,
}

/// The waiting messages of one queue.
#[derive(Debug, Default)]
pub(super) struct Ready {
    level: Level,
    /// Levels above 0, the highest first.
    above: Vec<(u8, Level)>,
    len: usize,
    retained: u64,
    body_bytes: u64,
    /// How many of them may expire.
    expiring: usize,
}

/// The waiting messages of one priority.
#[derive(Debug, Default)]
struct Level {
    fresh: VecDeque<Entry>,
    returned: BTreeMap<MessageId, Entry>,
}

// === impl Entry ===

impl Entry {
    /// Bytes of memory it takes.
    pub(super) fn retained(&self) -> u64 {
        (self.message.size() + OVERHEAD) as u64
    }

    fn may_expire(&self) -> bool {
        self.expires != NEVER
    }
}

// === impl Ready ===

impl Ready {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of memory the messages take.
    pub(super) fn retained(&self) -> u64 {
        self.retained
    }

    /// Bytes of the messages' bodies.
    pub(super) fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    /// When the message at the head runs out of time, if it ever does.
    pub(super) fn head_expires(&self) -> Option<Timestamp> {
        if self.expiring == 0 {
            return None;
        }
        let levels = self.above.iter().map(|(_, level)| level).chain([&self.level]);
        let head = levels.filter_map(Level::head).next()?;
        head.may_expire().then_some(head.expires)
    }

    /// Adds a message younger than all others.
    pub(super) fn push(&mut self, mut entry: Entry) {
        entry.message.compact();
        self.count(&entry);
        self.level_mut(entry.priority).fresh.push_back(entry);
    }

    /// Adds a message that was popped before.
    pub(super) fn put_back(&mut self, mut entry: Entry) {
        entry.message.compact();
        self.count(&entry);
        self.level_mut(entry.priority).returned.insert(entry.id, entry);
    }

    /// Takes the message at the head.
    pub(super) fn pop(&mut self) -> Option<Entry> {
        let entry = match self.above.iter_mut().find_map(|(_, level)| level.pop()) {
            Some(entry) => entry,
            None => self.level.pop()?,
        };
        self.len -= 1;
        self.retained -= entry.retained();
        self.body_bytes -= entry.message.body_len() as u64;
        self.expiring -= usize::from(entry.may_expire());
        Some(entry)
    }

    /// All messages, in no particular order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        let levels = self.above.iter().map(|(_, level)| level).chain([&self.level]);
        levels.flat_map(|level| level.returned.values().chain(&level.fresh))
    }

    /// Removes everything and returns how many messages that was.
    pub(super) fn clear(&mut self) -> u64 {
        std::mem::take(self).len as u64
    }

    fn count(&mut self, entry: &Entry) {
        self.len += 1;
        self.retained += entry.retained();
        self.body_bytes += entry.message.body_len() as u64;
        self.expiring += usize::from(entry.may_expire());
    }

    fn level_mut(&mut self, priority: u8) -> &mut Level {
        if priority == 0 {
            return &mut self.level;
        }
        let at = match self.above.binary_search_by(|(other, _)| priority.cmp(other)) {
            Ok(at) => at,
            Err(at) => {
                self.above.insert(at, (priority, Level::default()));
                at
            }
        };
        &mut self.above[at].1
    }
}

// === impl Level ===

impl Level {
    fn head(&self) -> Option<&Entry> {
        match self.returned.first_key_value() {
            Some((_, entry)) => Some(entry),
            None => self.fresh.front(),
        }
    }

    fn pop(&mut self) -> Option<Entry> {
        if let Some((_, entry)) = self.returned.pop_first() {
            return Some(entry);
        }
        let entry = self.fresh.pop_front()?;
        // Gives memory back after a backlog; by halves, so that it stays cheap.
        let capacity = self.fresh.capacity();
        if capacity > KEPT_CAPACITY && self.fresh.len() < capacity / 4 {
            self.fresh.shrink_to((capacity / 2).max(KEPT_CAPACITY));
        }
        Some(entry)
    }
}
