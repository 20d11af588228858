//! How long deliveries may stay unacknowledged, on a channel where that is limited.
//!
//! One list for each limit in use, its deliveries in the order of their times, so the first of a list
//! that is still unacknowledged is the one that matters. What was acknowledged leaves its list later,
//! and so that memory stays proportional to what is not.

use std::collections::VecDeque;

use broker_core::time::Timestamp;

use crate::channel::unacked::Unacked;

/// The deliveries of a channel that have to be acknowledged in time.
#[derive(Debug, Default)]
pub(crate) struct Timeouts {
    lists: Vec<List>,
}

/// Those that have the same time.
#[derive(Debug)]
struct List {
    /// In milliseconds.
    timeout: u64,
    /// Tags and when they were delivered.
    deliveries: VecDeque<(u64, Timestamp)>,
}

/// Few acknowledged deliveries are not worth looking for.
const FEW: usize = 64;

// === impl Timeouts ===

impl Timeouts {
    /// A message has been delivered that has to be acknowledged within `timeout` ms from now.
    pub(crate) fn watch(&mut self, tag: u64, timeout: u64, now: Timestamp) {
        self.list(timeout).deliveries.push_back((tag, now));
    }

    /// Forgets what was acknowledged, if that is much.
    pub(crate) fn tidy(&mut self, unacked: &Unacked) {
        for List { deliveries, .. } in &mut self.lists {
            if deliveries.len() > FEW && deliveries.len() > 2 * unacked.len() {
                deliveries.retain(|(tag, _)| unacked.holds(*tag));
            }
        }
    }

    /// When the first of the unacknowledged deliveries runs out of its time, and what that time was.
    /// Time before `deaf` does not count: the client could not be heard.
    pub(crate) fn first_due(&self, unacked: &Unacked, deaf: Timestamp) -> Option<(Timestamp, u64)> {
        let due = |List { timeout, deliveries }: &List| {
            let (_, since) = deliveries.iter().find(|(tag, _)| unacked.holds(*tag))?;
            Some(((*since).max(deaf).after(*timeout), *timeout))
        };
        self.lists.iter().filter_map(due).min()
    }

    /// From now on `tags`, which are unacknowledged, have this time, or as much as they like. Those
    /// that had none before have it from `now` on.
    pub(crate) fn change(&mut self, tags: &[u64], timeout: Option<u64>, now: Timestamp) {
        let mut moved: Vec<_> = tags.iter().map(|tag| (*tag, now)).collect();
        for List { deliveries, .. } in &mut self.lists {
            deliveries.retain(|(tag, since)| match tags.binary_search(tag) {
                Ok(at) => {
                    moved[at].1 = *since;
                    false
                }
                Err(_) => true,
            });
        }
        let Some(timeout) = timeout else { return };
        let list = self.list(timeout);
        list.deliveries.extend(moved);
        list.deliveries.make_contiguous().sort_unstable_by_key(|(tag, since)| (*since, *tag));
    }

    fn list(&mut self, timeout: u64) -> &mut List {
        let at = match self.lists.iter().position(|list| list.timeout == timeout) {
            Some(at) => at,
            None => {
                self.lists.retain(|list| !list.deliveries.is_empty());
                self.lists.push(List { timeout, deliveries: VecDeque::new() });
                self.lists.len() - 1
            }
        };
        &mut self.lists[at]
    }
}

#[cfg(test)]
mod tests {
    use broker_core::id::{MessageId, QueueId};

    use super::*;
    use crate::channel::unacked::Held;

    fn unacked(count: u64) -> Unacked {
        let mut unacked = Unacked::default();
        for id in 1..=count {
            unacked.hold(Held { queue: QueueId(1), id: MessageId(id), got: false });
        }
        unacked
    }

    fn at(due: u64, timeout: u64) -> Option<(Timestamp, u64)> {
        Some((Timestamp(due), timeout))
    }

    #[test]
    fn the_oldest_unacknowledged_of_each_limit_counts() {
        let mut unacked = unacked(4);
        let mut timeouts = Timeouts::default();
        let start = Timestamp(0);
        assert_eq!(timeouts.first_due(&unacked, start), None);
        for (tag, timeout, now) in [(1, 100, 10), (2, 30, 20), (3, 100, 40), (4, 30, 60)] {
            timeouts.watch(tag, timeout, Timestamp(now));
        }
        assert_eq!(timeouts.first_due(&unacked, start), at(50, 30));
        unacked.take(2);
        assert_eq!(timeouts.first_due(&unacked, start), at(90, 30));
        unacked.take(4);
        assert_eq!(timeouts.first_due(&unacked, start), at(110, 100));
        assert_eq!(timeouts.first_due(&unacked, Timestamp(30)), at(130, 100));
        unacked.take_up_to(3, |_, _| {});
        assert_eq!(timeouts.first_due(&unacked, start), None);
    }

    #[test]
    fn a_limit_can_change_under_what_is_out() {
        let unacked = unacked(3);
        let mut timeouts = Timeouts::default();
        let (start, now) = (Timestamp(0), Timestamp(50));
        timeouts.watch(1, 100, Timestamp(10));
        timeouts.watch(3, 100, Timestamp(20));
        timeouts.change(&[2, 3], Some(60), now);
        assert_eq!(timeouts.first_due(&unacked, start), at(80, 60), "3 came at 20");
        timeouts.change(&[3], None, now);
        assert_eq!(timeouts.first_due(&unacked, start), at(110, 60), "2 had no limit before 50");
        timeouts.change(&[2], Some(600), now);
        assert_eq!(timeouts.first_due(&unacked, start), at(110, 100));
    }

    #[test]
    fn what_was_acknowledged_is_forgotten() {
        let mut unacked = unacked(1);
        let mut timeouts = Timeouts::default();
        timeouts.watch(1, 100, Timestamp(0));
        for tag in 2..10_000 {
            unacked.hold(Held { queue: QueueId(1), id: MessageId(tag), got: false });
            timeouts.watch(tag, 100, Timestamp(tag));
            unacked.take(tag);
            timeouts.tidy(&unacked);
            assert!(timeouts.lists[0].deliveries.len() <= FEW + 1);
        }
        assert_eq!(timeouts.first_due(&unacked, Timestamp(0)), at(100, 100));
    }
}
