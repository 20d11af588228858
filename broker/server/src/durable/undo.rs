//! What it takes to undo a transaction, while it is not known whether the log has all of it.

use broker_core::id::{MessageId, QueueId};
use broker_core::queue::{Entered, PageNumber};
use hashbrown::HashMap;

use crate::durable::transaction_record::Part;

/// What a transaction did, as far as it was read.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    /// Messages that came.
    pub(crate) entered: Vec<(QueueId, MessageId)>,
    /// Messages that came with keys.
    pub(crate) keyed: Vec<(QueueId, MessageId)>,
    /// Messages that went.
    pub(crate) gone: Vec<(QueueId, Gone)>,
}

/// A message that went, and from where.
#[derive(Debug)]
pub(crate) enum Gone {
    /// From memory; with the log file that it was found in.
    Message(Entered, u32),
    /// From a page.
    InPage(PageNumber, MessageId),
}

/// The transactions that are not whole yet.
#[derive(Debug, Default)]
pub(crate) struct Undo {
    open: HashMap<u64, Open>,
}

#[derive(Debug)]
struct Open {
    part: Part,
    /// Parts that were read to their end.
    ended: u32,
    steps: Steps,
}

// === impl Undo ===

impl Undo {
    /// What the transaction has done so far; to be given back with [`Undo::keep`] if it goes on.
    pub(crate) fn take(&mut self, transaction: u64) -> Steps {
        let open = self.open.get_mut(&transaction);
        open.map(|open| std::mem::take(&mut open.steps)).unwrap_or_default()
    }

    /// What the transaction has done, which is to be undone.
    pub(crate) fn end(&mut self, transaction: u64) -> Steps {
        self.open.remove(&transaction).map(|open| open.steps).unwrap_or_default()
    }

    /// Remembers the steps of a transaction, unless this was the end of its last part.
    pub(crate) fn keep(&mut self, part: Part, ended: bool, steps: Steps) {
        let fresh = || Open { part, ended: 0, steps: Steps::default() };
        let open = self.open.entry(part.transaction).or_insert_with(fresh);
        open.ended += u32::from(ended);
        open.steps = steps;
        if open.ended >= part.parts {
            self.open.remove(&part.transaction);
        }
    }

    /// The transactions that are not whole, in a log that begins with `first_file`; those that began
    /// before it are whole, since the log is cut only behind transactions that have ended.
    pub(crate) fn unfinished(&mut self, first_file: u32) -> Vec<u64> {
        self.open.retain(|_, open| open.part.from_file >= first_file);
        self.open.keys().copied().collect()
    }
}
