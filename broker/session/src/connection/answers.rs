//! What comes of the one request that input waits for.

use broker_core::id::ConsumerId;
use broker_core::name::Name;
use broker_core::time::Timestamp;
use broker_protocol::method::{Method, basic, queue};

use crate::channel::unacked::Held;
use crate::connection::delivery::Consumer;
use crate::connection::{Connection, Phase};
use crate::fault::Fault;
use crate::login::Mechanism;
use crate::request::{Answer, Outcome, Request};

/// The request under way, and how the client wants to hear of it.
#[derive(Debug)]
pub(crate) enum Awaited {
    /// The login.
    Login { mechanism: Mechanism },
    /// The virtual host.
    Vhost,
    /// Whether a channel may be opened.
    Channel { number: u16 },
    /// A method on a channel.
    Method { channel: u16, method: (u16, u16), reply: Reply },
}

/// How to answer a method that was carried out.
#[derive(Debug)]
pub(crate) enum Reply {
    /// With this method, or not at all.
    Done(Option<Method<'static>>),
    /// With `queue.declare-ok`.
    Queue { no_wait: bool },
    /// With `queue.delete-ok`.
    Deleted { no_wait: bool },
    /// With `queue.purge-ok`.
    Purged { no_wait: bool },
    /// With `basic.consume-ok`, and from then on with deliveries.
    Consume {
        consumer: ConsumerId,
        tag: Box<str>,
        no_ack: bool,
        no_wait: bool,
        timeout: Option<u64>,
    },
    /// With `basic.consume-ok`, and from then on with replies.
    ConsumeReplies { consumer: ConsumerId, tag: Box<str>, no_wait: bool },
    /// With `basic.cancel-ok`, and from then on with no deliveries.
    Cancelled { consumer: ConsumerId, tag: Box<str>, no_wait: bool },
    /// With `basic.get-ok` or `basic.get-empty`.
    Get { no_ack: bool },
}

// === impl Connection ===

impl Connection {
    /// Takes the answer to the one request under way. Call [`Connection::receive`] afterwards to go on
    /// with what was parked.
    pub fn answer(&mut self, answer: Answer, now: Timestamp, requests: &mut Vec<Request>) {
        self.times.at(now);
        // What was parked until now may hold acknowledgements.
        self.times.deafen(now);
        let Some(awaited) = self.awaited.take() else {
            return self.fail(Fault::internal("answer to no question"), (0, 0), requests);
        };
        if !self.is_wanted(&awaited) {
            return give_back(awaited, answer, requests);
        }
        match (awaited, answer) {
            (Awaited::Login { .. }, Answer::Done) => self.login_accepted(),
            (Awaited::Login { mechanism }, Answer::Refused(_)) => {
                self.login_refused(mechanism, requests);
            }
            (Awaited::Vhost, Answer::Done) => self.opened(),
            (Awaited::Channel { number }, Answer::Done) => self.open_channel(number),
            (Awaited::Channel { .. }, Answer::Refused(refusal)) => {
                self.fail(refusal.into(), (20, 10), requests);
            }
            (Awaited::Vhost, Answer::Refused(refusal)) => {
                self.fail(refusal.into(), (10, 40), requests);
            }
            (Awaited::Method { channel, method, .. }, Answer::Refused(refusal)) => {
                self.fail_on(channel, refusal.into(), method, requests);
            }
            (Awaited::Method { channel, method, reply }, answer) => {
                if let Err(fault) = self.reply(channel, reply, answer, requests) {
                    self.fail_on(channel, fault, method, requests);
                }
            }
            _ => self.fail(Fault::internal("answer to another question"), (0, 0), requests),
        }
        self.send_late_cancels();
    }

    /// Whether a channel waits for a queue to be deleted.
    pub(super) fn is_deleting_queue(&self, number: u16) -> bool {
        matches!(
            &self.awaited,
            Some(Awaited::Method { channel, reply: Reply::Deleted { .. }, .. }) if *channel == number
        )
    }

    /// Whether the request under way is still wanted. It is not once its channel or the connection
    /// has closed, as an earlier publish being refused closes it: then it is not to be carried out,
    /// and any answer will do.
    pub fn is_asking(&self) -> bool {
        self.awaited.as_ref().is_some_and(|awaited| self.is_wanted(awaited))
    }

    /// Whether the connection, and the channel that asked, are still open.
    fn is_wanted(&self, awaited: &Awaited) -> bool {
        match awaited {
            _ if matches!(self.phase, Phase::Closing | Phase::Closed) => false,
            Awaited::Method { channel, .. } => {
                self.channels.get(channel).is_some_and(|channel| !channel.closing)
            }
            _ => true,
        }
    }

    fn reply(
        &mut self,
        number: u16,
        reply: Reply,
        answer: Answer,
        requests: &mut Vec<Request>,
    ) -> Result<(), Fault> {
        match (reply, answer) {
            (Reply::Done(method), Answer::Done) => {
                if let Some(method) = method {
                    self.send(number, method);
                }
            }
            (Reply::Queue { no_wait }, Answer::Queue { name, messages, consumers }) => {
                self.queue_declared(number, name, messages, consumers, no_wait);
            }
            (Reply::Deleted { no_wait }, Answer::Removed { messages }) => {
                if !no_wait {
                    self.send(number, queue::DeleteOk { message_count: clamp(messages) });
                }
            }
            (Reply::Purged { no_wait }, Answer::Removed { messages }) => {
                if !no_wait {
                    self.send(number, queue::PurgeOk { message_count: clamp(messages) });
                }
            }
            (
                Reply::Consume { consumer, tag, no_ack, no_wait, timeout: own },
                Answer::Consuming { queue, timeout },
            ) => {
                if !no_wait {
                    self.send(number, basic::ConsumeOk { consumer_tag: &tag });
                }
                let Some(channel) = self.channel(number) else { return Ok(()) };
                channel.consumers.insert(tag.clone(), consumer);
                let limits = (channel.prefetch, channel.limits(no_ack));
                let subscribed =
                    Consumer::new(number, tag, queue, no_ack, limits).with_timeouts(own, timeout);
                self.consumers.insert(consumer, subscribed);
            }
            (
                Reply::ConsumeReplies { consumer, tag, no_wait },
                Answer::AwaitingReplies { address },
            ) => {
                self.awaiting_replies(number, (consumer, tag), address, no_wait);
            }
            (Reply::Cancelled { consumer, tag, no_wait }, Answer::Done) => {
                self.cancelled_by_client(number, consumer, &tag, no_wait, requests);
            }
            (Reply::Get { no_ack }, answer @ Answer::Got { .. }) => {
                self.got(number, no_ack, &answer);
            }
            (Reply::Get { .. }, Answer::Empty) => self.send(number, basic::GetEmpty {}),
            _ => return Err(Fault::internal("answer to another question")),
        }
        Ok(())
    }

    fn queue_declared(
        &mut self,
        number: u16,
        name: Name,
        messages: u64,
        consumers: u64,
        no_wait: bool,
    ) {
        if !no_wait {
            self.send(
                number,
                queue::DeclareOk {
                    queue: &name,
                    message_count: clamp(messages),
                    consumer_count: clamp(consumers),
                },
            );
        }
        if let Some(channel) = self.channel(number) {
            channel.last_queue = Some(name);
        }
    }

    fn got(&mut self, number: u16, no_ack: bool, answer: &Answer) {
        let Answer::Got { queue, id, redelivered, message, remaining, timeout } = answer else {
            return;
        };
        let now = self.times.now();
        let Some(channel) = self.channel(number) else { return };
        let delivery_tag = if no_ack {
            channel.unacked.tag()
        } else {
            channel.got += 1;
            let tag = channel.unacked.hold(Held { queue: *queue, id: *id, got: true });
            if let Some(timeout) = *timeout {
                channel.watch(tag, timeout, now);
                self.watch_until(timeout);
            }
            tag
        };
        self.send(
            number,
            basic::GetOk {
                delivery_tag,
                redelivered: *redelivered,
                exchange: message.exchange(),
                routing_key: message.routing_key(),
                message_count: clamp(*remaining),
            },
        );
        self.write_content(number, message);
    }
}

/// An answer came after the end: what it brought goes back.
fn give_back(awaited: Awaited, answer: Answer, requests: &mut Vec<Request>) {
    let Awaited::Method { reply, .. } = awaited else { return };
    match (reply, answer) {
        (Reply::Consume { consumer, .. }, Answer::Consuming { queue, .. }) => {
            requests.push(Request::Unsubscribe { queue, consumer });
        }
        (Reply::ConsumeReplies { .. }, Answer::AwaitingReplies { address }) => {
            requests.push(Request::ForgoReplies { address });
        }
        (Reply::Get { no_ack: false }, Answer::Got { queue, id, .. }) => {
            requests.push(Request::Settle { queue, outcome: Outcome::Requeue, ids: vec![id] });
        }
        _ => {}
    }
}

/// A count as the wire has it, which ends at four thousand million.
fn clamp(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
