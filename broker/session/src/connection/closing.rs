//! How channels and the connection end, and what is given back when they do.

use broker_core::id::{MessageId, QueueId};
use broker_core::refusal::Scope;
use broker_protocol::encode;
use broker_protocol::method::{Method, channel, connection};
use broker_protocol::reply::ReplyCode;

use crate::channel::Channel;
use crate::connection::{Connection, Phase};
use crate::fault::Fault;
use crate::request::{Outcome, Request};

// === impl Connection ===

impl Connection {
    /// Closes the connection for a reason of the broker's own, as [`ReplyCode::ConnectionForced`] on shutdown.
    ///
    /// The client has [`Settings::close_ms`](crate::Settings) to agree. Nothing more is taken from it.
    pub fn close(&mut self, code: ReplyCode, detail: &str, requests: &mut Vec<Request>) {
        self.fail(Fault::connection(code, detail), (0, 0), requests);
    }

    /// The socket is gone: gives everything back. Nothing comes after it.
    pub fn disconnected(&mut self, requests: &mut Vec<Request>) {
        self.finish(requests);
    }

    /// Closes what a fault closes. `method` is the class and method that failed, if it was one.
    pub(super) fn fail_on(
        &mut self,
        number: u16,
        fault: Fault,
        method: (u16, u16),
        requests: &mut Vec<Request>,
    ) {
        if fault.scope == Scope::Channel && number != 0 && self.phase == Phase::Running {
            self.fail_channel(number, &fault, method, requests);
        } else {
            self.fail(fault, method, requests);
        }
    }

    fn fail_channel(
        &mut self,
        number: u16,
        fault: &Fault,
        (class_id, method_id): (u16, u16),
        requests: &mut Vec<Request>,
    ) {
        let Some(channel) = self.channel(number) else { return };
        if channel.closing {
            return;
        }
        self.write_confirms();
        self.release_channel(number, requests);
        if let Some(channel) = self.channel(number) {
            channel.closing = true;
        }
        self.send(
            number,
            channel::Close {
                reply_code: fault.code.number(),
                reply_text: &fault.text,
                class_id,
                method_id,
            },
        );
    }

    /// Closes the connection: sends `connection.close` and waits for the client to agree.
    ///
    /// A client that has not come as far as frames, or is being closed, is not told.
    pub(super) fn fail(
        &mut self,
        fault: Fault,
        (class_id, method_id): (u16, u16),
        requests: &mut Vec<Request>,
    ) {
        match self.phase {
            Phase::Closing | Phase::Closed => return,
            Phase::Header => return self.finish(requests),
            _ => {}
        }
        self.release_all(requests);
        self.send(
            0,
            connection::Close {
                reply_code: fault.code.number(),
                reply_text: &fault.text,
                class_id,
                method_id,
            },
        );
        self.phase = Phase::Closing;
        self.times.set_deadline(self.settings.close_ms);
    }

    /// The client closes the connection.
    pub(super) fn closed_by_client(&mut self, requests: &mut Vec<Request>) {
        self.release_all(requests);
        self.send(0, connection::CloseOk {});
        self.closed_by_client = true;
        self.finish(requests);
    }

    /// Ends it all: gives everything back and says so.
    pub(super) fn finish(&mut self, requests: &mut Vec<Request>) {
        if self.phase == Phase::Closed {
            return;
        }
        self.release_all(requests);
        self.phase = Phase::Closed;
        self.unread.clear();
        self.times.clear_deadline();
        requests.push(Request::Closed);
    }

    /// Gives up all channels.
    fn release_all(&mut self, requests: &mut Vec<Request>) {
        self.write_confirms();
        let mut numbers: Vec<u16> = self.channels.keys().copied().collect();
        numbers.sort_unstable();
        for number in numbers {
            self.release_channel(number, requests);
        }
        self.channels.clear();
        self.consumers.clear();
        self.thirsty.clear();
        self.flush_settling(requests);
    }

    /// Ends a channel's consumers and puts back what they hold, so that none of it comes back here.
    pub(super) fn release_channel(&mut self, number: u16, requests: &mut Vec<Request>) {
        self.flush_settling(requests);
        self.forgo_replies(number, |_| true, requests);
        let Some(channel) = self.channels.get_mut(&number) else { return };
        for consumer in std::mem::take(&mut channel.consumers).into_values() {
            if let Some(ended) = self.consumers.remove(&consumer) {
                requests.push(Request::Unsubscribe { queue: ended.queue, consumer });
            }
        }
        if let Some(content) = channel.content.take() {
            self.unfinished -= content.len() as u64;
        }
        requeue(channel, &mut self.settling);
        channel.confirms = None;
        channel.timeouts = None;
        if let Some(transaction) = channel.transaction.take() {
            self.uncommitted.give_back(&transaction);
            for (_, held, _) in transaction.settlements {
                gather(&mut self.settling, held.queue, Outcome::Requeue, held.id);
            }
        }
        self.flush_settling(requests);
    }

    /// Turns gathered acknowledgements into requests.
    pub(super) fn flush_settling(&mut self, requests: &mut Vec<Request>) {
        for (queue, outcome, ids) in self.settling.drain(..) {
            requests.push(Request::Settle { queue, outcome, ids });
        }
    }

    /// Appends a frame with `method`.
    pub(super) fn send<'a>(&mut self, number: u16, method: impl Into<Method<'a>>) {
        encode::method(self.output.scratch(), number, method);
    }
}

/// Puts back all that a channel has not acknowledged.
pub(super) fn requeue(
    channel: &mut Channel,
    settling: &mut Vec<(QueueId, Outcome, Vec<MessageId>)>,
) {
    let Channel { unacked, got, .. } = channel;
    unacked.take_all(|_, held| {
        *got -= usize::from(held.got);
        gather(settling, held.queue, Outcome::Requeue, held.id);
    });
    for delivery in channel.held.drain(..) {
        gather(settling, delivery.queue, Outcome::Requeue, delivery.id);
    }
}

/// How far [`gather`] looks back for the queue: a client that acknowledges in turn what came from
/// thousands of queues gets more requests, and not a search through thousands for each message.
const LOOK_BACK: usize = 16;

/// Adds a settled message to those of the same queue and outcome.
#[inline]
pub(super) fn gather(
    settling: &mut Vec<(QueueId, Outcome, Vec<MessageId>)>,
    queue: QueueId,
    outcome: Outcome,
    id: MessageId,
) {
    match settling.iter_mut().rev().take(LOOK_BACK).find(|(q, o, _)| *q == queue && *o == outcome) {
        Some((_, _, ids)) => ids.push(id),
        None => settling.push((queue, outcome, vec![id])),
    }
}
