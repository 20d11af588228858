//! What a channel in tx mode gathers until it is committed or rolled back.

use crate::channel::unacked::Held;
use crate::request::{Outcome, Publish};
use crate::settings::Settings;

/// What happened on a channel since the last commit or rollback.
#[derive(Debug, Default)]
pub(crate) struct Transaction {
    /// Publishes, in order.
    pub(crate) publishes: Vec<Publish>,
    /// Bytes of their messages.
    pub(crate) bytes: usize,
    /// Deliveries that were acknowledged or refused, with their tags.
    pub(crate) settlements: Vec<(u64, Held, Outcome)>,
}

/// How much the transactions of one connection hold. Acknowledgements are not counted: there are
/// never more than deliveries.
#[derive(Debug, Default)]
pub(crate) struct Uncommitted {
    publishes: usize,
    bytes: usize,
}

// === impl Transaction ===

impl Transaction {
    pub(crate) fn publish(&mut self, publish: Publish) {
        self.bytes += publish.message.size();
        self.publishes.push(publish);
    }
}

// === impl Uncommitted ===

impl Uncommitted {
    /// Counts one publish; false if that is more than there may be.
    pub(crate) fn take(&mut self, bytes: usize, settings: &Settings) -> bool {
        let fits = self.publishes < settings.max_uncommitted
            && self.bytes + bytes <= settings.max_uncommitted_bytes;
        if fits {
            self.publishes += 1;
            self.bytes += bytes;
        }
        fits
    }

    /// A transaction has ended.
    pub(crate) fn give_back(&mut self, transaction: &Transaction) {
        self.publishes -= transaction.publishes.len();
        self.bytes -= transaction.bytes;
    }
}
