//! Duplicates in a queue: whether a message came before, and remembering that it came.
//!
//! A message that a full queue refuses leaves no key. One that comes back to a queue it died in, by
//! way of dead-letter exchanges, is the same message and no duplicate: it is not judged again.

use std::sync::Arc;

use crate::dedup::window::{Entry, Window};
use crate::dedup::{Fingerprint, Key, WindowId};
use crate::id::MessageId;
use crate::message::Message;
use crate::queue::dead_letter::has_died_in;
use crate::queue::{Effect, Queue};
use crate::time::Timestamp;

/// Keys are looked for in bulk, this often at most, in ms.
const SWEEP: u64 = 60_000;

/// The windows of a queue: seldom any, usually one.
#[derive(Debug, Default)]
pub(super) struct Windows {
    all: Vec<(WindowId, Window)>,
    pub(super) duplicates: u64,
}

/// A key that a queue has seen, as a log has to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownKey {
    /// The number of the message that brought it.
    pub id: MessageId,
    /// The window it is in.
    pub window: WindowId,
    /// The key.
    pub fingerprint: Fingerprint,
    /// When it is forgotten.
    pub expires: Timestamp,
}

// === impl Windows ===

impl Windows {
    fn find(&self, key: &Key, now: Timestamp) -> Option<MessageId> {
        let at = self.all.binary_search_by_key(&key.window, |(id, _)| *id).ok()?;
        self.all[at].1.find(key.fingerprint, now)
    }

    fn insert(&mut self, window: WindowId, entry: Entry, limit: u32) {
        let at = match self.all.binary_search_by_key(&window, |(id, _)| *id) {
            Ok(at) => at,
            Err(at) => {
                self.all.insert(at, (window, Window::default()));
                at
            }
        };
        self.all[at].1.insert(entry, limit);
    }

    fn len(&self) -> usize {
        self.all.iter().map(|(_, window)| window.len()).sum()
    }

    fn iter(&self) -> impl Iterator<Item = (WindowId, &Entry)> {
        self.all.iter().flat_map(|(id, window)| window.iter().map(|entry| (*id, entry)))
    }
}

// === impl Queue ===

impl Queue {
    /// The keys that decide whether the message is a duplicate: the queue's own, and those of the
    /// exchanges on its way. Next to nothing where there are neither.
    pub(super) fn keys(&self, message: &Message, on_the_way: Option<&Arc<[Key]>>) -> Vec<Key> {
        let own = self.settings.dedup.as_ref();
        if own.is_none() && on_the_way.is_none() {
            return Vec::new();
        }
        if message.is_dead_letter() && has_died_in(message, &self.settings.name) {
            return Vec::new();
        }
        let own = own.and_then(|rule| rule.key(WindowId::OWN, message));
        let mut keys: Vec<Key> = own.into_iter().collect();
        keys.extend(on_the_way.into_iter().flat_map(|keys| keys.iter().cloned()));
        keys
    }

    /// The message that brought one of the keys before, if it is remembered.
    pub(super) fn first_with(&self, keys: &[Key], now: Timestamp) -> Option<MessageId> {
        let windows = self.windows.as_ref()?;
        keys.iter().find_map(|key| windows.find(key, now))
    }

    /// Answers for a message that came before as `first`.
    pub(super) fn turn_away(&mut self, first: MessageId, effects: &mut Vec<Effect>) {
        self.windows.get_or_insert_default().duplicates += 1;
        effects.push(Effect::Duplicate { first });
    }

    /// Remembers the keys of a message that is in the queue now.
    pub(super) fn remember(&mut self, id: MessageId, logged: bool, keys: &[Key], now: Timestamp) {
        if keys.is_empty() {
            return;
        }
        let windows = self.windows.get_or_insert_default();
        for Key { window, fingerprint, life, limit } in keys {
            let (window, fingerprint, expires) = (*window, *fingerprint, now.after(*life));
            windows.insert(window, Entry::new(id, fingerprint, expires, logged), *limit);
            if let (Some(changes), true) = (&mut self.changes, logged) {
                changes.keys.push(KnownKey { id, window, fingerprint, expires });
            }
        }
    }

    /// Takes up keys that were remembered before a restart.
    pub(super) fn restore_keys(&mut self, mut keys: Vec<KnownKey>) {
        keys.sort_by_key(|key| key.id);
        keys.dedup();
        for KnownKey { id, window, fingerprint, expires } in keys {
            self.last_id = self.last_id.max(id.0);
            let own = self.settings.dedup.as_ref().filter(|_| window == WindowId::OWN);
            // What an exchange allows shows with the next message that comes through it.
            let limit = own.map_or(u32::MAX, |rule| rule.limit);
            let entry = Entry::new(id, fingerprint, expires, true);
            self.windows.get_or_insert_default().insert(window, entry, limit);
        }
    }

    /// The keys that a log has to know, those of a window in the order of their messages.
    pub fn known_keys(&self) -> impl Iterator<Item = KnownKey> + '_ {
        let all = self.windows.iter().flat_map(|windows| windows.iter());
        all.filter(|(_, entry)| entry.is_logged()).map(|(window, entry)| {
            let Entry { id, fingerprint, .. } = *entry;
            KnownKey { id, window, fingerprint, expires: entry.expires() }
        })
    }

    /// How many keys are remembered.
    pub(super) fn key_count(&self) -> u64 {
        self.windows.as_ref().map_or(0, |windows| windows.len() as u64)
    }

    /// When keys are to be forgotten next.
    pub(super) fn keys_deadline(&self) -> Option<Timestamp> {
        let windows = self.windows.as_ref()?;
        let oldest = windows.all.iter().filter_map(|(_, window)| window.oldest_expires()).min()?;
        Some(oldest.after(SWEEP))
    }

    /// Forgets keys whose time is over.
    pub(super) fn expire_keys(&mut self, now: Timestamp) {
        if let Some(windows) = &mut self.windows {
            windows.all.iter_mut().for_each(|(_, window)| window.expire(now));
        }
    }
}
