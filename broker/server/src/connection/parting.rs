//! The end of a connection: it is not listed any more, and the client may close its socket first.

use std::time::Duration;

use crate::connection::Task;

/// How long a client that asked for the end may take to close its socket.
const PARTING: Duration = Duration::from_secs(1);

// === impl Task ===

impl Task {
    /// Not counted and listed from now on. May be called again.
    pub(super) fn leave(&mut self) {
        if std::mem::replace(&mut self.has_left, true) {
            return;
        }
        self.count_nothing();
        self.node.registry.remove(self.session.id());
        self.node.metrics.connections_closed.inc();
    }

    /// Lets a client that asked for the end close its socket first.
    ///
    /// A socket that is closed under a client which still writes resets it, and one with several threads may
    /// see the end before it has seen the answer. There are never more sockets than the registry allows.
    pub(super) async fn see_off(&self) {
        if self.session.is_closed_by_client()
            && !self.socket.is_lost()
            && let Some(_place) = self.node.registry.see_off()
        {
            // Whichever comes first.
            let _ = tokio::time::timeout(PARTING, self.socket.client_gone()).await;
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.leave();
    }
}
