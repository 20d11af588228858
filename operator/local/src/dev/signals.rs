//! SIGINT, SIGTERM and SIGHUP, watched from before anything is started.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that end `dev`. While this exists, none of them ends the process by itself.
#[derive(Debug)]
pub(super) struct Signals([Signal; 3]);

// === impl Signals ===

impl Signals {
    /// Begins to watch. A signal that comes before [`Signals::next`] is called is not lost.
    pub(super) fn watch() -> io::Result<Self> {
        Ok(Self([
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        ]))
    }

    /// Waits for the next signal.
    pub(super) async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
