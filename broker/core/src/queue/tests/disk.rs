//! Where pages lie in a test: whatever a queue asks for is done when the test says so.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::MessageId;
use crate::queue::tests::{Bench, say};
use crate::queue::{Effect, Left, PageNumber, PageSize, Paged};

/// What can happen to a page, now or later.
#[derive(Debug, Clone)]
pub(super) enum PageStep {
    Out(PageSize),
    /// One that is being written is written; which one, of those there are.
    Written(usize),
    Failed(usize),
    /// One that is being read is read, or lost.
    Read(usize, bool),
}

/// A disk for pages.
#[derive(Debug, Default)]
pub(super) struct Disk {
    writing: Vec<(PageNumber, Vec<Paged>)>,
    stored: BTreeMap<PageNumber, Vec<Paged>>,
    /// Done, but a log may not know yet why.
    done: BTreeMap<PageNumber, Vec<Paged>>,
    lost: BTreeSet<PageNumber>,
    reading: Vec<PageNumber>,
}

// === impl Disk ===

impl Disk {
    pub(super) fn is_reading(&self) -> bool {
        !self.reading.is_empty()
    }

    /// The disk as somebody else may use it, who has asked for nothing yet.
    pub(super) fn copy(&self) -> Self {
        Self { stored: self.stored.clone(), ..Self::default() }
    }

    /// The log knows all that has happened.
    pub(super) fn logged(&mut self) {
        self.done.clear();
    }

    /// What the disk has of the pages that `is_known`, after a crash.
    pub(super) fn crash(&mut self, is_known: impl Fn(&PageNumber) -> bool) {
        let mut done = std::mem::take(&mut self.done);
        *self = self.copy();
        self.stored.append(&mut done);
        self.stored.retain(|page, _| is_known(page));
    }

    /// The messages in a page.
    pub(super) fn stored(&self, page: PageNumber) -> &[Paged] {
        &self.stored[&page]
    }

    /// A page that is asked for, and what is in it.
    pub(super) fn take_read(&mut self, at: usize) -> Option<(PageNumber, Vec<Paged>)> {
        if self.reading.is_empty() {
            return None;
        }
        let number = self.reading.remove(at % self.reading.len());
        Some((number, self.stored[&number].clone()))
    }

    /// The pages that are needed and not lost, and what was written to them.
    pub(super) fn pages(&self) -> impl Iterator<Item = (PageNumber, Vec<u64>)> {
        let whole = self.stored.iter().filter(|(page, _)| !self.lost.contains(page));
        whole.map(|(page, messages)| (*page, ids(messages)))
    }

    /// Takes note of what concerns pages, and leaves the rest.
    pub(super) fn note(&mut self, effect: Effect) -> Option<Effect> {
        match effect {
            Effect::PageOut { page, messages } => {
                assert!(messages.is_sorted_by_key(|message| message.id));
                self.writing.push((page, messages));
            }
            Effect::PageIn { page } => {
                assert!(self.stored.contains_key(&page) && !self.reading.contains(&page));
                self.reading.push(page);
            }
            Effect::PageDone { page } => {
                let messages = self.stored.remove(&page).expect("a page is done once");
                self.done.insert(page, messages);
                self.reading.retain(|other| *other != page);
            }
            other => return Some(other),
        }
        None
    }
}

fn ids(messages: &[Paged]) -> Vec<u64> {
    messages.iter().map(|message| message.id.0).collect()
}

// === impl Bench ===

impl Bench {
    /// What the effects say to everybody but the disk.
    pub(super) fn say_all(&mut self, effects: Vec<Effect>) -> Vec<String> {
        effects.into_iter().filter_map(|effect| self.disk.note(effect)).map(|e| say(&e)).collect()
    }

    pub(super) fn page_out(&mut self, size: PageSize) -> Vec<String> {
        let mut effects = Vec::new();
        self.queue.page_out(size, 2, MessageId(u64::MAX), &mut effects);
        self.say_all(effects)
    }

    /// Returns the messages that are in a page now, and not in memory.
    pub(super) fn written(&mut self, at: usize) -> Vec<u64> {
        if self.disk.writing.is_empty() {
            return Vec::new();
        }
        let (number, messages) = self.disk.writing.remove(at % self.disk.writing.len());
        let mut effects = Vec::new();
        let left = self.queue.paged_out(number, &mut effects);
        let Some(Left { page, renumbered }) = left else { return Vec::new() };
        assert!(renumbered.is_empty() && effects.is_empty());
        let logged: Vec<_> = messages.iter().filter(|m| m.logged).collect();
        assert!(page.alive.iter().eq(logged.iter().map(|message| message.id)));
        assert_eq!(page.fleeting as usize, messages.len() - logged.len());
        assert_eq!(page.earliest, messages.iter().map(|m| m.expires).min().unwrap());
        let ids = ids(&messages);
        self.disk.stored.insert(number, messages);
        ids
    }

    pub(super) fn failed(&mut self, at: usize) {
        if !self.disk.writing.is_empty() {
            let (number, _) = self.disk.writing.remove(at % self.disk.writing.len());
            self.queue.page_failed(number);
        }
    }

    /// Returns what was in the page, how much the queue missed in it, and what it said.
    pub(super) fn read(&mut self, at: usize, lost: bool) -> Option<(Vec<u64>, u64, Vec<String>)> {
        let (number, messages) = self.disk.take_read(at)?;
        let (ids, mut effects) = (ids(&messages), Vec::new());
        let missing = if lost {
            self.disk.lost.insert(number);
            self.queue.page_lost(number, self.now, &mut effects)
        } else {
            self.queue.paged_in(number, messages, self.now, &mut effects)
        };
        Some((ids, missing, self.say_all(effects)))
    }
}
