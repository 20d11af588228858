//! A set of message ids that come in long runs.

use crate::id::MessageId;

/// Message ids, kept as runs: what a page of a thousand messages needs is one run, and one more for
/// each gap that acknowledging out of order tears into it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdSet {
    /// First id and the one behind the last; in order, apart from one another, none empty.
    runs: Vec<(u64, u64)>,
    len: u64,
}

// === impl IdSet ===

impl IdSet {
    /// How many ids are in it.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether `id` is in it.
    #[must_use]
    pub fn contains(&self, id: MessageId) -> bool {
        let at = self.behind(id);
        at > 0 && id.0 < self.runs[at - 1].1
    }

    /// Adds `id`; returns whether it was missing. Cheapest in ascending order.
    pub fn insert(&mut self, id: MessageId) -> bool {
        let at = self.behind(id);
        let id = id.0;
        if at > 0 && id < self.runs[at - 1].1 {
            return false;
        }
        let joins_left = at > 0 && self.runs[at - 1].1 == id;
        let joins_right = self.runs.get(at).is_some_and(|run| run.0 == id + 1);
        match (joins_left, joins_right) {
            (true, true) => {
                self.runs[at - 1].1 = self.runs[at].1;
                self.runs.remove(at);
            }
            (true, false) => self.runs[at - 1].1 = id + 1,
            (false, true) => self.runs[at].0 = id,
            (false, false) => self.runs.insert(at, (id, id + 1)),
        }
        self.len += 1;
        true
    }

    /// Adds the `count` ids from `first` on. `None`, and nothing is added, unless all of them are
    /// larger than all that are in the set, as they are when a set is read back in order.
    #[must_use]
    pub fn extend(&mut self, first: MessageId, count: u64) -> Option<()> {
        let end = first.0.checked_add(count)?;
        let last = self.runs.last().map_or(0, |run| run.1);
        if first.0 < last || count == 0 {
            return None;
        }
        match self.runs.last_mut().filter(|run| run.1 == first.0) {
            Some(run) => run.1 = end,
            None => self.runs.push((first.0, end)),
        }
        self.len += count;
        Some(())
    }

    /// Takes `id` out; returns whether it was in.
    pub fn remove(&mut self, id: MessageId) -> bool {
        let at = self.behind(id);
        let id = id.0;
        if at == 0 || id >= self.runs[at - 1].1 {
            return false;
        }
        let at = at - 1;
        let (first, end) = self.runs[at];
        match (first == id, end == id + 1) {
            (true, true) => {
                self.runs.remove(at);
            }
            (true, false) => self.runs[at].0 = id + 1,
            (false, true) => self.runs[at].1 = id,
            (false, false) => {
                self.runs[at].1 = id;
                self.runs.insert(at + 1, (id + 1, end));
            }
        }
        self.len -= 1;
        true
    }

    /// Keeps only what `wanted` says.
    pub fn retain(&mut self, mut wanted: impl FnMut(MessageId) -> bool) {
        let mut kept = Self::default();
        for id in self.iter().filter(|id| wanted(*id)) {
            kept.insert(id);
        }
        *self = kept;
    }

    /// The ids, ascending.
    pub fn iter(&self) -> impl Iterator<Item = MessageId> + '_ {
        self.runs.iter().flat_map(|(first, end)| (*first..*end).map(MessageId))
    }

    /// The runs, ascending: first id and how many.
    pub fn runs(&self) -> impl ExactSizeIterator<Item = (MessageId, u64)> + '_ {
        self.runs.iter().map(|(first, end)| (MessageId(*first), end - first))
    }

    /// How many runs begin at or before `id`.
    fn behind(&self, id: MessageId) -> usize {
        self.runs.partition_point(|(first, _)| *first <= id.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_set(steps in vec((any::<bool>(), 0_u64..40), 0..200)) {
            let (mut set, mut model) = (IdSet::default(), BTreeSet::new());
            for (insert, id) in steps {
                let id = MessageId(id);
                match insert {
                    true => prop_assert_eq!(set.insert(id), model.insert(id)),
                    false => prop_assert_eq!(set.remove(id), model.remove(&id)),
                }
                prop_assert_eq!(set.len(), model.len() as u64);
                prop_assert!(set.iter().eq(model.iter().copied()));
                prop_assert!((0..40).all(|id| set.contains(MessageId(id)) == model.contains(&MessageId(id))));
                let runs: Vec<_> = set.runs().collect();
                prop_assert!(runs.windows(2).all(|two| two[0].0.0 + two[0].1 < two[1].0.0));
                let mut again = IdSet::default();
                runs.iter().for_each(|(first, count)| again.extend(*first, *count).unwrap());
                prop_assert_eq!(&again, &set);
            }
            set.retain(|id| id.0 % 3 == 0);
            model.retain(|id| id.0 % 3 == 0);
            prop_assert!(set.iter().eq(model));
        }
    }

    #[test]
    fn what_is_not_in_order_is_no_set() {
        let mut set = IdSet::default();
        set.extend(MessageId(5), 3).unwrap();
        for (first, count) in [(7, 1), (0, 2), (9, 0), (u64::MAX, 2)] {
            assert_eq!(set.extend(MessageId(first), count), None, "{first}, {count}");
        }
        assert_eq!(set.len(), 3);
    }
}
