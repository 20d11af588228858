//! Deliveries that a client keeps unacknowledged for longer than its queue or consumer allows: their
//! channel is closed, and all it holds goes back.
//!
//! The connection knows a moment before which nothing is overdue. Only when that has come are the
//! channels looked through, those that have limits, and the next such moment is found.

use broker_core::id::ConsumerId;
use broker_core::time::Timestamp;
use broker_protocol::reply::ReplyCode;

use crate::channel::Channel;
use crate::connection::Connection;
use crate::fault::Fault;
use crate::request::Request;

// === impl Channel ===

impl Channel {
    /// The delivery `tag` has to be acknowledged within `timeout` ms from now.
    pub(super) fn watch(&mut self, tag: u64, timeout: u64, now: Timestamp) {
        let timeouts = self.timeouts.get_or_insert_default();
        timeouts.watch(tag, timeout, now);
        // A rollback brings back what was acknowledged in a transaction.
        if self.transaction.as_ref().is_none_or(|tx| tx.settlements.is_empty()) {
            timeouts.tidy(&self.unacked);
        }
    }
}

// === impl Connection ===

impl Connection {
    /// A message has just been delivered that has to be acknowledged within `timeout` ms.
    #[inline]
    pub(super) fn watch_until(&mut self, timeout: u64) {
        let due = self.times.now().after(timeout);
        self.overdue_from = Some(self.overdue_from.map_or(due, |first| first.min(due)));
    }

    /// From now on a consumer's queue gives it this many ms to acknowledge, or as many as it likes.
    /// For what it holds already, a limit where there was none begins now.
    pub fn set_timeout(&mut self, consumer: ConsumerId, timeout: Option<u64>) {
        let now = self.times.now();
        let Some(consumer) = self.consumers.get_mut(&consumer) else { return };
        consumer.limit(timeout);
        let (queue, timeout) = (consumer.queue, consumer.timeout);
        let Some(channel) = self.channels.get_mut(&consumer.channel) else { return };
        let tags: Vec<u64> = channel.unacked.of_queue(queue).collect();
        channel.timeouts.get_or_insert_default().change(&tags, timeout, now);
        if timeout.is_some() && !tags.is_empty() {
            // Some of it may have been out for longer than that.
            self.overdue_from = Some(now);
        }
    }

    /// Closes the channels that hold something for too long.
    pub(super) fn close_overdue(&mut self, now: Timestamp, requests: &mut Vec<Request>) {
        if self.overdue_from.is_none_or(|first| first > now) {
            return;
        }
        // What is parked may hold the acknowledgement.
        if self.is_parked() {
            self.times.deafen(now);
        }
        let deaf = self.times.deaf();
        let due = |channel: &Channel| channel.timeouts.as_ref()?.first_due(&channel.unacked, deaf);
        let all = self.channels.iter();
        let mut dues: Vec<_> = all.filter_map(|(number, it)| Some((*number, due(it)?))).collect();
        dues.sort_unstable();
        self.overdue_from = None;
        for (number, (due, timeout)) in dues {
            if due > now {
                self.overdue_from = Some(self.overdue_from.map_or(due, |first| first.min(due)));
                continue;
            }
            let detail = format_args!(
                "delivery acknowledgement on channel {number} timed out. Timeout value used: \
                 {timeout} ms. This timeout value can be configured, see consumers doc guide to \
                 learn more"
            );
            let fault = Fault::channel(ReplyCode::PreconditionFailed, detail);
            self.fail_on(number, fault, (0, 0), requests);
        }
    }
}
