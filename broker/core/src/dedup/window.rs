//! The keys of one window, in the order in which their messages came.
//!
//! Entries lie in a ring; a table finds them by their bits. The oldest leave when there are too many
//! or their time is over; one that outlives its neighbours may stay a little longer than its time,
//! and no longer counts.

use std::collections::VecDeque;
use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::dedup::Fingerprint;
use crate::id::MessageId;
use crate::time::Timestamp;

/// A ring this small is not worth giving back.
const KEPT_CAPACITY: usize = 64;

/// The keys that were seen. Bounded by the limit that each insertion names.
#[derive(Debug, Default)]
pub(crate) struct Window {
    entries: VecDeque<Entry>,
    /// The numbers of the entries that count. The front of the ring has number `first`, and numbers
    /// wrap around: there are never more than 2^30 entries.
    numbers: HashTable<u32>,
    first: u32,
    hasher: DefaultHashBuilder,
}

/// A key that was seen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    /// The message that brought it.
    pub(crate) id: MessageId,
    pub(crate) fingerprint: Fingerprint,
    /// When it is forgotten, shifted by one; the lowest bit says whether a log knows it.
    expires: u64,
}

// === impl Entry ===

impl Entry {
    pub(crate) fn new(
        id: MessageId,
        fingerprint: Fingerprint,
        expires: Timestamp,
        logged: bool,
    ) -> Self {
        let expires = expires.0.min(u64::MAX >> 1) << 1 | u64::from(logged);
        Self { id, fingerprint, expires }
    }

    /// When it is forgotten.
    pub(crate) fn expires(&self) -> Timestamp {
        Timestamp(self.expires >> 1)
    }

    /// Whether a log knows it.
    pub(crate) fn is_logged(&self) -> bool {
        self.expires & 1 == 1
    }
}

// === impl Window ===

impl Window {
    /// How many entries take memory.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The message that brought the key, if it is remembered.
    pub(crate) fn find(&self, key: Fingerprint, now: Timestamp) -> Option<MessageId> {
        let found = self.numbers.find(self.hash(key), |number| self.at(*number).fingerprint == key);
        let entry = self.at(*found?);
        (entry.expires() > now).then_some(entry.id)
    }

    /// Remembers a key, which is younger than all others, in place of one that has run out. At most
    /// `limit` are kept, the youngest.
    pub(crate) fn insert(&mut self, entry: Entry, limit: u32) {
        let number = self.first.wrapping_add(self.entries.len() as u32);
        let Self { entries, numbers, first, hasher } = self;
        let at = |number: u32| entries[number.wrapping_sub(*first) as usize].fingerprint;
        let hash = hasher.hash_one(entry.fingerprint);
        match numbers.find_mut(hash, |old| at(*old) == entry.fingerprint) {
            Some(old) => *old = number,
            None => {
                numbers.insert_unique(hash, number, |number| hasher.hash_one(at(*number)));
            }
        }
        self.entries.push_back(entry);
        while self.entries.len() > (limit as usize).max(1) {
            self.pop();
        }
    }

    /// Forgets the oldest keys as far as their time is over.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        while self.oldest_expires().is_some_and(|expires| expires <= now) {
            self.pop();
        }
    }

    /// When the oldest key is forgotten.
    pub(crate) fn oldest_expires(&self) -> Option<Timestamp> {
        self.entries.front().map(Entry::expires)
    }

    /// The keys that count, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        let counts = |(number, entry): &(u32, &Entry)| {
            let number = self.first.wrapping_add(*number);
            self.numbers.find(self.hash(entry.fingerprint), |other| *other == number).is_some()
        };
        (0..).zip(&self.entries).filter(counts).map(|(_, entry)| entry)
    }

    fn pop(&mut self) {
        let Some(entry) = self.entries.pop_front() else { return };
        let number = self.first;
        self.first = number.wrapping_add(1);
        let hash = self.hash(entry.fingerprint);
        if let Ok(found) = self.numbers.find_entry(hash, |other| *other == number) {
            found.remove();
        }
        let capacity = self.entries.capacity();
        if capacity > KEPT_CAPACITY && self.entries.len() < capacity / 4 {
            self.entries.shrink_to((capacity / 2).max(KEPT_CAPACITY));
            let Self { entries, numbers, first, hasher } = self;
            let at = |number: u32| entries[number.wrapping_sub(*first) as usize].fingerprint;
            numbers.shrink_to(numbers.len(), |number| hasher.hash_one(at(*number)));
        }
    }

    fn at(&self, number: u32) -> &Entry {
        &self.entries[number.wrapping_sub(self.first) as usize]
    }

    fn hash(&self, key: Fingerprint) -> u64 {
        self.hasher.hash_one(key)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(number: u64) -> Fingerprint {
        Fingerprint([number, number])
    }

    proptest! {
        /// A list that is looked through from the end knows the same.
        #[test]
        fn a_window_knows_what_a_list_knows(
            steps in proptest::collection::vec((0_u64..12, 0_u64..40, 0_u64..9, 1_u32..9), 0..400),
        ) {
            let mut window = Window::default();
            let mut list: Vec<(u64, u64, u64)> = Vec::new();
            let (mut now, mut limit) = (100, 8);
            for (id, (number, life, wait, new_limit)) in (1..).zip(steps) {
                now += wait;
                if id % 50 == 0 {
                    limit = new_limit;
                }
                if id % 7 == 0 {
                    window.expire(Timestamp(now));
                }
                let known = list.iter().rev().find(|(_, other, _)| *other == number);
                let known = known.filter(|(_, _, expires)| *expires > now).map(|(id, ..)| *id);
                prop_assert_eq!(window.find(key(number), Timestamp(now)), known.map(MessageId));
                if known.is_none() {
                    let entry = Entry::new(MessageId(id), key(number), Timestamp(now + life), true);
                    window.insert(entry, limit);
                    list.push((id, number, now + life));
                    prop_assert!(window.len() <= limit as usize);
                }
                // The window forgets by number of entries, of which some may have run out before.
                let first = window.entries.front().map_or(u64::MAX, |entry| entry.id.0);
                list.retain(|(id, ..)| *id >= first);
                let mut alive: Vec<_> = window.iter().map(|entry| entry.id.0).collect();
                alive.sort_unstable();
                let last = |at: &(u64, u64, u64)| list.iter().rev().find(|o| o.1 == at.1) == Some(at);
                let expected: Vec<_> = list.iter().filter(|at| last(at)).map(|(id, ..)| *id).collect();
                prop_assert_eq!(alive, expected);
            }
        }
    }

    #[test]
    fn a_key_takes_no_more_memory_than_is_said() {
        let mut window = Window::default();
        for number in 0..100_000 {
            let entry = Entry::new(MessageId(number), key(number), Timestamp(1), false);
            window.insert(entry, u32::MAX);
            let bytes =
                window.entries.capacity() * size_of::<Entry>() + window.numbers.allocation_size();
            assert!(
                number < 100 || bytes as u64 <= number * crate::dedup::BYTES_PER_KEY,
                "{number}: {bytes}"
            );
        }
        window.expire(Timestamp(1));
        assert!(
            window.entries.capacity() <= KEPT_CAPACITY && window.numbers.allocation_size() < 4096
        );
    }
}
