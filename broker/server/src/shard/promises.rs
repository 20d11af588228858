//! What a shard tells others only once the log has it.

use std::collections::VecDeque;
use std::sync::Arc;

use broker_storage::position::Position;

use crate::link::{Event, Link, Reply, Settled};
use crate::shard::work::Landing;
use crate::transactions::Transaction;

/// Something to be told when what it speaks of survives a crash.
#[derive(Debug)]
pub(crate) enum Promise {
    /// A connection's publishes are dealt with.
    Settled(Link, Settled),
    /// The answer to a question that changed something.
    Reply(Link, Reply),
    /// A copy of a dead message has arrived where it was sent, as a duplicate of one that is not safe.
    Landed(Arc<Landing>),
    /// A part of a transaction is applied.
    Committed(Arc<Transaction>),
    /// One that others have to let go of as well.
    Shared(Arc<Kept>),
}

/// A promise that several wait for; kept when the last of them lets go of it.
#[derive(Debug)]
pub(crate) struct Kept(Option<Promise>);

/// Promises in the order in which they can be kept.
#[derive(Debug, Default)]
pub(crate) struct Promises {
    /// Made since the last [`Promises::place`].
    fresh: Vec<Promise>,
    waiting: VecDeque<(Position, Promise)>,
}

// === impl Promise ===

impl Promise {
    pub(super) fn keep(self) {
        match self {
            Self::Settled(link, settled) => link.send(Event::Settled(settled)),
            Self::Reply(link, reply) => link.send(Event::Reply(reply)),
            Self::Landed(landing) => drop(landing),
            Self::Committed(transaction) => drop(transaction),
            Self::Shared(kept) => drop(kept),
        }
    }
}

// === impl Kept ===

impl Kept {
    pub(super) fn new(promise: Promise) -> Self {
        Self(Some(promise))
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some(promise) = self.0.take() {
            promise.keep();
        }
    }
}

// === impl Promises ===

impl Promises {
    /// Makes a promise about what was recorded so far, or less.
    pub(crate) fn make(&mut self, promise: Promise) {
        self.fresh.push(promise);
    }

    /// What was promised since the last call is in line for the log at `position`, which never goes
    /// down from call to call.
    pub(crate) fn place(&mut self, position: Position) {
        self.waiting.extend(self.fresh.drain(..).map(|promise| (position, promise)));
    }

    /// Keeps the promises about everything before `durable`, and those about nothing.
    pub(crate) fn keep(&mut self, durable: Position) {
        let can_be_kept = |(position, _): &mut (Position, Promise)| {
            *position < durable || *position == Position::ZERO
        };
        while let Some((_, promise)) = self.waiting.pop_front_if(can_be_kept) {
            promise.keep();
        }
    }
}

#[cfg(test)]
mod tests {
    use broker_core::id::{ConnectionId, MessageId, QueueId};

    use super::*;
    use crate::mailbox::mailbox;
    use crate::shard::work::Work;

    #[tokio::test]
    async fn promises_wait_for_their_position() {
        let (sender, mut events) = mailbox();
        let link = Link::new(ConnectionId(1), sender);
        let mut promises = Promises::default();
        let purged = |n| Promise::Reply(link.clone(), Reply::Purged(n));
        promises.make(purged(0));
        promises.place(Position::ZERO);
        for n in 1..=3 {
            promises.make(purged(n));
            promises.place(Position::new(1, n as u32 * 10));
        }
        let mut got = Vec::new();
        for (durable, expected) in [(0, 1), (10, 1), (11, 2), (30, 3), (31, 4)] {
            promises.keep(Position::new(1, durable));
            link.send(Event::Relieved);
            let mut batch = Vec::new();
            events.receive(&mut batch).await;
            got.extend(batch.into_iter().filter(|event| matches!(event, Event::Reply(_))));
            assert_eq!(got.len(), expected, "durable up to {durable}");
        }
    }

    #[tokio::test]
    async fn the_last_copy_that_lands_tells_the_owner() {
        let (owner, mut work) = mailbox();
        let landing = Landing::new(owner.clone(), QueueId(4), MessageId(2));
        let mut promises = Promises::default();
        promises.make(Promise::Landed(Arc::clone(&landing)));
        promises.make(Promise::Landed(landing));
        promises.place(Position::new(1, 0));
        promises.keep(Position::new(1, 0));
        owner.send(Work::Remove(Vec::new()));
        let mut batch = Vec::new();
        work.receive(&mut batch).await;
        assert!(matches!(batch[..], [Work::Remove(_)]), "not durable yet");
        promises.keep(Position::new(2, 0));
        batch.clear();
        work.receive(&mut batch).await;
        assert!(matches!(batch[..], [Work::Landed { queue: QueueId(4), id: MessageId(2) }]));
    }
}
