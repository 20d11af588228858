//! Where one message goes: the result of routing, made to be used again and again.

use hashbrown::HashSet;

use crate::id::QueueId;
use crate::name::Name;
use crate::routing::destinations::{Destinations, Target};

/// From this many on, duplicates are not looked for one by one: among queues at the end, among
/// exchanges in a set.
const SCAN: usize = 16;

/// The queues a message was routed to, each once. Keep one and pass it to every call: it keeps
/// its memory, so that routing allocates nothing.
#[derive(Debug, Default)]
pub struct Targets {
    queues: Vec<QueueId>,
    /// Exchanges seen on the way; those from `next` on are still to be visited.
    exchanges: Vec<Name>,
    next: usize,
    /// The same exchanges, once there are too many to look through.
    seen: HashSet<Name>,
}

// === impl Targets ===

impl Targets {
    /// Nowhere yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The queues, each once. Up to 16 in the order of their discovery, more in order of their ids.
    #[must_use]
    pub fn queues(&self) -> &[QueueId] {
        &self.queues
    }

    /// Whether the message goes nowhere: if it is mandatory, return it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.queues.clear();
        self.exchanges.clear();
        self.seen.clear();
        self.next = 0;
    }

    pub(crate) fn add_queue(&mut self, queue: QueueId) {
        if self.queues.len() > SCAN || !self.queues.contains(&queue) {
            self.queues.push(queue);
        }
    }

    /// Notes an exchange to be visited, unless it has been noted before.
    pub(crate) fn add_exchange(&mut self, exchange: &Name) {
        if self.exchanges.len() == SCAN {
            self.seen.extend(self.exchanges.iter().cloned());
        }
        let new = if self.exchanges.len() < SCAN {
            !self.exchanges.contains(exchange)
        } else {
            self.seen.insert(exchange.clone())
        };
        if new {
            self.exchanges.push(exchange.clone());
        }
    }

    pub(crate) fn add_all(&mut self, destinations: &Destinations) -> bool {
        destinations.for_each(|target| match target {
            Target::Queue(queue) => self.add_queue(*queue),
            Target::Exchange(exchange) => self.add_exchange(exchange),
        });
        !destinations.is_empty()
    }

    pub(crate) fn next_exchange(&mut self) -> Option<Name> {
        let exchange = self.exchanges.get(self.next)?.clone();
        self.next += 1;
        Some(exchange)
    }

    pub(crate) fn finish(&mut self) {
        if self.queues.len() > SCAN {
            self.queues.sort_unstable();
            self.queues.dedup();
        }
    }
}
