//! Deliveries: from the queues to the client's consumers.

use broker_core::id::{ConsumerId, QueueId};
use broker_core::message::Message;
use broker_protocol::encode::{self, Deliver};
use broker_protocol::frame::{END, FrameKind};
use broker_protocol::method::basic;

use crate::channel::unacked::Held;
use crate::connection::Connection;
use crate::connection::closing::gather;
use crate::output::INLINE_MAX;
use crate::request::{Delivery, Outcome, Request};

/// A consumer of this connection.
#[derive(Debug)]
pub(crate) struct Consumer {
    pub(super) channel: u16,
    pub(super) no_ack: bool,
    /// Whether it keeps to the channel's limit though it need not acknowledge: then its queue waits
    /// for an acknowledgement, which is given for it with each delivery.
    pub(super) limited: bool,
    pub(super) queue: QueueId,
    pub(super) tag: Box<str>,
    /// Its own prefetch, without the channel's; 0 is no limit.
    pub(super) prefetch: u32,
    /// The client's own limit on how long it may keep a delivery unacknowledged, in ms.
    pub(super) own_timeout: Option<u64>,
    /// The limit that counts: the client's or the queue's.
    pub(super) timeout: Option<u64>,
    /// Deliveries since the last grant, each as often as it weighs.
    used: u32,
}

// === impl Consumer ===

impl Consumer {
    /// A consumer that has been subscribed on `channel`, where consumers to come have `prefetch`.
    pub(super) fn new(
        channel: u16,
        tag: Box<str>,
        queue: QueueId,
        no_ack: bool,
        (prefetch, limited): (u32, bool),
    ) -> Self {
        let (own_timeout, timeout) = (None, None);
        Self { channel, no_ack, limited, queue, tag, prefetch, own_timeout, timeout, used: 0 }
    }

    /// The same with a time to acknowledge that its client asked for, and one that its queue has.
    pub(super) fn with_timeouts(mut self, own: Option<u64>, queue: Option<u64>) -> Self {
        self.own_timeout = own;
        self.limit(queue);
        self
    }

    /// Its queue has this limit.
    pub(super) fn limit(&mut self, queue: Option<u64>) {
        self.timeout = self.own_timeout.into_iter().chain(queue).min();
    }

    /// A message of `weight` has used up as much of `window`; true when it is time to ask for more.
    #[inline]
    fn use_up(&mut self, weight: u32, window: u32) -> bool {
        let (before, half) = (self.used, window.div_ceil(2));
        self.used = before.saturating_add(weight);
        before < half && half <= self.used
    }
}

// === impl Connection ===

impl Connection {
    /// Sends a message to a consumer.
    ///
    /// If the consumer has ended meanwhile, the message goes back. Holds it if a prefetch of the
    /// whole channel (`basic.qos` with `global`) is used up.
    #[inline]
    pub fn deliver(&mut self, delivery: Delivery, requests: &mut Vec<Request>) {
        let Some(consumer) = self.consumers.get_mut(&delivery.consumer) else {
            let (queue, ids) = (delivery.queue, vec![delivery.id]);
            requests.push(Request::Settle { queue, outcome: Outcome::Requeue, ids });
            return;
        };
        let Some(channel) = self.channels.get_mut(&consumer.channel) else { return };
        let mut watched = None;
        let at_once =
            consumer.no_ack && !consumer.limited || channel.held.is_empty() && channel.has_room();
        if !at_once {
            channel.held.push_back(delivery);
            return;
        }
        let delivery_tag = if consumer.no_ack {
            if consumer.limited {
                let (queue, ids) = (delivery.queue, vec![delivery.id]);
                requests.push(Request::Settle { queue, outcome: Outcome::Ack, ids });
            }
            channel.unacked.tag()
        } else {
            let held = Held { queue: delivery.queue, id: delivery.id, got: false };
            let tag = channel.unacked.hold(held);
            if let Some(timeout) = consumer.timeout {
                channel.watch(tag, timeout, self.times.now());
                watched = Some(timeout);
            }
            tag
        };
        if consumer.use_up(delivery.message.weight(), self.settings.window) {
            self.thirsty.push(delivery.consumer);
        }
        let message = &delivery.message;
        let frames = Deliver {
            channel: consumer.channel,
            consumer_tag: &consumer.tag,
            delivery_tag,
            redelivered: delivery.redelivered,
            names: message.names(),
            header: message.header(),
        };
        let number = consumer.channel;
        frames.write(self.output.scratch());
        self.write_body(number, message);
        if let Some(timeout) = watched {
            self.watch_until(timeout);
        }
    }

    /// Counts a channel's held deliveries as used up: they go back to their queues while their
    /// consumers stay, who would otherwise never be granted others in their place.
    pub(super) fn forgo_held(&mut self, number: u16) {
        let Some(channel) = self.channels.get(&number) else { return };
        let window = self.settings.window;
        for Delivery { consumer: id, message, .. } in &channel.held {
            let consumer = self.consumers.get_mut(id);
            if consumer.is_some_and(|consumer| consumer.use_up(message.weight(), window)) {
                self.thirsty.push(*id);
            }
        }
    }

    /// Grants more deliveries to the consumers that have used up half of theirs. To be called when
    /// the output is written, or little enough of it is left.
    pub fn replenish(&mut self, requests: &mut Vec<Request>) {
        for id in self.thirsty.drain(..) {
            let Some(consumer) = self.consumers.get_mut(&id) else { continue };
            let deliveries = std::mem::take(&mut consumer.used);
            requests.push(Request::Grant { queue: consumer.queue, consumer: id, deliveries });
        }
    }

    /// Whether [`Connection::replenish`] would grant anything.
    pub fn is_thirsty(&self) -> bool {
        !self.thirsty.is_empty()
    }

    /// Sends held deliveries as far as the channel's prefetch allows.
    pub(super) fn release_held(&mut self, number: u16, requests: &mut Vec<Request>) {
        let Some(channel) = self.channels.get_mut(&number) else { return };
        let mut held = std::mem::take(&mut channel.held);
        while self.channels.get(&number).is_some_and(|channel| channel.has_room()) {
            let Some(delivery) = held.pop_front() else { break };
            self.deliver(delivery, requests);
        }
        if let Some(channel) = self.channels.get_mut(&number) {
            channel.held = held;
        }
    }

    /// A consumer's queue is gone: tells a client that wants to know.
    pub fn cancelled(&mut self, consumer: ConsumerId, requests: &mut Vec<Request>) {
        let Some(ended) = self.consumers.remove(&consumer) else { return };
        let settling = &mut self.settling;
        if let Some(channel) = self.channels.get_mut(&ended.channel) {
            channel.consumers.remove(&ended.tag);
            channel.held.retain(|delivery| {
                let keep = delivery.consumer != consumer;
                if !keep {
                    gather(settling, delivery.queue, Outcome::Requeue, delivery.id);
                }
                keep
            });
        }
        self.flush_settling(requests);
        if !self.capabilities.cancel_notify {
            return;
        }
        if self.is_deleting_queue(ended.channel) {
            self.late_cancels.push((ended.channel, ended.tag));
        } else {
            self.send_cancel(ended.channel, &ended.tag);
        }
    }

    /// Tells of the consumers whose queue the client has deleted. RabbitMQ answers the deletion
    /// first, and clients that wait for the answer take a cancellation before it for an error.
    pub(super) fn send_late_cancels(&mut self) {
        for (number, tag) in std::mem::take(&mut self.late_cancels) {
            if self.channels.get(&number).is_some_and(|channel| !channel.closing) {
                self.send_cancel(number, &tag);
            }
        }
    }

    fn send_cancel(&mut self, number: u16, consumer_tag: &str) {
        self.send(number, basic::Cancel { consumer_tag, no_wait: true });
    }

    /// Appends header and body frames of a message.
    pub(super) fn write_content(&mut self, number: u16, message: &Message) {
        encode::header(self.output.scratch(), number, message.header());
        self.write_body(number, message);
    }

    #[inline]
    pub(super) fn write_body(&mut self, number: u16, message: &Message) {
        let frame_max = self.limits.frame_max;
        if message.body_len() <= INLINE_MAX {
            return encode::body(self.output.scratch(), number, message.body(), frame_max);
        }
        let mut rest = message.body_bytes();
        while !rest.is_empty() {
            let piece = rest.split_to(rest.len().min(encode::body_per_frame(frame_max)));
            let head = encode::head(FrameKind::Body, number, piece.len());
            self.output.scratch().extend_from_slice(&head);
            self.output.push(piece);
            self.output.scratch().extend_from_slice(&[END]);
        }
    }
}
