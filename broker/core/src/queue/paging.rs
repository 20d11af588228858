//! Messages on their way between the queue and its pages.
//!
//! ```text
//!            page_out             paged_out          (needed)          paged_in
//!  ready ──▶ PageOut ── leaving ──────────▶ in the page ──▶ PageIn ── loading ──▶ ready, and in
//!    ▲                     │                                             │          the page
//!    └──── page_failed ────┤                                             └─ page_lost ─▶ (counted)
//!    └── needed meanwhile ─┘
//! ```
//!
//! While the first message is in a page nobody gets anything, as if the queue were empty, save that
//! a `Get` is told [`Effect::NotYet`]. A page is read when there is someone to read for: a consumer,
//! a `Get`, a message that is due to expire or to make room.
//!
//! A page is [done](Effect::PageDone) once every message in it is gone.
//!
//! Delayed messages go the same ways, in an order of their own: see
//! [`schedule`](crate::queue::schedule).

use std::collections::{BTreeMap, VecDeque};

use crate::id::MessageId;
use crate::queue::pages::{Page, PageNumber, PageSize, Paged, Pages};
use crate::queue::ready::Entry;
use crate::queue::{Effect, Queue};
use crate::time::Timestamp;

/// What a queue with pages knows of them.
#[derive(Debug, Default)]
pub(super) struct Paging {
    pages: Pages,
    /// The number that the last page got.
    last: PageNumber,
    /// Pages that are being written, by level and first id.
    leaving: BTreeMap<PageNumber, (u8, MessageId)>,
    /// Messages from pages, on their way to a dead-letter exchange, and their levels.
    dying: BTreeMap<MessageId, u8>,
    /// Pages that are done, and nobody was told.
    done: Vec<PageNumber>,
    /// Somebody waits for the first message.
    asked: bool,
}

/// What is in a page that was written.
#[derive(Debug)]
pub struct Left<'a> {
    /// What the queue knows of the page.
    pub page: &'a Page,
    /// Numbers that messages in it had before, and that a log has to know as gone together with the page.
    pub renumbered: Vec<MessageId>,
}

// === impl Paging ===

impl Paging {
    pub(super) fn new(pages: Pages) -> Self {
        let last = PageNumber(pages.next_number().0 - 1);
        Self { pages, last, ..Self::default() }
    }

    fn next(&self) -> PageNumber {
        PageNumber(self.last.0 + 1)
    }

    pub(super) fn insert(&mut self, number: PageNumber, page: Page) {
        self.pages.insert(number, page);
    }

    pub(super) fn get(&self, number: PageNumber) -> Option<&Page> {
        self.pages.get(number)
    }

    /// A message is gone for good.
    pub(super) fn forget(&mut self, level: u8, id: MessageId, logged: bool) {
        if let Some(number) = self.pages.around(level, id)
            && self.pages.note_gone(number, id, logged)
        {
            self.pages.remove(number);
            self.done.push(number);
        }
    }
}

// === impl Queue ===

impl Queue {
    /// Lets up to `most` pages' worth of messages leave, not those that are first or last in line:
    /// an [`Effect::PageOut`] each. Cheap when there is nothing to do.
    ///
    /// Messages from `certain` on may yet be undone under the numbers that they have: where pages give
    /// them others, which is where they are delayed, these stay.
    pub fn page_out(
        &mut self,
        size: PageSize,
        most: usize,
        certain: MessageId,
        effects: &mut Vec<Effect>,
    ) {
        for _ in 0..most {
            if self.deleted {
                return;
            }
            let page = self.paging.as_ref().map_or(PageNumber(1), |paging| paging.next());
            let Some(messages) = self.leave(page, size, certain) else { return };
            self.paging.get_or_insert_default().last = page;
            effects.push(Effect::PageOut { page, messages });
        }
    }

    fn leave(
        &mut self,
        page: PageNumber,
        size: PageSize,
        certain: MessageId,
    ) -> Option<Vec<Paged>> {
        if let Some(schedule) = &mut self.schedule {
            return schedule.leave(page, size, certain, &mut self.last_id);
        }
        let (level, messages) = self.ready.leave(page, size)?;
        let place = (level, messages.first()?.id);
        self.paging.get_or_insert_default().leaving.insert(page, place);
        Some(messages)
    }

    /// The page that an [`Effect::PageOut`] asked for is written, and safe. The queue lets go of the
    /// messages, and returns what is in the page; none if it kept them, and so does not need it.
    ///
    /// To be called when the [changes](Queue::take_changes) so far are recorded.
    pub fn paged_out(&mut self, page: PageNumber, effects: &mut Vec<Effect>) -> Option<Left<'_>> {
        if self.schedule.is_some() {
            return self.left_delayed(page, effects);
        }
        let paging = self.paging.as_mut()?;
        let place = paging.leaving.remove(&page)?;
        let made = self.ready.left(page, place)?;
        paging.pages.insert(page, made);
        Some(Left { page: paging.pages.get(page)?, renumbered: Vec::new() })
    }

    /// The page that an [`Effect::PageOut`] asked for could not be written: the messages stay.
    pub fn page_failed(&mut self, page: PageNumber) {
        if let Some(schedule) = &mut self.schedule {
            return schedule.stay(page);
        }
        let leaving = self.paging.as_mut().and_then(|paging| paging.leaving.remove(&page));
        if let Some(place) = leaving {
            self.ready.stay(page, place);
        }
    }

    /// Answers an [`Effect::PageIn`] with all that is in the page, in order. Returns how many
    /// messages are missing in it. One that was not asked for, or is not needed any more, is ignored.
    pub fn paged_in(
        &mut self,
        page: PageNumber,
        messages: Vec<Paged>,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) -> u64 {
        if self.deleted {
            return 0;
        }
        let missing = match self.schedule {
            Some(_) => self.load_delayed(page, messages),
            None => self.load(page, messages),
        };
        let Some(missing) = missing else { return 0 };
        self.expire_messages(now, effects);
        self.release(now, effects);
        self.drop_excess(now, effects);
        self.dispatch(now, effects);
        self.tend_pages(now, effects);
        missing
    }

    fn load(&mut self, number: PageNumber, messages: Vec<Paged>) -> Option<u64> {
        let paging = self.paging.as_mut()?;
        let page = paging.pages.get(number)?;
        let from = self.ready.expected(number, page)?;
        paging.asked = false;
        let wanted = |message: &Paged| message.id >= from && page.is_left(message);
        let entry = |message: Paged| message.into_entry(page);
        let entries: VecDeque<_> = messages.into_iter().filter(wanted).map(entry).collect();
        let here = entries.len() as u64;
        Some(self.ready.load(page, entries).saturating_sub(here))
    }

    /// Answers an [`Effect::PageIn`]: the page cannot be read. Its messages do not wait any more, but
    /// they are not gone: whoever remembers the queue finds them in the page again. Returns how many
    /// they were.
    pub fn page_lost(
        &mut self,
        page: PageNumber,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) -> u64 {
        self.paged_in(page, Vec::new(), now, effects)
    }

    /// The pages that have messages of the queue.
    pub fn pages(&self) -> impl Iterator<Item = (PageNumber, &Page)> {
        self.paging.iter().flat_map(|paging| paging.pages.iter())
    }

    /// What is left of a page.
    #[must_use]
    pub fn page(&self, number: PageNumber) -> Option<&Page> {
        self.paging.as_ref()?.pages.get(number)
    }

    /// Whether a page has the message.
    pub(super) fn is_paged(&self, entry: &Entry) -> bool {
        self.paging.as_ref().is_some_and(|paging| {
            let page = paging.pages.around(entry.priority, entry.id);
            page.and_then(|page| paging.pages.get(page)).is_some_and(|page| {
                // Of a message that no log knows it is not worth knowing.
                page.alive.contains(entry.id)
            })
        })
    }

    /// Notes that a message is gone for good.
    pub(super) fn forget_in_page(&mut self, entry: &Entry) {
        if let Some(paging) = &mut self.paging {
            paging.forget(entry.priority, entry.id, entry.logged);
        }
    }

    /// Notes that a message goes to a dead-letter exchange, and is gone once it has arrived.
    pub(super) fn note_dying_in_page(&mut self, entry: &Entry) {
        match &mut self.paging {
            Some(paging) if entry.logged => {
                paging.dying.insert(entry.id, entry.priority);
            }
            Some(paging) => paging.forget(entry.priority, entry.id, false),
            None => {}
        }
    }

    /// Notes that a dead message has arrived where it was sent.
    pub(super) fn note_landed_in_page(&mut self, id: MessageId) {
        if let Some(paging) = &mut self.paging
            && let Some(level) = paging.dying.remove(&id)
        {
            paging.forget(level, id, true);
        }
    }

    /// Notes that everything that waited is gone.
    pub(super) fn purge_pages(&mut self) {
        let Some(paging) = &mut self.paging else { return };
        let held = || self.held.values().map(|held| &held.entry);
        let logged = held().filter(|entry| entry.logged).map(|entry| entry.id);
        let mut logged: Vec<_> = logged.chain(paging.dying.keys().copied()).collect();
        logged.sort_unstable();
        let fleeting = held().filter(|entry| !entry.logged);
        let fleeting: Vec<_> = fleeting.map(|entry| (entry.priority, entry.id)).collect();
        paging.pages.purge_all(&logged, &fleeting);
        paging.done.extend(paging.pages.remove_done());
    }

    /// Notes that somebody waits for a first message that is in a page.
    pub(super) fn ask_for_page(&mut self) {
        if let Some(paging) = &mut self.paging {
            paging.asked = true;
        }
    }

    /// Tells of pages that are done, and asks for those that are needed. To be called at the end of
    /// everything that takes messages out of the queue or brings somebody who wants some.
    pub(super) fn tend_pages(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        self.tell_done(effects);
        let Some(paging) = &self.paging else { return };
        if let Some(schedule) = &mut self.schedule {
            let wanted = std::iter::from_fn(|| schedule.next_to_read(now));
            return effects.extend(wanted.map(|page| Effect::PageIn { page }));
        }
        let due = || self.ready.head_expires().is_some_and(|due| due <= now);
        let is_wanted = self.consumers.len() > 0
            || paging.asked
            || self.is_nearly_full()
            || (self.ready.is_cold() && due());
        if is_wanted {
            while let Some(page) = self.ready.next_to_read() {
                effects.push(Effect::PageIn { page });
            }
        }
    }

    /// Tells of pages that are done.
    pub(super) fn tell_done(&mut self, effects: &mut Vec<Effect>) {
        if let Some(paging) = &mut self.paging {
            effects.extend(paging.done.drain(..).map(|page| Effect::PageDone { page }));
        }
    }
}
