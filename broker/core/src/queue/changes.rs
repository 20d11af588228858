//! What of a durable queue has changed since it was last asked: what a log has to record.
//!
//! Only persistent messages in durable queues are ever told of. A message that came and went between
//! two questions is not told of at all: nobody can have relied on its being on disk.
//!
//! A message that leaves for a dead-letter exchange is not gone yet, not even by a purge: see
//! [`Queue::landed`].

use std::sync::Arc;

use crate::id::MessageId;
use crate::message::Message;
use crate::queue::pages::{Page, PageNumber, Pages};
use crate::queue::paging::Paging;
use crate::queue::ready::Entry;
use crate::queue::{Effect, HandedOut, KnownKey, Queue, Settings};
use crate::time::Timestamp;

/// What has changed since it was last asked.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// Messages that came in, by id.
    pub entered: Vec<Entered>,
    /// Keys of messages that came in, by the messages' ids. One whose message is not in `entered`
    /// is as worth knowing: that one came and went.
    pub keys: Vec<KnownKey>,
    /// Everything up to `up_to` that waited was removed; of these ids only `survivors` are left.
    pub purged: Option<Purged>,
    /// Messages that will not come back. What entered is recorded before it, and so is a purge.
    pub gone: Vec<MessageId>,
    /// The largest id handed out to anybody, if it has grown.
    pub delivered: Option<MessageId>,
    /// Messages that were handed out again, where that is counted.
    pub handed_out: Vec<HandedOut>,
}

/// A message as a log has to know it.
#[derive(Debug, Clone)]
pub struct Entered {
    /// Its place in the queue.
    pub id: MessageId,
    /// When its time runs out; `u64::MAX` is never.
    pub expires: Timestamp,
    /// The message.
    pub message: Message,
}

/// A purge, as a log has to know it.
#[derive(Debug, Clone)]
pub struct Purged {
    /// The last id that was given out when it happened.
    pub up_to: MessageId,
    /// Those that were with consumers then, or on their way to a dead-letter exchange, in order.
    pub survivors: Vec<MessageId>,
}

/// A queue as a log remembers it.
#[derive(Debug, Default)]
pub struct Remembered {
    /// The last id that was given out.
    pub last: MessageId,
    /// The largest id that was handed out.
    pub delivered: MessageId,
    /// The messages, by id, in order, except those that are in pages.
    pub messages: Vec<Entered>,
    /// The pages.
    pub pages: Pages,
    /// Keys, in any order.
    pub keys: Vec<KnownKey>,
    /// Messages that were handed out more than once, in any order.
    pub handed_out: Vec<HandedOut>,
}

// === impl Changes ===

impl Changes {
    /// Whether there is nothing to record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entered.is_empty()
            && self.keys.is_empty()
            && self.purged.is_none()
            && self.gone.is_empty()
            && self.delivered.is_none()
            && self.handed_out.is_empty()
    }

    /// Forgets everything, and keeps the memory.
    pub fn clear(&mut self) {
        self.entered.clear();
        self.keys.clear();
        self.gone.clear();
        self.handed_out.clear();
        self.purged = None;
        self.delivered = None;
    }

    /// Leaves out what came and went in between.
    fn settle(&mut self) {
        if self.entered.is_empty() || (self.gone.is_empty() && self.purged.is_none()) {
            return;
        }
        self.gone.sort_unstable();
        let (gone, purged) = (&self.gone, &self.purged);
        let is_gone = |id| {
            let by_purge =
                |purge: &Purged| id <= purge.up_to && purge.survivors.binary_search(&id).is_err();
            gone.binary_search(&id).is_ok() || purged.as_ref().is_some_and(by_purge)
        };
        let came: Vec<MessageId> = self.entered.iter().map(|entered| entered.id).collect();
        self.entered.retain(|entered| !is_gone(entered.id));
        self.gone.retain(|id| came.binary_search(id).is_err());
    }
}

// === impl Queue ===

impl Queue {
    /// Takes what has changed since the last call; `changes` must be empty. Returns whether there is
    /// anything in it. Call it after each batch of commands, before anybody is told of their effects
    /// as if they were safe.
    pub fn take_changes(&mut self, changes: &mut Changes) -> bool {
        let Some(own) = &mut self.changes else { return false };
        if own.is_empty() {
            return false;
        }
        std::mem::swap(&mut **own, changes);
        changes.settle();
        !changes.is_empty()
    }

    /// A queue as it was remembered. Its messages wait; those that had been handed out say so.
    #[must_use]
    pub fn restore(settings: Arc<Settings>, mut remembered: Remembered) -> Self {
        let mut queue = Self::new(settings);
        remembered.pages.restored(remembered.delivered);
        queue.last_id = remembered.last.0;
        queue.delivered = remembered.delivered;
        let mut pages: Vec<_> = remembered.pages.iter().collect();
        pages.sort_unstable_by_key(|(_, page)| page.first);
        let mut pages = pages.into_iter().peekable();
        for Entered { id, expires, message } in remembered.messages {
            while let Some((number, page)) = pages.next_if(|(_, page)| page.first < id) {
                queue.push_cold(number, page);
            }
            queue.last_id = queue.last_id.max(id.0);
            let entry = Entry {
                id,
                expires,
                deliveries: u32::from(id <= remembered.delivered),
                priority: queue.priority_of(&message),
                logged: true,
                message,
            };
            match &mut queue.schedule {
                Some(schedule) => schedule.insert(id, entry),
                None => queue.ready.push(entry),
            }
        }
        for (number, page) in pages {
            queue.push_cold(number, page);
        }
        if let Some((_, last)) = remembered.pages.iter().max_by_key(|(_, page)| page.last) {
            queue.last_id = queue.last_id.max(last.last.0);
            queue.paging = Some(Box::new(Paging::new(remembered.pages)));
        }
        queue.restore_keys(remembered.keys);
        queue.restore_handed_out(remembered.handed_out);
        queue
    }

    /// Adds what waits in a page that was remembered.
    fn push_cold(&mut self, number: PageNumber, page: &Page) {
        match &mut self.schedule {
            Some(schedule) => schedule.push_cold(number, page),
            None => self.ready.push_cold(number, page),
        }
    }

    /// How far the queue has come: the last id given out, and the largest handed out.
    #[must_use]
    pub fn marks(&self) -> (MessageId, MessageId) {
        (MessageId(self.last_id), self.delivered)
    }

    /// The messages that a log has to know and that are in no page, in no particular order.
    pub fn remembered(&self) -> impl Iterator<Item = Entered> + '_ {
        let held = self.held.values().map(|held| (&held.entry, true));
        let wanted = |(entry, maybe_paged): &(&Entry, bool)| {
            entry.logged && !(*maybe_paged && self.is_paged(entry))
        };
        let delayed = self.schedule.iter().flat_map(|schedule| schedule.iter());
        let delayed = delayed.map(|entry| (entry, true));
        self.ready
            .iter()
            .chain(held)
            .chain(delayed)
            .filter(wanted)
            .map(|(entry, _)| Entered::from(entry))
    }

    /// The copies of a dead message ([`Effect::DeadLetter`]'s `id`) are as safe as the original was:
    /// that is gone now, and not before.
    ///
    /// [`Effect::DeadLetter`]: crate::queue::Effect::DeadLetter
    pub fn landed(&mut self, id: MessageId, effects: &mut Vec<Effect>) {
        if let (true, Some(changes)) = (self.dying.remove(&id), &mut self.changes) {
            changes.gone.push(id);
            self.forget_handed_out(id);
        }
        self.note_landed_in_page(id);
        self.tell_done(effects);
    }

    /// Whether a log has to know messages like this one.
    pub(super) fn is_logged(&self, message: &Message) -> bool {
        self.changes.is_some() && message.properties().is_persistent()
    }

    pub(super) fn note_entered(&mut self, entry: &Entry) {
        if let (Some(changes), true) = (&mut self.changes, entry.logged) {
            changes.entered.push(Entered::from(entry));
        }
    }

    pub(super) fn note_gone(&mut self, entry: &Entry) {
        self.forget_in_page(entry);
        if let (Some(changes), true) = (&mut self.changes, entry.logged) {
            changes.gone.push(entry.id);
            self.forget_handed_out(entry.id);
        }
    }

    pub(super) fn note_handed_out(&mut self, entry: &Entry) {
        if let (Some(changes), true) = (&mut self.changes, entry.logged)
            && entry.id > self.delivered
        {
            self.delivered = entry.id;
            changes.delivered = Some(entry.id);
        }
    }

    pub(super) fn note_purged(&mut self) {
        if let Some(changes) = &mut self.changes {
            let up_to = MessageId(self.last_id);
            let mut survivors: Vec<_> = self.held.keys().chain(&self.dying).copied().collect();
            survivors.sort_unstable();
            changes.gone.clear();
            changes.purged = Some(Purged { up_to, survivors });
        }
    }
}

// === impl Entered ===

impl From<&Entry> for Entered {
    fn from(entry: &Entry) -> Self {
        Self { id: entry.id, expires: entry.expires, message: entry.message.clone() }
    }
}
