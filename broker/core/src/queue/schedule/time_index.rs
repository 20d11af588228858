//! Messages by the time they are due: the nearest in memory, the others in pages.
//!
//! ```text
//!               leave               left               next_to_read        load
//!  here (near) ──────▶ leaving ──────────▶ cold ──────────────▶ loading ──────▶ here
//!      ▲                  │ stay, or due
//!      └──────────────────┘
//! ```
//!
//! Messages come in any order, so those that are furthest away leave first, and a page has neighbours in
//! time. Pages may overlap: one is read somewhat before its first message is due. What then lies far
//! away may leave again, for a page with others of its time; so pages grow narrower as they are used,
//! and what is in memory does not grow with the backlog.
//!
//! # Invariants
//!
//! - Messages leave in the order of their times; those of one time in the order in which they came, pages
//!   or not. After a restart a page counts as beginning with its earliest time, which may be too early
//!   and is never too late.
//! - A message that leaves for a page gets a new number, the largest so far: the numbers in a page are a
//!   run, as in any other queue, and a page costs the same however its messages came.

use std::collections::{BTreeMap, VecDeque};

use crate::id::MessageId;
use crate::queue::pages::{Page, PageNumber, PageSize, Paged};
use crate::queue::ready::Entry;
use crate::time::Timestamp;

/// How long before its first message is due a page is read, in ms. What is due within this time does not
/// leave.
const READ_AHEAD: u64 = 2_000;

/// Bytes of memory that what was read may take before pages are read only when nothing can go without them.
const READ_ENOUGH: u64 = 16 << 20;

/// Pages that are being read at the same time, at most.
const READ_AT_ONCE: usize = 4;

/// When a message is due, and the number that it came with.
type Place = (Timestamp, MessageId);

/// The messages of one queue that are not due.
#[derive(Debug, Default)]
pub(in crate::queue) struct TimeIndex {
    here: BTreeMap<Place, Entry>,
    /// Here, while pages are made of them; by the place of their first message.
    leaving: BTreeMap<(Place, PageNumber), Leaving>,
    /// The same.
    cold: BTreeMap<(Place, PageNumber), Cold>,
    loading: usize,
    totals: Totals,
    /// Bytes of memory that messages take which were in a page before.
    read: u64,
    /// What is due by then does not leave.
    near: Timestamp,
}

#[derive(Debug)]
struct Leaving {
    /// The number that the first has in the page; the others follow.
    first: MessageId,
    /// In the order of their places; there is at least one.
    entries: VecDeque<(Place, Entry)>,
}

/// What waits in a page.
#[derive(Debug)]
struct Cold {
    messages: u64,
    body_bytes: u64,
    is_loading: bool,
}

/// The next message of all.
enum Head {
    Here(Place),
    Leaving(Place, PageNumber),
    Cold,
}

/// How much waits.
#[derive(Debug, Default, Clone, Copy)]
pub(in crate::queue) struct Totals {
    pub(in crate::queue) messages: u64,
    /// Bytes of their bodies; of those in pages, a guess.
    pub(in crate::queue) body_bytes: u64,
    /// How many of them are in memory,
    pub(in crate::queue) here: u64,
    /// and the bytes that these take there.
    pub(in crate::queue) retained: u64,
}

// === impl TimeIndex ===

impl TimeIndex {
    pub(in crate::queue) fn totals(&self) -> Totals {
        self.totals
    }

    /// The messages that are in memory.
    pub(in crate::queue) fn iter(&self) -> impl Iterator<Item = &Entry> {
        let leaving = self.leaving.values().flat_map(|leaving| &leaving.entries);
        self.here.values().chain(leaving.map(|(_, entry)| entry))
    }

    /// Adds a message that is due when it would expire, and came with the number `arrival`.
    pub(in crate::queue) fn insert(&mut self, arrival: MessageId, mut entry: Entry) {
        entry.message.compact();
        self.totals.messages += 1;
        self.totals.body_bytes += entry.message.body_len() as u64;
        self.totals.here += 1;
        self.totals.retained += entry.retained();
        if entry.id != arrival {
            self.read += entry.retained();
        }
        self.here.insert((entry.expires, arrival), entry);
    }

    /// When there is something to do: a message to send on, or a page to read; none as long as the next
    /// message is being read.
    pub(in crate::queue) fn deadline(&self) -> Option<Timestamp> {
        let message = match self.head()? {
            Head::Here((due, _)) | Head::Leaving((due, _), _) => Some(due),
            Head::Cold => None,
        };
        let page = self.wanted().map(|((due, _), _)| Timestamp(due.0.saturating_sub(READ_AHEAD)));
        [message, page].into_iter().flatten().min()
    }

    /// Takes the next message if it is due, and in memory.
    pub(in crate::queue) fn pop_due(&mut self, now: Timestamp) -> Option<Entry> {
        loop {
            match self.head()? {
                Head::Here(place) if place.0 <= now => {
                    let entry = self.take(place)?;
                    self.totals.messages -= 1;
                    self.totals.body_bytes -= entry.message.body_len() as u64;
                    self.totals.here -= 1;
                    self.totals.retained -= entry.retained();
                    return Some(entry);
                }
                // Needed here.
                Head::Leaving(place, page) if place.0 <= now => self.stay(page),
                _ => return None,
            }
        }
    }

    /// Has the messages leave that are furthest away, for a page of this size, unless fewer than these
    /// would stay. Those from `certain` on keep their numbers, and so stay. The others get the numbers
    /// behind `last`, which grows.
    pub(in crate::queue) fn leave(
        &mut self,
        page: PageNumber,
        size: PageSize,
        certain: MessageId,
        last: &mut u64,
    ) -> Option<Vec<Paged>> {
        let (mut places, mut bytes) = (Vec::new(), 0);
        let far = self.here.iter().rev().take_while(|((due, _), _)| *due > self.near);
        for (place, entry) in far.filter(|(_, entry)| entry.id < certain) {
            bytes += entry.message.size();
            places.push(*place);
            if places.len() >= size.messages || bytes >= size.bytes {
                break;
            }
        }
        let is_full = places.len() >= size.messages || bytes >= size.bytes;
        if !is_full || self.here.len() < 2 * places.len() {
            return None;
        }
        let (first, nearest) = (MessageId(*last + 1), *places.last()?);
        let (mut entries, mut messages) = (VecDeque::with_capacity(places.len()), Vec::new());
        for place in places.into_iter().rev() {
            let Some(entry) = self.take(place) else { continue };
            *last += 1;
            messages.push(Paged {
                id: MessageId(*last),
                arrival: place.1,
                expires: entry.expires,
                deliveries: entry.deliveries,
                logged: entry.logged,
                message: entry.message.clone(),
            });
            entries.push_back((place, entry));
        }
        self.leaving.insert((nearest, page), Leaving { first, entries });
        Some(messages)
    }

    /// The messages that left for a page are in it. Returns what the page has, and the messages under the
    /// numbers that they had before; none if they do not leave any more.
    pub(in crate::queue) fn left(&mut self, number: PageNumber) -> Option<(Page, Vec<Entry>)> {
        let (place, Leaving { first, entries }) = self.take_leaving(number)?;
        let mut page =
            Page { first, last: first, arrival: place.1, earliest: place.0, ..Page::default() };
        let mut left = Vec::with_capacity(entries.len());
        let mut cold = Cold { messages: 0, body_bytes: 0, is_loading: false };
        for (id, (_, entry)) in (first.0..).map(MessageId).zip(entries) {
            let body_len = entry.message.body_len();
            page.add(id, entry.logged, entry.expires, body_len);
            cold.messages += 1;
            cold.body_bytes += body_len as u64;
            self.totals.here -= 1;
            self.totals.retained -= entry.retained();
            left.push(entry);
        }
        self.cold.insert(key(number, &page), cold);
        Some((page, left))
    }

    /// The messages that left for a page do not leave.
    pub(in crate::queue) fn stay(&mut self, page: PageNumber) {
        let Some((_, Leaving { entries, .. })) = self.take_leaving(page) else { return };
        let again = entries.iter().filter(|((_, arrival), entry)| entry.id != *arrival);
        self.read += again.map(|(_, entry)| entry.retained()).sum::<u64>();
        self.here.extend(entries);
    }

    /// Adds what waits in a page.
    pub(in crate::queue) fn push_cold(&mut self, number: PageNumber, page: &Page) {
        let (messages, body_bytes) = (page.alive.len() + page.fleeting, page.body_bytes_left());
        self.totals.messages += messages;
        self.totals.body_bytes += body_bytes;
        self.cold.insert(key(number, page), Cold { messages, body_bytes, is_loading: false });
    }

    /// A page that should be read now; it counts as being read from now on.
    pub(in crate::queue) fn next_to_read(&mut self, now: Timestamp) -> Option<PageNumber> {
        self.near = now.after(READ_AHEAD);
        let key @ ((due, _), page) = self.wanted()?;
        if due > self.near {
            return None;
        }
        self.cold.get_mut(&key)?.is_loading = true;
        self.loading += 1;
        Some(page)
    }

    /// The page that is to be read next, if one may be: all that come before it are being read.
    fn wanted(&self) -> Option<(Place, PageNumber)> {
        if self.loading >= READ_AT_ONCE {
            return None;
        }
        let (key, _) = self.cold.iter().find(|(_, cold)| !cold.is_loading)?;
        let is_next = self.here.keys().next().is_none_or(|first| key.0 <= *first);
        (is_next || self.read < READ_ENOUGH).then_some(*key)
    }

    /// Whether the page is being read.
    pub(in crate::queue) fn expects(&self, number: PageNumber, page: &Page) -> bool {
        self.cold.get(&key(number, page)).is_some_and(|cold| cold.is_loading)
    }

    /// Takes in what was read from a page that is expected. Returns how many messages there should have
    /// been.
    pub(in crate::queue) fn load(
        &mut self,
        number: PageNumber,
        page: &Page,
        messages: impl Iterator<Item = (MessageId, Entry)>,
    ) -> u64 {
        let Some(cold) = self.cold.remove(&key(number, page)) else { return 0 };
        self.loading -= usize::from(cold.is_loading);
        self.totals.messages -= cold.messages;
        self.totals.body_bytes -= cold.body_bytes;
        messages.for_each(|(arrival, entry)| self.insert(arrival, entry));
        cold.messages
    }

    fn take(&mut self, place: Place) -> Option<Entry> {
        let entry = self.here.remove(&place)?;
        if entry.id != place.1 {
            self.read -= entry.retained();
        }
        Some(entry)
    }

    fn take_leaving(&mut self, page: PageNumber) -> Option<(Place, Leaving)> {
        // There are never many.
        let key = *self.leaving.keys().find(|(_, number)| *number == page)?;
        Some((key.0, self.leaving.remove(&key)?))
    }

    fn head(&self) -> Option<Head> {
        let here = self.here.keys().next().map(|place| (*place, Head::Here(*place)));
        let leaving = self.leaving.keys().next();
        let leaving = leaving.map(|(place, page)| (*place, Head::Leaving(*place, *page)));
        let cold = self.cold.keys().next().map(|(place, _)| (*place, Head::Cold));
        // Of equal places that of a page comes first: it may not be known exactly.
        let heads = cold.into_iter().chain(here).chain(leaving);
        heads.min_by_key(|(place, _)| *place).map(|(_, head)| head)
    }
}

/// Where a page lies among the others.
fn key(number: PageNumber, page: &Page) -> (Place, PageNumber) {
    ((page.earliest, page.arrival), number)
}
