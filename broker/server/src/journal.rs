//! The seam to the log: what a shard records before it answers for it.
//!
//! A shard appends the durable commands of a batch and gets a position. What depends on the batch
//! being safe (confirms) waits until the durable position has reached it. Here the journal keeps
//! nothing and everything is durable at once; the write-ahead log takes its place behind the same
//! two calls.

use std::collections::VecDeque;

/// A place in the journal; larger is later.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position(u64);

/// Where a shard's batches are recorded.
pub(crate) trait Journal {
    /// Records a batch of `commands` durable commands; they are safe once [`Journal::durable`]
    /// has reached the position returned.
    fn append(&mut self, commands: usize) -> Position;

    /// Everything up to here survives a crash of the machine.
    fn durable(&self) -> Position;
}

/// Keeps nothing: messages live in memory, and are as safe as they will get at once.
#[derive(Debug, Default)]
pub(crate) struct InMemory {
    last: Position,
}

/// What waits for the durable position, in order.
#[derive(Debug)]
pub(crate) struct Pending<T> {
    waiting: VecDeque<(Position, T)>,
}

// === impl InMemory ===

impl Journal for InMemory {
    fn append(&mut self, commands: usize) -> Position {
        self.last.0 += u64::try_from(commands).unwrap_or(u64::MAX);
        self.last
    }

    fn durable(&self) -> Position {
        self.last
    }
}

// === impl Pending ===

impl<T> Default for Pending<T> {
    fn default() -> Self {
        Self { waiting: VecDeque::new() }
    }
}

impl<T> Pending<T> {
    /// `outcome` may be told once `position` is durable. Positions never go down.
    pub(crate) fn push(&mut self, position: Position, outcome: T) {
        self.waiting.push_back((position, outcome));
    }

    /// The next outcome that may be told.
    pub(crate) fn pop(&mut self, durable: Position) -> Option<T> {
        let (position, _) = self.waiting.front()?;
        if *position > durable {
            return None;
        }
        self.waiting.pop_front().map(|(_, outcome)| outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_wait_for_their_position() {
        let mut pending = Pending::default();
        pending.push(Position(2), "first");
        pending.push(Position(5), "second");
        assert_eq!(pending.pop(Position(1)), None);
        assert_eq!(pending.pop(Position(4)), Some("first"));
        assert_eq!(pending.pop(Position(4)), None);
        assert_eq!(pending.pop(Position(5)), Some("second"));
    }

    #[test]
    fn in_memory_is_durable_at_once() {
        let mut journal = InMemory::default();
        assert!(journal.append(3) <= journal.durable());
    }
}
