//! The waiting messages of one priority: some here, some in pages.
//!
//! ```text
//!  returned │ front │ run │ run │ … │ run ◀── push
//!  ◀── pop ─┴───────┘   each: fresh, leaving for a page, cold, or loaded from a page
//! ```
//!
//! A message that goes back was once at the front, so it is older than all that are still in line:
//! those that went back are kept apart, by id, and leave first. Without pages there are no runs but
//! the front.
//!
//! # Invariants
//!
//! - Ids grow from the front to the last run.
//! - If the front is empty, the first run is cold or there is none. No run is empty.

use std::collections::{BTreeMap, VecDeque};

use crate::id::MessageId;
use crate::queue::pages::{PageNumber, PageSize};
use crate::queue::ready::{Entry, Totals};
use crate::time::Timestamp;

/// A buffer this small is not worth giving back.
const KEPT_CAPACITY: usize = 64;

/// With this many messages at the front there is no hurry to read pages,
const AMPLE: usize = 2_048;
/// and so many pages are read ahead at most.
const AHEAD: usize = 3;

/// In so many of the last runs messages are looked for that may leave.
const LOOKED_THROUGH: usize = 64;

/// The waiting messages of one priority.
#[derive(Debug, Default)]
pub(super) struct Level {
    front: VecDeque<Entry>,
    /// Whether a page has the messages at the front, too.
    front_is_paged: bool,
    later: VecDeque<Run>,
    returned: BTreeMap<MessageId, Entry>,
}

/// Messages in line behind the front.
#[derive(Debug)]
enum Run {
    /// Only here.
    Fresh(VecDeque<Entry>),
    /// Here, while a page is being made of them.
    Leaving(PageNumber, VecDeque<Entry>),
    /// In a page.
    Cold(Cold),
    /// Here, and in a page.
    Loaded(VecDeque<Entry>),
}

/// What waits in a page.
#[derive(Debug)]
pub(super) struct Cold {
    pub(super) page: PageNumber,
    /// The first of its messages that waits, or an earlier one.
    pub(super) from: MessageId,
    /// What is counted for it.
    pub(super) totals: Totals,
    /// When the first of them runs out of time.
    pub(super) earliest: Timestamp,
    /// Whether it is being read.
    pub(super) loading: bool,
}

/// What leaves a level first.
pub(super) enum Head<'a> {
    Entry(&'a Entry),
    Cold(&'a Cold),
}

// === impl Level ===

impl Level {
    pub(super) fn head(&self) -> Option<Head<'_>> {
        if let Some((_, entry)) = self.returned.first_key_value() {
            return Some(Head::Entry(entry));
        }
        match (self.front.front(), self.later.front()) {
            (Some(entry), _) => Some(Head::Entry(entry)),
            (None, Some(Run::Cold(cold))) => Some(Head::Cold(cold)),
            _ => None,
        }
    }

    pub(super) fn push(&mut self, entry: Entry) {
        if self.later.is_empty() && !self.front_is_paged {
            return self.front.push_back(entry);
        }
        match self.later.back_mut() {
            Some(Run::Fresh(entries)) => entries.push_back(entry),
            _ => self.later.push_back(Run::Fresh(VecDeque::from([entry]))),
        }
    }

    /// Adds what waits in a page behind everything else.
    pub(super) fn push_cold(&mut self, cold: Cold) {
        self.later.push_back(Run::Cold(cold));
    }

    pub(super) fn put_back(&mut self, entry: Entry) {
        self.returned.insert(entry.id, entry);
    }

    pub(super) fn pop(&mut self) -> Option<Entry> {
        if let Some((_, entry)) = self.returned.pop_first() {
            return Some(entry);
        }
        let entry = self.front.pop_front()?;
        if self.front.is_empty() {
            self.move_up();
        }
        give_memory_back(&mut self.front);
        Some(entry)
    }

    /// Fills an empty front. What was leaving is needed here and stays.
    fn move_up(&mut self) {
        if !self.front.is_empty() || matches!(self.later.front(), Some(Run::Cold(_))) {
            return;
        }
        let (is_paged, entries) = match self.later.pop_front() {
            Some(Run::Fresh(entries) | Run::Leaving(_, entries)) => (false, entries),
            Some(Run::Loaded(entries)) => (true, entries),
            // Not cold, as was seen above.
            Some(Run::Cold(_)) | None => (false, VecDeque::new()),
        };
        self.front_is_paged = is_paged;
        if !entries.is_empty() {
            self.front = entries;
        }
    }

    /// The messages that are here, and whether a page may have them too.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Entry, bool)> {
        let front = self.front.iter().map(|entry| (entry, self.front_is_paged));
        // What went back may have come from a page.
        let returned = self.returned.values().map(|entry| (entry, true));
        let later = self.later.iter().flat_map(Run::entries);
        returned.chain(front).chain(later)
    }

    /// Cuts the next messages that may leave out of the line, and returns them: those behind what
    /// the consumers will want first, and before what came last.
    pub(super) fn leave(
        &mut self,
        page: PageNumber,
        size: PageSize,
    ) -> Option<impl ExactSizeIterator<Item = &Entry>> {
        self.cut_front(size);
        let (at, count) = self.chunk(size)?;
        let Run::Fresh(entries) = &mut self.later[at] else { return None };
        if count == entries.len() {
            let entries = std::mem::take(entries);
            self.later[at] = Run::Leaving(page, entries);
        } else {
            let leaving = entries.drain(..count).collect();
            give_memory_back(entries);
            self.later.insert(at, Run::Leaving(page, leaving));
        }
        match &self.later[at] {
            Run::Leaving(_, entries) => Some(entries.iter()),
            _ => None,
        }
    }

    /// Makes a run of what lies behind the first messages of a long front.
    fn cut_front(&mut self, size: PageSize) {
        if self.front_is_paged {
            return;
        }
        let kept = full(&self.front, size);
        // What is to leave, and what has to stay behind it if it is the last.
        let spare = if self.later.is_empty() { 3 } else { 2 };
        if kept > 0 && self.front.len() >= spare * kept {
            let head = self.front.drain(..kept).collect();
            let rest = std::mem::replace(&mut self.front, head);
            self.later.push_front(Run::Fresh(rest));
        }
    }

    /// The run and the number of its first messages that are to leave next.
    fn chunk(&self, size: PageSize) -> Option<(usize, usize)> {
        let last = self.later.len().checked_sub(1)?;
        // Nearly always only the last run is fresh.
        self.later.iter().enumerate().rev().take(LOOKED_THROUGH).find_map(|(at, run)| {
            let Run::Fresh(entries) = run else { return None };
            let count = full(entries, size);
            match at == last {
                true => (count > 0 && entries.len() >= 2 * count).then_some((at, count)),
                false => Some((at, if count == 0 { entries.len() } else { count })),
            }
        })
    }

    /// The messages that left for a page are in it: they need not stay here. Returns them; none if
    /// they do not leave any more.
    pub(super) fn left(&mut self, page: PageNumber, first: MessageId) -> Option<VecDeque<Entry>> {
        let at = self.place(first)?;
        if !matches!(&self.later[at], Run::Leaving(leaving, _) if *leaving == page) {
            return None;
        }
        let Run::Leaving(_, entries) = &self.later[at] else { return None };
        let mut totals = Totals::default();
        let mut earliest = Timestamp(u64::MAX);
        for entry in entries {
            totals.add(entry);
            earliest = earliest.min(entry.expires);
        }
        let cold = Cold { page, from: first, totals, earliest, loading: false };
        match std::mem::replace(&mut self.later[at], Run::Cold(cold)) {
            Run::Leaving(_, entries) => Some(entries),
            _ => None,
        }
    }

    /// The messages that left for a page do not leave.
    pub(super) fn stay(&mut self, page: PageNumber, first: MessageId) {
        let Some(at) = self.place(first) else { return };
        if !matches!(&self.later[at], Run::Leaving(leaving, _) if *leaving == page) {
            return;
        }
        let Some(Run::Leaving(_, entries)) = self.later.remove(at) else { return };
        match at.checked_sub(1).map(|before| &mut self.later[before]) {
            Some(Run::Fresh(before)) => before.extend(entries),
            None if !self.front_is_paged => self.front.extend(entries),
            _ => self.later.insert(at, Run::Fresh(entries)),
        }
        self.join_last();
    }

    /// Makes one run of the last two if both are fresh.
    fn join_last(&mut self) {
        let last_two = self.later.len().checked_sub(2);
        let joined = last_two.is_some_and(|at| matches!(self.later[at], Run::Fresh(_)));
        if let (true, Some(Run::Fresh(_))) = (joined, self.later.back())
            && let Some(Run::Fresh(last)) = self.later.pop_back()
            && let Some(Run::Fresh(before)) = self.later.back_mut()
        {
            before.extend(last);
        }
    }

    /// Whether the page with this range of ids is being read, and from which message on it is wanted.
    pub(super) fn expected(&self, page: PageNumber, last: MessageId) -> Option<MessageId> {
        match &self.later[self.place(last)?] {
            Run::Cold(cold) if cold.page == page && cold.loading => Some(cold.from),
            _ => None,
        }
    }

    /// Puts what was read from a page in its place, which [`Level::expected`] it. Returns what it
    /// was.
    pub(super) fn load(&mut self, last: MessageId, entries: VecDeque<Entry>) -> Option<Cold> {
        let at = self.place(last)?;
        if !matches!(self.later[at], Run::Cold(_)) {
            return None;
        }
        let run = match entries.is_empty() {
            true => self.later.remove(at)?,
            false => std::mem::replace(&mut self.later[at], Run::Loaded(entries)),
        };
        self.move_up();
        match run {
            Run::Cold(cold) => Some(cold),
            _ => None,
        }
    }

    /// The first page that should be read now, if one should be. Notes that it is being read.
    pub(super) fn next_to_read(&mut self) -> Option<PageNumber> {
        if self.front.len() > AMPLE {
            return None;
        }
        self.later.iter_mut().take(AHEAD).find_map(|run| match run {
            Run::Cold(cold) if !cold.loading => {
                cold.loading = true;
                Some(cold.page)
            }
            _ => None,
        })
    }

    /// The run that has `id`, or had it: the last that does not begin behind it.
    fn place(&self, id: MessageId) -> Option<usize> {
        self.later.partition_point(|run| run.first() <= id).checked_sub(1)
    }
}

// === impl Run ===

impl Run {
    fn first(&self) -> MessageId {
        match self {
            Self::Cold(cold) => cold.from,
            Self::Fresh(entries) | Self::Leaving(_, entries) | Self::Loaded(entries) => {
                entries.front().map_or(MessageId(0), |entry| entry.id)
            }
        }
    }

    /// The messages that are here, and whether a page has them too.
    fn entries(&self) -> impl Iterator<Item = (&Entry, bool)> {
        let (entries, is_paged) = match self {
            Self::Fresh(entries) | Self::Leaving(_, entries) => (Some(entries), false),
            Self::Loaded(entries) => (Some(entries), true),
            Self::Cold(_) => (None, false),
        };
        entries.into_iter().flatten().map(move |entry| (entry, is_paged))
    }
}

/// How many of the first entries fill a page; 0 if all of them do not.
fn full(entries: &VecDeque<Entry>, size: PageSize) -> usize {
    let mut bytes = 0;
    for (before, entry) in entries.iter().enumerate() {
        bytes += entry.message.size();
        if before + 1 >= size.messages || bytes >= size.bytes {
            return before + 1;
        }
    }
    0
}

/// Gives memory back after a backlog; by halves, so that it stays cheap.
fn give_memory_back(entries: &mut VecDeque<Entry>) {
    let capacity = entries.capacity();
    if capacity > KEPT_CAPACITY && entries.len() < capacity / 4 {
        entries.shrink_to((capacity / 2).max(KEPT_CAPACITY));
    }
}
