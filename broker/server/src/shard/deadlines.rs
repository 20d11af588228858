//! When each queue of a shard wants to be looked at again.

use std::collections::BTreeSet;

use broker_core::id::QueueId;
use broker_core::time::Timestamp;
use hashbrown::HashMap;

/// At most one deadline a queue. Queues without one, which are nearly all, cost nothing.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    by_queue: HashMap<QueueId, Timestamp>,
    in_order: BTreeSet<(Timestamp, QueueId)>,
}

// === impl Deadlines ===

impl Deadlines {
    /// Sets or clears a queue's deadline.
    pub(crate) fn set(&mut self, queue: QueueId, deadline: Option<Timestamp>) {
        if deadline.is_none() && self.by_queue.is_empty() {
            return;
        }
        let old = match deadline {
            Some(deadline) => self.by_queue.insert(queue, deadline),
            None => self.by_queue.remove(&queue),
        };
        if old == deadline {
            return;
        }
        if let Some(old) = old {
            self.in_order.remove(&(old, queue));
        }
        if let Some(deadline) = deadline {
            self.in_order.insert((deadline, queue));
        }
    }

    /// Takes the next queue whose deadline has come.
    pub(crate) fn pop(&mut self, now: Timestamp) -> Option<QueueId> {
        let &(deadline, queue) = self.in_order.first()?;
        if deadline > now {
            return None;
        }
        self.in_order.pop_first();
        self.by_queue.remove(&queue);
        Some(queue)
    }

    /// The first deadline.
    pub(crate) fn first(&self) -> Option<Timestamp> {
        self.in_order.first().map(|(deadline, _)| *deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_come_in_order_and_move() {
        let mut deadlines = Deadlines::default();
        deadlines.set(QueueId(1), Some(Timestamp(30)));
        deadlines.set(QueueId(2), Some(Timestamp(10)));
        deadlines.set(QueueId(3), Some(Timestamp(20)));
        deadlines.set(QueueId(3), None);
        deadlines.set(QueueId(2), Some(Timestamp(40)));
        assert_eq!(deadlines.pop(Timestamp(29)), None);
        assert_eq!(deadlines.pop(Timestamp(50)), Some(QueueId(1)));
        assert_eq!(deadlines.pop(Timestamp(50)), Some(QueueId(2)));
        assert_eq!(deadlines.pop(Timestamp(50)), None);
    }
}
