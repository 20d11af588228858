//! Pages: runs of waiting messages that are kept outside the queue, and what of them is not gone.
//!
//! A page is written once and never changed, so the queue notes which of its messages are left:
//! those that wait in it, those that were read back and handed out, and those on their way to a
//! dead-letter exchange. A page of which nothing is left is not needed any more.

use std::collections::BTreeMap;

use crate::id::MessageId;
use crate::message::Message;
use crate::queue::ids::IdSet;
use crate::time::Timestamp;

/// A page's number in its queue. A number is not used again as long as anybody may remember it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageNumber(pub u64);

/// How large a page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageSize {
    /// It is full with so many messages,
    pub messages: usize,
    /// or with so many bytes of them, names and headers included.
    pub bytes: usize,
}

/// A message as a page has it.
#[derive(Debug, Clone)]
pub struct Paged {
    /// Its number in the queue.
    pub id: MessageId,
    /// The number that it came with: another one only if it was delayed, and left the memory.
    pub arrival: MessageId,
    /// When its time runs out; `u64::MAX` is never.
    pub expires: Timestamp,
    /// How often it has come back after a delivery.
    pub deliveries: u32,
    /// Whether a log knows of it; if not, it does not outlive the process.
    pub logged: bool,
    /// The message.
    pub message: Message,
}

/// What a queue has to know of a page without reading it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The priority that its messages have.
    pub level: u8,
    /// The first id in it. Pages of a level lie one behind another.
    pub first: MessageId,
    /// The last id in it.
    pub last: MessageId,
    /// The number that the first of its messages came with, or a smaller one. Only where messages are
    /// delayed; elsewhere it does not matter.
    pub arrival: MessageId,
    /// Messages that a log knows of and that are not gone.
    pub alive: IdSet,
    /// How many messages that a log knows of were written.
    pub written: u64,
    /// Bytes of their bodies.
    pub body_bytes: u64,
    /// When the first of its messages runs out of time; `u64::MAX` is never.
    pub earliest: Timestamp,
    /// Messages up to this id may have been handed out before the process started.
    pub delivered: MessageId,
    /// How many messages that no log knows of are not gone.
    pub fleeting: u64,
}

/// The pages of a queue.
#[derive(Debug, Clone, Default)]
pub struct Pages {
    pages: BTreeMap<PageNumber, Page>,
    /// By level and first id.
    places: BTreeMap<(u8, MessageId), PageNumber>,
}

// === impl Page ===

impl Page {
    /// Counts a message that was written to it, behind those that were counted before.
    pub(super) fn add(&mut self, id: MessageId, logged: bool, expires: Timestamp, body_len: usize) {
        self.last = id;
        self.earliest = self.earliest.min(expires);
        if logged {
            self.alive.insert(id);
            self.written += 1;
            self.body_bytes += body_len as u64;
        } else {
            self.fleeting += 1;
        }
    }

    /// Whether a message that was read from it is left. Those that no log knows are not told apart.
    pub(super) fn is_left(&self, message: &Paged) -> bool {
        if message.logged { self.alive.contains(message.id) } else { self.fleeting > 0 }
    }

    /// Whether nothing of it is left.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.alive.is_empty() && self.fleeting == 0
    }

    /// Whether it has a message of which a log knows.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        !self.alive.is_empty()
    }

    /// Bytes of the bodies of what is left of what a log knows: a guess where some are gone, until
    /// the page is read.
    pub(super) fn body_bytes_left(&self) -> u64 {
        match self.alive.len() {
            all if all >= self.written => self.body_bytes,
            left => self.body_bytes * left / self.written,
        }
    }
}

// === impl Pages ===

impl Pages {
    /// Adds a page, or replaces the one with its number.
    pub fn insert(&mut self, number: PageNumber, page: Page) {
        self.remove(number);
        self.places.insert((page.level, page.first), number);
        self.pages.insert(number, page);
    }

    /// Forgets a page.
    pub fn remove(&mut self, number: PageNumber) -> Option<Page> {
        let page = self.pages.remove(&number)?;
        self.places.remove(&(page.level, page.first));
        Some(page)
    }

    /// The page with this number.
    #[must_use]
    pub fn get(&self, number: PageNumber) -> Option<&Page> {
        self.pages.get(&number)
    }

    /// All pages, by number.
    pub fn iter(&self) -> impl Iterator<Item = (PageNumber, &Page)> {
        self.pages.iter().map(|(number, page)| (*number, page))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pages.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    /// A number that none of them has, nor had as far as they tell.
    #[must_use]
    pub fn next_number(&self) -> PageNumber {
        self.pages.last_key_value().map_or(PageNumber(1), |(last, _)| PageNumber(last.0 + 1))
    }

    /// The page that has the message alive, whatever its priority is.
    #[must_use]
    pub fn find(&self, id: MessageId) -> Option<PageNumber> {
        let mut level = u8::MAX;
        loop {
            // The next level that has pages, going down.
            let (&(found, _), _) =
                self.places.range(..=(level, MessageId(u64::MAX))).next_back()?;
            if let Some(number) = self.around(found, id)
                && self.pages[&number].alive.contains(id)
            {
                return Some(number);
            }
            level = found.checked_sub(1)?;
        }
    }

    /// The page of a level in whose range the message is.
    pub(super) fn around(&self, level: u8, id: MessageId) -> Option<PageNumber> {
        let mut range = self.places.range((level, MessageId(0))..=(level, id));
        let (_, &number) = range.next_back()?;
        (id <= self.pages[&number].last).then_some(number)
    }

    /// Takes note that a message that a log knows of is gone. Returns the page it was in.
    pub fn forget(&mut self, id: MessageId) -> Option<PageNumber> {
        let number = self.find(id)?;
        self.pages.get_mut(&number)?.alive.remove(id);
        Some(number)
    }

    /// Takes back that a message is gone.
    pub fn revive(&mut self, number: PageNumber, id: MessageId) {
        if let Some(page) = self.pages.get_mut(&number) {
            page.alive.insert(id);
        }
    }

    /// Takes note that a message in the range of page `number` is gone. Returns whether it was the
    /// last.
    pub(super) fn note_gone(&mut self, number: PageNumber, id: MessageId, logged: bool) -> bool {
        let Some(page) = self.pages.get_mut(&number) else { return false };
        match logged {
            true => {
                page.alive.remove(id);
            }
            false => page.fleeting = page.fleeting.saturating_sub(1),
        }
        page.is_done()
    }

    /// Of all messages up to `up_to` that a log knows of only those in `survivors`, which are in
    /// order, are left.
    pub fn purge(&mut self, up_to: MessageId, survivors: &[MessageId]) {
        for page in self.pages.values_mut().filter(|page| page.first <= up_to) {
            page.alive.retain(|id| id > up_to || survivors.binary_search(&id).is_ok());
        }
    }

    /// As [`Pages::purge`] of everything, with the messages that no log knows of and that are left.
    pub(super) fn purge_all(&mut self, logged: &[MessageId], fleeting: &[(u8, MessageId)]) {
        self.purge(MessageId(u64::MAX), logged);
        self.pages.values_mut().for_each(|page| page.fleeting = 0);
        for (level, id) in fleeting {
            let number = self.around(*level, *id);
            if let Some(page) = number.and_then(|number| self.pages.get_mut(&number)) {
                page.fleeting += 1;
            }
        }
    }

    /// Messages up to `delivered` may have been handed out by an earlier process; what no log knows
    /// went with it.
    pub(super) fn restored(&mut self, delivered: MessageId) {
        for page in self.pages.values_mut() {
            page.delivered = delivered;
            page.fleeting = 0;
        }
        self.remove_done();
    }

    /// Takes out the pages of which nothing is left.
    pub fn remove_done(&mut self) -> Vec<PageNumber> {
        let done = self.pages.iter().filter(|(_, page)| page.is_done());
        let done: Vec<_> = done.map(|(number, _)| *number).collect();
        for number in &done {
            self.remove(*number);
        }
        done
    }
}
