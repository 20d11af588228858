//! The messages that wait, in the order in which they will leave.
//!
//! One [`Level`] for each priority in use, the highest first.

mod level;

use std::collections::VecDeque;

use crate::id::MessageId;
use crate::message::Message;
use crate::queue::pages::{Page, PageNumber, PageSize, Paged};
use crate::queue::ready::level::{Cold, Head, Level};
use crate::time::Timestamp;

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
    waiting: Totals,
    /// How many of them are in memory, and the bytes that they take there.
    here: u64,
    retained: u64,
    /// Pages with waiting messages.
    cold: usize,
}

/// Messages, counted.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Totals {
    messages: u64,
    /// Bytes of their bodies.
    body_bytes: u64,
    /// How many of them may expire.
    expiring: u64,
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

// === impl Totals ===

impl Totals {
    fn add(&mut self, entry: &Entry) {
        self.messages += 1;
        self.body_bytes += entry.message.body_len() as u64;
        self.expiring += u64::from(entry.may_expire());
    }

    fn subtract(&mut self, entry: &Entry) {
        self.messages -= 1;
        self.body_bytes -= entry.message.body_len() as u64;
        self.expiring -= u64::from(entry.may_expire());
    }

    fn add_all(&mut self, other: Self) {
        self.messages += other.messages;
        self.body_bytes += other.body_bytes;
        self.expiring += other.expiring;
    }

    fn subtract_all(&mut self, other: Self) {
        self.messages -= other.messages;
        self.body_bytes -= other.body_bytes;
        self.expiring -= other.expiring;
    }
}

// === impl Ready ===

impl Ready {
    pub(super) fn len(&self) -> u64 {
        self.waiting.messages
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.messages == 0
    }

    /// Messages that are in memory.
    pub(super) fn here(&self) -> u64 {
        self.here
    }

    /// Bytes of memory the messages take.
    pub(super) fn retained(&self) -> u64 {
        self.retained
    }

    /// Bytes of the messages' bodies.
    pub(super) fn body_bytes(&self) -> u64 {
        self.waiting.body_bytes
    }

    /// Whether there is a message at the head, and it is in memory.
    pub(super) fn has_head(&self) -> bool {
        matches!(self.head(), Some(Head::Entry(_)))
    }

    /// The message at the head, if it is in memory, and how often it has come back.
    pub(super) fn head_returns(&self) -> Option<(MessageId, u32)> {
        match self.head()? {
            Head::Entry(entry) => Some((entry.id, entry.deliveries)),
            Head::Cold(_) => None,
        }
    }

    /// Whether messages wait, and the first of them is in a page.
    pub(super) fn is_cold(&self) -> bool {
        self.cold > 0 && matches!(self.head(), Some(Head::Cold(_)))
    }

    /// When the message at the head runs out of time, if it ever does; of a page at the head, when
    /// the first of its messages does, unless it is being read.
    pub(super) fn head_expires(&self) -> Option<Timestamp> {
        if self.waiting.expiring == 0 {
            return None;
        }
        let expires = match self.head()? {
            Head::Entry(entry) => entry.expires,
            Head::Cold(cold) if cold.loading => return None,
            Head::Cold(cold) => cold.earliest,
        };
        (expires != NEVER).then_some(expires)
    }

    /// Adds a message younger than all others.
    pub(super) fn push(&mut self, mut entry: Entry) {
        entry.message.compact();
        self.count(&entry);
        self.level_mut(entry.priority).push(entry);
    }

    /// Adds a message that was popped before.
    pub(super) fn put_back(&mut self, mut entry: Entry) {
        entry.message.compact();
        self.count(&entry);
        self.level_mut(entry.priority).put_back(entry);
    }

    /// Takes the message at the head, if it is in memory.
    pub(super) fn pop(&mut self) -> Option<Entry> {
        let entry = self.first_level()?.pop()?;
        self.waiting.subtract(&entry);
        self.here -= 1;
        self.retained -= entry.retained();
        Some(entry)
    }

    /// All messages that are in memory, in no particular order, and whether a page may have them too.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Entry, bool)> {
        let levels = self.above.iter().map(|(_, level)| level).chain([&self.level]);
        levels.flat_map(Level::iter)
    }

    /// Removes everything and returns how many messages that was.
    pub(super) fn clear(&mut self) -> u64 {
        std::mem::take(self).waiting.messages
    }

    /// Lets the next messages leave that may, the least urgent first. Their priority, and they.
    pub(super) fn leave(&mut self, page: PageNumber, size: PageSize) -> Option<(u8, Vec<Paged>)> {
        let above = self.above.iter_mut().rev().map(|(priority, level)| (*priority, level));
        let mut levels = [(0, &mut self.level)].into_iter().chain(above);
        levels.find_map(|(priority, level)| {
            let leaving = level.leave(page, size)?;
            Some((priority, leaving.map(Paged::from).collect()))
        })
    }

    /// The messages that left for a page are in it. Returns them as the page has them; none if they
    /// do not leave any more.
    pub(super) fn left(
        &mut self,
        page: PageNumber,
        (priority, first): (u8, MessageId),
    ) -> Option<Page> {
        let entries = self.level_mut(priority).left(page, first)?;
        let mut made = Page {
            level: priority,
            first,
            last: entries.back().map_or(first, |entry| entry.id),
            earliest: NEVER,
            ..Page::default()
        };
        for entry in entries {
            self.here -= 1;
            self.retained -= entry.retained();
            made.add(entry.id, entry.logged, entry.expires, entry.message.body_len());
        }
        self.cold += 1;
        Some(made)
    }

    /// The messages that left for a page do not leave.
    pub(super) fn stay(&mut self, page: PageNumber, (priority, first): (u8, MessageId)) {
        self.level_mut(priority).stay(page, first);
    }

    /// Adds what waits in a page, all of it younger than all others of its priority.
    pub(super) fn push_cold(&mut self, number: PageNumber, page: &Page) {
        let messages = page.alive.len() + page.fleeting;
        // How many may expire is found out when the page is read.
        let expiring = if page.earliest == NEVER { 0 } else { messages };
        let totals = Totals { messages, body_bytes: page.body_bytes_left(), expiring };
        self.waiting.add_all(totals);
        self.cold += 1;
        let (earliest, from) = (page.earliest, page.first);
        let cold = Cold { page: number, from, totals, earliest, loading: false };
        self.level_mut(page.level).push_cold(cold);
    }

    /// The pages that should be read now; they count as being read from now on.
    pub(super) fn next_to_read(&mut self) -> Option<PageNumber> {
        if self.cold == 0 {
            return None;
        }
        self.first_level()?.next_to_read()
    }

    /// From which of its messages on a page is wanted, if it is.
    pub(super) fn expected(&mut self, number: PageNumber, page: &Page) -> Option<MessageId> {
        self.level_mut(page.level).expected(number, page.last)
    }

    /// Puts what was read from a page that was expected in its place. Returns how many messages
    /// there should have been.
    pub(super) fn load(&mut self, page: &Page, entries: VecDeque<Entry>) -> u64 {
        let mut totals = Totals::default();
        for entry in &entries {
            totals.add(entry);
            self.retained += entry.retained();
        }
        let Some(cold) = self.level_mut(page.level).load(page.last, entries) else { return 0 };
        self.here += totals.messages;
        self.waiting.subtract_all(cold.totals);
        self.waiting.add_all(totals);
        self.cold -= 1;
        cold.totals.messages
    }

    fn count(&mut self, entry: &Entry) {
        self.waiting.add(entry);
        self.here += 1;
        self.retained += entry.retained();
    }

    fn head(&self) -> Option<Head<'_>> {
        let levels = self.above.iter().map(|(_, level)| level).chain([&self.level]);
        levels.filter_map(Level::head).next()
    }

    /// The highest level with messages.
    fn first_level(&mut self) -> Option<&mut Level> {
        let above = self.above.iter_mut().map(|(_, level)| level);
        above.chain([&mut self.level]).find(|level| level.head().is_some())
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

// === impl Paged ===

impl Paged {
    /// The message in the queue again, from a page.
    pub(super) fn into_entry(self, page: &Page) -> Entry {
        let Self { id, expires, deliveries, logged, message, .. } = self;
        let deliveries = deliveries.max(u32::from(id <= page.delivered));
        Entry { id, expires, deliveries, priority: page.level, logged, message }
    }
}

impl From<&Entry> for Paged {
    fn from(entry: &Entry) -> Self {
        let Entry { id, expires, deliveries, logged, ref message, .. } = *entry;
        Self { id, arrival: id, expires, deliveries, logged, message: message.clone() }
    }
}
