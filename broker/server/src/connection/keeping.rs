//! What a connection keeps in memory for its client, and whether the client is still there.

use std::sync::atomic::Ordering;

use broker_protocol::reply::ReplyCode;

use crate::connection::{LITTLE_OUTPUT, Task};

/// Milliseconds between two looks for a client that is not read from.
const LOOK_MS: u64 = 1_000;

// === impl Task ===

impl Task {
    /// Counts what waits for a client that does not read, and what one has not sent to the end,
    /// against the node's memory. A client that has the node keep too much of the latter is closed:
    /// to wait for others could be to wait for ever.
    pub(super) fn count_kept(&mut self) {
        // Both are bounded by far less than a usize.
        let unfinished = self.session.unfinished() as usize;
        let waiting = self.session.output().len().saturating_sub(LITTLE_OUTPUT);
        self.count(waiting + unfinished);
        let grown = self.unfinished.becomes(unfinished);
        let before = self.node.unfinished.fetch_add(grown, Ordering::Relaxed);
        if grown > 0 && before + grown > self.node.max_unfinished {
            tracing::warn!(
                connection = self.session.id().0, peer = %self.profile.peer,
                "connection closed, messages that were begun and not finished fill their part of the memory"
            );
            let text = "too much unfinished content on this node";
            self.session.close(ReplyCode::ResourceError, text, &mut self.requests);
            self.perform();
        }
    }

    /// The connection ends and keeps nothing.
    pub(super) fn count_nothing(&mut self) {
        self.count(0);
        self.node.unfinished.fetch_add(self.unfinished.becomes(0), Ordering::Relaxed);
    }

    fn count(&mut self, bytes: usize) {
        if let Some(blocked) = self.node.memory.change(self.unwritten.becomes(bytes)) {
            self.node.block_publishers(blocked);
        }
    }

    /// Looks from time to time whether a client that is kept from publishing is still there: without
    /// heartbeats nothing else would tell, and what it holds unacknowledged may be what the others
    /// wait for. What a client has sent before it went is still taken.
    pub(super) fn look_for_client(&mut self) {
        if !self.blocked || self.client_is_gone {
            self.look_at = None;
        } else if self.look_at.is_none_or(|at| at <= self.now) {
            self.client_is_gone = self.look_at.is_some() && self.socket.is_client_gone();
            self.look_at = (!self.client_is_gone).then(|| self.now.after(LOOK_MS));
        }
    }
}
