//! Deliveries that wait for the client's acknowledgement, by delivery tag.

use std::collections::VecDeque;

use broker_core::id::{MessageId, QueueId};

/// One delivery: which message of which queue it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) queue: QueueId,
    pub(crate) id: MessageId,
    /// Whether the client fetched it with `basic.get`, which no prefetch counts.
    pub(crate) got: bool,
}

/// The unacknowledged deliveries of a channel, in the order of their tags.
///
/// Settling in order takes constant time. Settling out of order leaves a hole, and the holes are
/// closed up once they are the greater part, so memory stays proportional to what is unacknowledged.
#[derive(Debug, Default)]
pub(crate) struct Unacked {
    /// Tags ascending; `None` is a hole. The first is never one.
    entries: VecDeque<(u64, Option<Held>)>,
    holes: usize,
    last_tag: u64,
}

/// Few entries are not worth closing up.
const FEW: usize = 64;

// === impl Unacked ===

impl Unacked {
    /// How many deliveries are unacknowledged.
    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.holes
    }

    /// The tag of the latest delivery; 0 before the first.
    pub(crate) fn last_tag(&self) -> u64 {
        self.last_tag
    }

    /// Whether this delivery is unacknowledged.
    pub(crate) fn holds(&self, tag: u64) -> bool {
        let at = self.entries.binary_search_by_key(&tag, |(tag, _)| *tag);
        at.is_ok_and(|at| self.entries[at].1.is_some())
    }

    /// The tags of what came from one queue, ascending.
    pub(crate) fn of_queue(&self, queue: QueueId) -> impl Iterator<Item = u64> {
        let from = move |held: &Option<Held>| held.is_some_and(|held| held.queue == queue);
        self.entries.iter().filter(move |(_, held)| from(held)).map(|(tag, _)| *tag)
    }

    /// The tag of a delivery that needs no acknowledgement.
    #[inline]
    pub(crate) fn tag(&mut self) -> u64 {
        self.last_tag += 1;
        self.last_tag
    }

    /// The tag of a delivery, which is held from now on.
    #[inline]
    pub(crate) fn hold(&mut self, held: Held) -> u64 {
        let tag = self.tag();
        self.entries.push_back((tag, Some(held)));
        tag
    }

    /// Lets go of one delivery, if it is held.
    #[inline]
    pub(crate) fn take(&mut self, tag: u64) -> Option<Held> {
        if self.entries.front()?.0 == tag {
            let (_, held) = self.entries.pop_front()?;
            self.drop_leading_holes();
            return held;
        }
        let at = self.entries.binary_search_by_key(&tag, |(tag, _)| *tag).ok()?;
        let held = self.entries[at].1.take()?;
        self.holes += 1;
        if self.holes > FEW && self.holes * 2 > self.entries.len() {
            self.entries.retain(|(_, held)| held.is_some());
            self.holes = 0;
        }
        Some(held)
    }

    /// Lets go of all deliveries up to and including `tag`, if that one is held; else of none.
    pub(crate) fn take_up_to(&mut self, tag: u64, mut taken: impl FnMut(u64, Held)) -> bool {
        let Ok(at) = self.entries.binary_search_by_key(&tag, |(tag, _)| *tag) else { return false };
        if self.entries[at].1.is_none() {
            return false;
        }
        for (tag, held) in self.entries.drain(..=at) {
            match held {
                Some(held) => taken(tag, held),
                None => self.holes -= 1,
            }
        }
        self.drop_leading_holes();
        true
    }

    /// Lets go of all deliveries.
    pub(crate) fn take_all(&mut self, mut taken: impl FnMut(u64, Held)) {
        self.holes = 0;
        for (tag, held) in self.entries.drain(..) {
            if let Some(held) = held {
                taken(tag, held);
            }
        }
    }

    /// Holds deliveries again that were taken.
    pub(crate) fn put_back(&mut self, taken: impl Iterator<Item = (u64, Held)>) {
        self.entries.retain(|(_, held)| held.is_some());
        self.holes = 0;
        self.entries.extend(taken.map(|(tag, held)| (tag, Some(held))));
        self.entries.make_contiguous().sort_unstable_by_key(|(tag, _)| *tag);
    }

    fn drop_leading_holes(&mut self) {
        while let Some((_, None)) = self.entries.front() {
            self.entries.pop_front();
            self.holes -= 1;
        }
    }
}

#[cfg(test)]
mod tests;
