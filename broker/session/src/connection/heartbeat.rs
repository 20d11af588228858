//! Deadlines: the handshake's, a close's, and heartbeats both ways (section 4.2.7).

use broker_core::time::Timestamp;
use broker_protocol::encode;

use crate::connection::{Connection, Phase};
use crate::request::Request;

/// Silent intervals after which the client is taken to be gone.
const SILENT_INTERVALS: u64 = 2;

/// When things were last heard, said and looked at.
#[derive(Debug)]
pub(super) struct Times {
    /// The latest moment that the caller told.
    now: Timestamp,
    /// When bytes last came.
    heard: Timestamp,
    /// When it was last seen to that nothing could come.
    deaf: Timestamp,
    /// When it was last seen to that something is said.
    spoke: Timestamp,
    /// The output's count of bytes at that time.
    said: u64,
    /// When the handshake or a close has to be over.
    deadline: Option<Timestamp>,
}

// === impl Times ===

impl Times {
    pub(super) fn new(now: Timestamp, deadline: Timestamp) -> Self {
        Self { now, heard: now, deaf: now, spoke: now, said: 0, deadline: Some(deadline) }
    }

    /// So many bytes lie unread.
    pub(super) fn heard(&mut self, now: Timestamp, bytes: usize) {
        self.now = now;
        if bytes > 0 {
            self.heard = now;
        }
    }

    pub(super) fn at(&mut self, now: Timestamp) {
        self.now = now;
    }

    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// When it was last seen to that nothing could come.
    pub(super) fn deaf(&self) -> Timestamp {
        self.deaf
    }

    /// Nothing can come, or could until now.
    pub(super) fn deafen(&mut self, now: Timestamp) {
        self.deaf = now;
    }

    /// Sets the deadline, in milliseconds from the latest moment known.
    pub(super) fn set_deadline(&mut self, millis: u64) {
        self.deadline = Some(self.now.after(millis));
    }

    pub(super) fn clear_deadline(&mut self) {
        self.deadline = None;
    }
}

// === impl Connection ===

impl Connection {
    /// When [`Connection::handle_timeout`] has to be called next, unless something happens before.
    pub fn next_timeout(&self) -> Option<Timestamp> {
        let beat = self.heartbeat_interval().map(|interval| {
            let silent = self.times.heard.after(interval * SILENT_INTERVALS);
            silent.min(self.times.spoke.after(interval / 2))
        });
        beat.into_iter().chain(self.times.deadline).chain(self.overdue_from).min()
    }

    /// Acts on what is due: sends a heartbeat, or gives up on a client that is silent or too slow.
    /// Calling it early or twice does no harm.
    pub fn handle_timeout(&mut self, now: Timestamp, requests: &mut Vec<Request>) {
        self.times.at(now);
        if self.phase == Phase::Closed {
            return;
        }
        if self.times.deadline.is_some_and(|deadline| deadline <= now) {
            return self.finish(requests);
        }
        self.close_overdue(now, requests);
        let Some(interval) = self.heartbeat_interval() else { return };
        // A parked connection is not read from, so silence says nothing about the client.
        if self.is_parked() {
            self.times.heard = now;
        }
        if self.times.heard.after(interval * SILENT_INTERVALS) <= now {
            return self.finish(requests);
        }
        if self.times.spoke.after(interval / 2) <= now {
            self.times.spoke = now;
            if self.output.is_empty() && self.output.added() == self.times.said {
                self.output.shrink();
                encode::heartbeat(self.output.scratch());
            }
            self.times.said = self.output.added();
        }
    }

    /// The caller does not read from the socket now, for a reason of its own: silence up to `now`
    /// says nothing about the client.
    pub fn not_listening(&mut self, now: Timestamp) {
        self.times.heard = now;
        self.times.deafen(now);
    }

    /// Tells the time, which deliveries and the like count from.
    pub fn tick(&mut self, now: Timestamp) {
        self.times.at(now);
    }

    fn heartbeat_interval(&self) -> Option<u64> {
        let beats =
            self.limits.heartbeat_ms > 0 && matches!(self.phase, Phase::Open | Phase::Running);
        beats.then_some(self.limits.heartbeat_ms)
    }
}
