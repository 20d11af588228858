//! What waits for pages: whoever wants a message from one, and pages that may go.

use broker_core::id::QueueId;
use broker_core::time::Timestamp;
use broker_storage::pages::page::PageRef;

use crate::link::Link;

/// What a shard keeps for its queues' pages.
#[derive(Debug, Default)]
pub(crate) struct Paging {
    /// Who waits for the first message of a queue, which is being read. One a connection at most.
    pub(super) parked: Vec<Parked>,
    /// Pages of which nothing is left, and that the log or a snapshot may name.
    pub(super) done: Vec<PageRef>,
    /// No page is made before.
    pub(super) after: Timestamp,
}

/// Somebody who waits for the first message of a queue.
#[derive(Debug)]
pub(super) struct Parked {
    pub(super) queue: QueueId,
    pub(super) link: Link,
    pub(super) no_ack: bool,
}

// === impl Paging ===

impl Paging {
    /// Lets `asker` wait for the first message of a queue.
    pub(super) fn park(&mut self, queue: QueueId, asker: Option<&Link>, no_ack: bool) {
        if let Some(link) = asker {
            self.parked.push(Parked { queue, link: link.clone(), no_ack });
        }
    }

    /// A connection has ended, and waits for nothing.
    pub(super) fn forget(&mut self, link: &Link) {
        self.parked.retain(|parked| parked.link.connection() != link.connection());
    }

    /// The pages of which nothing is left.
    pub(super) fn take_done(&mut self) -> Vec<PageRef> {
        std::mem::take(&mut self.done)
    }
}
