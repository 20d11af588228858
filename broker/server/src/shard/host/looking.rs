//! Looks at the queues for whoever asks how they are. Nothing changes.

use broker_core::id::QueueId;
use broker_core::queue::Counts;
use tokio::sync::oneshot;

use crate::shard::host::Host;
use crate::shard::slot::Slot;
use crate::shard::work::Subscriber;

// === impl Host ===

impl Host {
    /// How all queues are. An asker that has gone does not want to know.
    pub(super) fn survey(&self, answer: oneshot::Sender<Vec<(QueueId, Counts)>>) {
        let counts = self.queues.iter().map(|(id, slot)| (*id, slot.queue.counts()));
        let _ = answer.send(counts.collect());
    }

    /// Who consumes from one queue, or from all.
    pub(super) fn name_subscribers(
        &self,
        queue: Option<QueueId>,
        answer: oneshot::Sender<Vec<Subscriber>>,
    ) {
        let subscribers = match queue {
            Some(queue) => self
                .queues
                .get(&queue)
                .map(|slot| (&queue, &**slot))
                .into_iter()
                .flat_map(subscribers)
                .collect(),
            None => {
                let all = self.queues.iter().map(|(queue, slot)| (queue, &**slot));
                all.flat_map(subscribers).collect()
            }
        };
        let _ = answer.send(subscribers);
    }
}

fn subscribers((queue, slot): (&QueueId, &Slot)) -> impl Iterator<Item = Subscriber> {
    let single = slot.queue.settings().single_active;
    let queue = *queue;
    slot.queue.consumers().map(move |view| Subscriber {
        queue,
        consumer: view.terms.consumer,
        connection: view.terms.connection,
        exclusive: view.terms.exclusive,
        priority: view.terms.priority,
        active: view.active,
        single,
    })
}
