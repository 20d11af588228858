//! Where one message goes: the result of routing, made to be used again and again.

use std::sync::Arc;

use hashbrown::HashSet;

use crate::dedup::Key;
use crate::id::QueueId;
use crate::name::Name;
use crate::routing::destinations::{Destinations, Target};

/// From this many on, duplicates are not looked for one by one: among queues at the end, among
/// exchanges in a set.
const SCAN: usize = 16;

/// Exchanges that tell duplicates, one behind the other, at most: their keys are kept with the message.
const MOST_JUDGES: usize = 16;

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
    judging: Judging,
    /// Which of the queues hold the message back before it is routed further.
    delaying: Vec<QueueId>,
}

/// The exchanges on the way that de-duplicate. Empty for most messages, and then costs nothing.
#[derive(Debug, Default)]
struct Judging {
    /// What is behind them is still to be found, from `next` on, and judged by these keys.
    exchanges: Vec<(Name, Arc<[Key]>)>,
    next: usize,
    /// Queues from this place on, up to the next entry's, judge by these keys.
    queues: Vec<(usize, Arc<[Key]>)>,
    /// Queues before this place are known for good.
    finished: usize,
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

    /// Whether the queue is that of an exchange that holds the message back, to route it later: it
    /// has to get it with all its headers.
    #[must_use]
    pub fn is_delaying(&self, queue: QueueId) -> bool {
        self.delaying.contains(&queue)
    }

    /// Whether all queues simply take the message: none judges it by keys or holds it back.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.judging.queues.is_empty() && self.delaying.is_empty()
    }

    /// The keys by which the `index`th queue is to judge the message before it takes it, if any.
    #[must_use]
    pub fn keys(&self, index: usize) -> Option<&Arc<[Key]>> {
        let mut judged = self.judging.queues.iter().rev();
        judged.find(|(first, _)| *first <= index).map(|(_, keys)| keys)
    }

    pub(crate) fn clear(&mut self) {
        if !self.judging.exchanges.is_empty() {
            self.judging = Judging::default();
        }
        self.judging.finished = 0;
        self.delaying.clear();
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

    /// Notes the queue of an exchange that holds the message back.
    pub(crate) fn add_delaying(&mut self, queue: QueueId) {
        self.delaying.push(queue);
        self.add_queue(queue);
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

    /// Notes an exchange that judges the message by `key`, to be passed later. False if the message
    /// has met so many on its way that this one is not asked.
    pub(crate) fn add_judging(&mut self, exchange: &Name, key: Key) -> bool {
        let way = self.judging.queues.last().map_or(&[][..], |(_, keys)| keys);
        if way.len() >= MOST_JUDGES {
            return false;
        }
        let keys = way.iter().cloned().chain([key]).collect();
        self.judging.exchanges.push((exchange.clone(), keys));
        true
    }

    /// The next exchange whose keys the queues found from now on are to judge by.
    pub(crate) fn next_judging(&mut self) -> Option<Name> {
        let (exchange, keys) = self.judging.exchanges.get(self.judging.next)?.clone();
        self.judging.next += 1;
        self.judging.queues.push((self.queues.len(), keys));
        Some(exchange)
    }

    /// Every queue found so far is among the targets once.
    pub(crate) fn finish(&mut self) {
        if self.queues.len() > SCAN {
            match self.judging.finished {
                0 => {
                    self.queues.sort_unstable();
                    self.queues.dedup();
                }
                known => self.drop_known(known),
            }
        }
        self.judging.finished = self.queues.len();
    }

    /// Keeps only what is new of the queues after the first `known`, each once.
    fn drop_known(&mut self, known: usize) {
        let mut found = self.queues.split_off(known);
        found.sort_unstable();
        found.dedup();
        let known: HashSet<_> = self.queues.iter().copied().collect();
        self.queues.extend(found.into_iter().filter(|queue| !known.contains(queue)));
    }
}
