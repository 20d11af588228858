//! When each queue of a shard wants to be looked at again.

use std::collections::BTreeSet;
use std::time::Duration;

use broker_core::id::QueueId;
use broker_core::time::Timestamp;
use hashbrown::HashMap;

use crate::clock;

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

    /// Waits for the first deadline; for ever when there is none. May be dropped and called again.
    pub(crate) async fn wait(&self) {
        match self.in_order.first() {
            None => std::future::pending().await,
            Some((deadline, _)) => {
                // Never less than a millisecond, so that a deadline that does not move cannot spin.
                let wait = deadline.since(clock::now()).max(1);
                tokio::time::sleep(Duration::from_millis(wait)).await;
            }
        }
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
