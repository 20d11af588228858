//! In which log file each message of a queue is recorded, or in a later one.

use broker_core::id::MessageId;

/// Runs of message ids recorded in the same log file: one entry a file, not one a message.
#[derive(Debug, Default)]
pub(crate) struct Whereabouts {
    /// By first id: the run goes up to the next one's.
    runs: Vec<(MessageId, u32)>,
}

/// A look at all of a queue's messages, to find those that are in old files and to forget runs that
/// have none any more.
#[derive(Debug)]
pub(crate) struct Census<'a> {
    runs: &'a [(MessageId, u32)],
    /// Runs that have messages.
    inhabited: Vec<bool>,
    file: u32,
}

// === impl Whereabouts ===

impl Whereabouts {
    /// Messages from `first` on are recorded in `file` or later, until told otherwise.
    pub(crate) fn note(&mut self, first: MessageId, file: u32) {
        if self.runs.last().is_none_or(|(_, last)| *last != file) {
            self.runs.push((first, file));
        }
    }

    /// A look for messages in `file` or before; none if there are none for sure.
    pub(crate) fn census(&self, file: u32) -> Option<Census<'_>> {
        let any = self.runs.iter().any(|(_, at)| *at <= file);
        any.then(|| Census { runs: &self.runs, inhabited: vec![false; self.runs.len()], file })
    }
}

// === impl Census ===

impl Census<'_> {
    /// Counts a message; says whether it may be in the file looked for or before.
    pub(crate) fn counts(&mut self, id: MessageId) -> bool {
        let run = self.runs.partition_point(|(first, _)| *first <= id).saturating_sub(1);
        self.inhabited[run] = true;
        self.runs[run].1 <= self.file
    }

    /// The whereabouts once what was found is recorded in `moved_to` or later. All messages have
    /// been counted: nobody lives in the other runs, nor ever will, since ids only grow.
    pub(crate) fn moved(self, moved_to: u32) -> Whereabouts {
        let Self { runs, inhabited, file } = self;
        let kept = runs.iter().zip(inhabited).filter(|(_, inhabited)| *inhabited);
        let place = |at| if at <= file { moved_to } else { at };
        let mut runs: Vec<_> = kept.map(|((first, at), _)| (*first, place(*at))).collect();
        runs.dedup_by_key(|(_, at)| *at);
        Whereabouts { runs }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn found(whereabouts: &mut Whereabouts, ids: &[u64], file: u32, moved_to: u32) -> Vec<u64> {
        let Some(mut census) = whereabouts.census(file) else { return Vec::new() };
        let found = ids.iter().copied().filter(|id| census.counts(MessageId(*id))).collect();
        let moved = census.moved(moved_to);
        *whereabouts = moved;
        found
    }

    #[test]
    fn runs_follow_the_files() {
        let mut whereabouts = Whereabouts::default();
        for (first, file) in [(1, 3), (5, 3), (9, 4), (12, 6), (20, 6)] {
            whereabouts.note(MessageId(first), file);
        }
        let ids = [1, 8, 9, 11, 12, 25];
        assert_eq!(found(&mut whereabouts, &ids, 2, 7), [0; 0]);
        assert_eq!(found(&mut whereabouts, &ids, 3, 7), [1, 8]);
        assert_eq!(found(&mut whereabouts, &ids, 5, 7), [9, 11]);
        assert_eq!(whereabouts.runs, [(MessageId(1), 7), (MessageId(12), 6)]);
        assert_eq!(found(&mut whereabouts, &[12, 25], 6, 8), [12, 25]);
        assert_eq!(whereabouts.runs, [(MessageId(12), 8)]);
        assert_eq!(found(&mut whereabouts, &[], 8, 9), [0; 0]);
        assert!(whereabouts.runs.is_empty());
    }

    proptest! {
        /// Files come and go, messages too: whoever is in the file given up is found, and what is
        /// kept does not grow with the files there have been.
        #[test]
        fn nobody_is_forgotten_and_the_dead_are(
            steps in proptest::collection::vec((0_u64..6, 0_usize..8), 1..300),
        ) {
            let mut whereabouts = Whereabouts::default();
            // Where each message is; the oldest file is always four behind the present one.
            let mut alive: BTreeMap<u64, u32> = BTreeMap::new();
            let (mut next, mut file) = (1, 5);
            let mut lately = Vec::new();
            for (came, went) in steps {
                if came > 0 {
                    whereabouts.note(MessageId(next), file);
                }
                alive.extend((next..next + came).map(|id| (id, file)));
                next += came;
                for place in 0..went {
                    if let Some(id) = alive.keys().nth(place * 5 % alive.len().max(1)).copied() {
                        alive.remove(&id);
                    }
                }
                lately.push(alive.len() + came as usize + went);
                file += 1;
                let ids: Vec<_> = alive.keys().copied().collect();
                for id in found(&mut whereabouts, &ids, file - 4, file) {
                    alive.insert(id, file);
                }
                prop_assert!(alive.values().all(|at| *at > file - 4), "one was left behind");
                let most = lately.iter().rev().take(6).max().copied().unwrap_or(0);
                prop_assert!(whereabouts.runs.len() <= most + 4);
            }
        }
    }
}
