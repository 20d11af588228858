//! The keys of one queue while the log is read: in any order and perhaps more than once.

use broker_core::dedup::WindowId;
use broker_core::id::MessageId;
use broker_core::queue::KnownKey;
use hashbrown::HashSet;

use crate::durable::whereabouts::Whereabouts;

/// So many keys are not worth looking through.
const FEW: usize = 4_096;

/// Keys that were found, with the log file of each.
#[derive(Debug, Default)]
pub(crate) struct RecoveredKeys {
    found: Vec<(KnownKey, u32)>,
    /// When there are so many it is time to look through them.
    tidy_at: usize,
}

// === impl RecoveredKeys ===

impl RecoveredKeys {
    /// Adds keys found in `file`. At most `limit` of the queue's own window count.
    pub(crate) fn add(
        &mut self,
        keys: impl Iterator<Item = KnownKey>,
        file: u32,
        limit: Option<u32>,
    ) {
        self.found.extend(keys.map(|key| (key, file)));
        if self.found.len() >= self.tidy_at.max(FEW) {
            self.tidy(limit.map_or(usize::MAX, |limit| limit as usize));
            self.tidy_at = self.found.len() * 2;
        }
    }

    /// Forgets what was not so: that `undone` messages came.
    pub(crate) fn forget(&mut self, undone: &HashSet<MessageId>) {
        self.found.retain(|(key, _)| !undone.contains(&key.id));
    }

    /// Each key once, in the order of the messages, and where in the log they are.
    pub(crate) fn finish(mut self) -> (Vec<KnownKey>, Whereabouts) {
        self.tidy(usize::MAX);
        let mut whereabouts = Whereabouts::default();
        for (key, file) in &self.found {
            whereabouts.note(key.id, *file);
        }
        (self.found.into_iter().map(|(key, _)| key).collect(), whereabouts)
    }

    /// Keeps each key once, in the latest file that has it, and of the queue's own window at least
    /// the youngest `limit`.
    fn tidy(&mut self, limit: usize) {
        let place = |(key, file): &(KnownKey, u32)| (key.id, key.window, key.fingerprint, *file);
        self.found.sort_unstable_by_key(|found| std::cmp::Reverse(place(found)));
        self.found.dedup_by_key(|(key, _)| (key.id, key.window, key.fingerprint));
        let mut own = 0;
        self.found.retain(|(key, _)| {
            own += usize::from(key.window == WindowId::OWN);
            key.window != WindowId::OWN || own <= limit
        });
        self.found.reverse();
    }
}

#[cfg(test)]
mod tests {
    use broker_core::dedup::Fingerprint;
    use broker_core::time::Timestamp;

    use super::*;

    fn key(id: u64) -> KnownKey {
        let fingerprint = Fingerprint([id, id]);
        KnownKey { id: MessageId(id), window: WindowId::OWN, fingerprint, expires: Timestamp(9) }
    }

    #[test]
    fn keys_are_found_once_and_in_order() {
        let mut keys = RecoveredKeys::default();
        for (ids, file) in [(5..9, 2), (1..7, 3), (1..3, 4)] {
            keys.add(ids.map(key), file, None);
        }
        keys.forget(&HashSet::from_iter([MessageId(4)]));
        let (found, mut whereabouts) = (keys.finish().0, keys_at([(1, 4), (3, 3), (7, 2)]));
        assert_eq!(found, [1, 2, 3, 5, 6, 7, 8].map(key));
        assert!(whereabouts.census(2).is_some());
        whereabouts = Whereabouts::default();
        assert!(whereabouts.census(2).is_none());
    }

    fn keys_at(runs: [(u64, u32); 3]) -> Whereabouts {
        let mut whereabouts = Whereabouts::default();
        runs.into_iter().for_each(|(first, file)| whereabouts.note(MessageId(first), file));
        whereabouts
    }

    #[test]
    fn what_the_window_has_no_room_for_takes_none_here() {
        let mut keys = RecoveredKeys::default();
        for id in 0..100_000 {
            keys.add([key(id)].into_iter(), 1, Some(10));
            assert!(keys.found.len() <= FEW);
        }
        let found = keys.finish().0;
        assert_eq!(found.last(), Some(&key(99_999)));
        assert!(found.len() >= 10);
    }
}
