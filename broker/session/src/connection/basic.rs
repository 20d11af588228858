//! Methods of the class `basic`: consuming, getting and acknowledging.

use broker_core::id::ConsumerId;
use broker_core::queue::Subscription;
use broker_protocol::method::{Method, basic};
use broker_protocol::reply::ReplyCode;
use broker_protocol::table::{FieldTable, Value};

use crate::channel::Channel;
use crate::channel::unacked::{Held, Unacked};
use crate::connection::Connection;
use crate::connection::answers::Reply;
use crate::connection::closing::{gather, requeue};
use crate::connection::delivery::Consumer;
use crate::connection::tags;
use crate::connection::topology::unimplemented_method;
use crate::fault::Fault;
use crate::request::{Outcome, REPLY_TO, Request};

/// Bits of a consumer's id that number it within its connection.
const CONSUMER_BITS: u32 = 32;

// === impl Connection ===

impl Connection {
    pub(super) fn basic_method(
        &mut self,
        number: u16,
        method: Method<'_>,
        requests: &mut Vec<Request>,
    ) -> Result<(), Fault> {
        match method {
            Method::BasicPublish(publish) => self.basic_publish(number, &publish),
            Method::BasicAck(ack) => {
                self.settle(number, ack.delivery_tag, ack.multiple, Outcome::Ack, requests)
            }
            Method::BasicNack(nack) => {
                let outcome = refused(nack.requeue);
                self.settle(number, nack.delivery_tag, nack.multiple, outcome, requests)
            }
            Method::BasicReject(reject) => {
                let outcome = refused(reject.requeue);
                self.settle(number, reject.delivery_tag, false, outcome, requests)
            }
            Method::BasicQos(qos) => self.qos(number, &qos, requests),
            Method::BasicConsume(consume) => self.consume(number, consume, requests),
            Method::BasicCancel(cancel) => {
                self.cancel(number, &cancel, requests);
                Ok(())
            }
            Method::BasicCancelOk(_) => Ok(()),
            Method::BasicGet(get) => {
                let queue = self.queue_or_last(number, get.queue)?;
                let request = Request::Get { queue, no_ack: get.no_ack };
                self.ask(number, (60, 70), Reply::Get { no_ack: get.no_ack }, request, requests);
                Ok(())
            }
            Method::BasicRecover(recover) => {
                self.recover(number, recover.requeue, requests)?;
                self.send(number, basic::RecoverOk {});
                Ok(())
            }
            Method::BasicRecoverAsync(recover) => self.recover(number, recover.requeue, requests),
            method => Err(unimplemented_method(&method)),
        }
    }

    /// Acknowledges or refuses deliveries.
    #[inline]
    fn settle(
        &mut self,
        number: u16,
        tag: u64,
        multiple: bool,
        outcome: Outcome,
        requests: &mut Vec<Request>,
    ) -> Result<(), Fault> {
        let Some(channel) = self.channels.get_mut(&number) else { return Ok(()) };
        let Channel { unacked, transaction, got, .. } = &mut **channel;
        let known = match transaction {
            None => {
                let settling = &mut self.settling;
                let take = |_, held: Held| {
                    *got -= usize::from(held.got);
                    gather(settling, held.queue, outcome, held.id);
                };
                take_acknowledged(unacked, tag, multiple, take)
            }
            Some(transaction) => take_acknowledged(unacked, tag, multiple, |tag, held| {
                transaction.settlements.push((tag, held, outcome));
            }),
        };
        if !known {
            let detail = format_args!("unknown delivery tag {tag}");
            return Err(Fault::channel(ReplyCode::PreconditionFailed, detail));
        }
        if !channel.held.is_empty() {
            self.release_held(number, requests);
        }
        Ok(())
    }

    fn recover(
        &mut self,
        number: u16,
        to_anyone: bool,
        requests: &mut Vec<Request>,
    ) -> Result<(), Fault> {
        if !to_anyone {
            return Err(Fault::connection(ReplyCode::NotImplemented, "requeue=false"));
        }
        self.forgo_held(number);
        if let Some(channel) = self.channels.get_mut(&number) {
            requeue(channel, &mut self.settling);
        }
        self.flush_settling(requests);
        Ok(())
    }

    fn qos(
        &mut self,
        number: u16,
        qos: &basic::Qos,
        requests: &mut Vec<Request>,
    ) -> Result<(), Fault> {
        if qos.prefetch_size != 0 {
            return Err(Fault::connection(
                ReplyCode::NotImplemented,
                format_args!("prefetch_size!=0 ({})", qos.prefetch_size),
            ));
        }
        if qos.global {
            self.share_prefetch(number, qos.prefetch_count.into(), requests);
        } else if let Some(channel) = self.channel(number) {
            channel.prefetch = qos.prefetch_count.into();
        }
        self.send(number, basic::QosOk {});
        self.release_held(number, requests);
        Ok(())
    }

    /// Sets a channel's shared prefetch, which its present consumers' queues have to know.
    fn share_prefetch(&mut self, number: u16, shared: u32, requests: &mut Vec<Request>) {
        let Some(channel) = self.channels.get_mut(&number) else { return };
        channel.shared_prefetch = shared;
        for id in channel.consumers.values() {
            let limited = |consumer: &&Consumer| !consumer.no_ack || consumer.limited;
            let Some(consumer) = self.consumers.get(id).filter(limited) else { continue };
            let prefetch = channel.prefetch_of(consumer.prefetch);
            let (queue, consumer) = (consumer.queue, *id);
            requests.push(Request::SetPrefetch { queue, consumer, prefetch });
        }
    }

    fn consume(
        &mut self,
        number: u16,
        consume: basic::Consume<'_>,
        requests: &mut Vec<Request>,
    ) -> Result<(), Fault> {
        let queue = self.queue_or_last(number, consume.queue)?;
        let consumer = self.next_consumer()?;
        let tag: Box<str> = match consume.consumer_tag {
            "" => tags::fresh(consumer),
            tag => tag.into(),
        };
        let Some(channel) = self.channels.get_mut(&number) else { return Ok(()) };
        if channel.consumers.contains_key(&tag) {
            let detail = format_args!("attempt to reuse consumer tag '{tag}'");
            return Err(Fault::connection(ReplyCode::NotAllowed, detail));
        }
        if *queue == *REPLY_TO {
            return self.consume_replies(number, &consume, (consumer, tag), requests);
        }
        let priority = priority(&consume.arguments, (&queue, &self.vhost))?;
        let subscription = Subscription {
            consumer,
            connection: self.id,
            no_ack: consume.no_ack && !channel.limits(consume.no_ack),
            exclusive: consume.exclusive,
            prefetch: match consume.no_ack {
                true => channel.shared_prefetch,
                false => channel.prefetch_of(channel.prefetch),
            },
            priority,
            window: self.settings.window,
        };
        let timeout = timeout(&consume.arguments)?;
        let (no_ack, no_wait) = (consume.no_ack, consume.no_wait);
        let reply = Reply::Consume { consumer, tag, no_ack, no_wait, timeout };
        let request = Request::Consume {
            queue,
            subscription: Box::new(subscription),
            arguments: consume.arguments,
        };
        self.ask(number, (60, 20), reply, request, requests);
        Ok(())
    }

    /// The id of a consumer to be, unless there are too many or the connection has used up its ids.
    fn next_consumer(&mut self) -> Result<ConsumerId, Fault> {
        let limit = self.settings.max_consumers;
        if self.consumers.len() >= limit || self.consumers_made >> CONSUMER_BITS > 0 {
            let detail = format_args!("number of consumers has reached the limit ({limit})");
            return Err(Fault::connection(ReplyCode::ResourceError, detail));
        }
        self.consumers_made += 1;
        Ok(ConsumerId(self.id.0 << CONSUMER_BITS | self.consumers_made))
    }

    /// What the queue handed out before still comes, and is not lost to a consumer that need not
    /// acknowledge it: the answer waits for the queue.
    fn cancel(&mut self, number: u16, cancel: &basic::Cancel<'_>, requests: &mut Vec<Request>) {
        let (tag, no_wait) = (cancel.consumer_tag, cancel.no_wait);
        let known = self.channel(number).and_then(|c| c.consumers.get(tag).copied());
        let queue =
            known.and_then(|consumer| Some((consumer, self.consumers.get(&consumer)?.queue)));
        if let Some((consumer, queue)) = queue {
            let reply = Reply::Cancelled { consumer, tag: tag.into(), no_wait };
            let request = Request::Cancel { queue, consumer };
            return self.ask(number, (60, 30), reply, request, requests);
        }
        if let Some(consumer) = self.channel(number).and_then(|c| c.consumers.remove(tag)) {
            self.forgo_replies(number, |replies| replies == consumer, requests);
        }
        if !no_wait {
            self.send(number, basic::CancelOk { consumer_tag: tag });
        }
    }

    /// The consumer's queue has let it go: puts back what was held from it.
    pub(super) fn cancelled_by_client(
        &mut self,
        number: u16,
        consumer: ConsumerId,
        tag: &str,
        no_wait: bool,
        requests: &mut Vec<Request>,
    ) {
        self.consumers.remove(&consumer);
        if let Some(channel) = self.channels.get_mut(&number) {
            channel.consumers.remove(tag);
            let settling = &mut self.settling;
            channel.held.retain(|delivery| {
                let keep = delivery.consumer != consumer;
                if !keep {
                    gather(settling, delivery.queue, Outcome::Requeue, delivery.id);
                }
                keep
            });
        }
        self.flush_settling(requests);
        if !no_wait {
            self.send(number, basic::CancelOk { consumer_tag: tag });
        }
    }
}

/// Takes what an acknowledgement speaks of; whether there was such a thing.
#[inline]
fn take_acknowledged(
    unacked: &mut Unacked,
    tag: u64,
    multiple: bool,
    mut taken: impl FnMut(u64, Held),
) -> bool {
    match (tag, multiple) {
        (0, true) => {
            unacked.take_all(taken);
            true
        }
        (_, true) => unacked.take_up_to(tag, taken),
        (_, false) => unacked.take(tag).map(|held| taken(tag, held)).is_some(),
    }
}

fn refused(requeue: bool) -> Outcome {
    if requeue { Outcome::Requeue } else { Outcome::Reject }
}

/// The consumer's priority, from `x-priority`.
///
/// # Errors
///
/// What a consumer of `queue` cannot be, in RabbitMQ's words.
fn priority(arguments: &FieldTable, (queue, vhost): (&str, &str)) -> Result<i32, Fault> {
    let refused = |name, reason: String| {
        let detail =
            format_args!("invalid arg '{name}' for queue '{queue}' in vhost '{vhost}': {reason}");
        Fault::channel(ReplyCode::PreconditionFailed, detail)
    };
    let failover = "x-cancel-on-ha-failover";
    if let Some(value) = arguments.get(failover).filter(|value| !matches!(value, Value::Bool(_))) {
        let reason = format!("{{unacceptable_type,{}}}", value.type_name());
        return Err(refused(failover, reason));
    }
    let Some(value) = arguments.get("x-priority") else { return Ok(0) };
    let Some(number) = value.as_i64() else {
        let reason = format!("\"expected integer, got {}\"", value.type_name());
        return Err(refused("x-priority", reason));
    };
    // Beyond a certain height it makes no difference.
    Ok(number.clamp(i32::MIN.into(), i32::MAX.into()) as i32)
}

/// How long the consumer lets itself keep a delivery, in ms, from `x-consumer-timeout`; 0 is for ever.
fn timeout(arguments: &FieldTable) -> Result<Option<u64>, Fault> {
    match arguments.get("x-consumer-timeout") {
        None => Ok(None),
        Some(value) => {
            let number = value.as_i64().and_then(|number| u64::try_from(number).ok());
            let timeout = number.ok_or_else(|| {
                let detail = format_args!("invalid arg 'x-consumer-timeout': {}", shown(value));
                Fault::channel(ReplyCode::PreconditionFailed, detail)
            })?;
            Ok((timeout > 0).then_some(timeout))
        }
    }
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.type_name().to_owned(), str::to_owned)
}
