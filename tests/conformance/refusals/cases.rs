//! What a client does to be refused; each leaves the broker's answer unread.

use broker_protocol::{
    FieldTable, Method, Properties, Value, content, encode,
    method::{basic, channel, exchange, queue},
};
use bytes::BytesMut;
use warren_tests::client::Client;

/// A durable queue and a durable direct exchange, which are there.
pub(crate) struct Names {
    pub(crate) queue: String,
    pub(crate) exchange: String,
}

// === impl Names ===

impl Names {
    fn no_queue(&self) -> String {
        format!("{}-none", self.queue)
    }

    fn no_exchange(&self) -> String {
        format!("{}-none", self.exchange)
    }
}

fn send<'a>(client: &mut Client, method: impl Into<Method<'a>>) {
    client.send(1, method).expect("the broker reads");
}

fn ask<'a>(client: &mut Client, method: impl Into<Method<'a>>, answer: &str) {
    send(client, method);
    client.wait_for(1, answer).expect("an answer");
}

fn publish(client: &mut Client, publish: basic::Publish<'_>) {
    let mut header = BytesMut::new();
    content::encode(&mut header, 4, &Properties::default());
    encode::method(&mut client.output, 1, publish);
    encode::header(&mut client.output, 1, &header);
    encode::body(&mut client.output, 1, b"body", 4096);
    client.flush().expect("the broker reads");
}

fn queue(names: &Names) -> queue::Declare<'_> {
    queue::Declare { queue: &names.queue, durable: true, ..Default::default() }
}

fn direct(name: &str) -> exchange::Declare<'_> {
    exchange::Declare { exchange: name, kind: "direct", durable: true, ..Default::default() }
}

fn ttl(value: impl Into<Value>) -> FieldTable {
    [("x-message-ttl", value.into())].into_iter().collect()
}

/// Declares both objects.
pub(crate) fn prepare(client: &mut Client, names: &Names) {
    ask(client, queue(names), "queue.declare-ok");
    ask(client, direct(&names.exchange), "exchange.declare-ok");
}

/// Deletes what the rules left behind.
pub(crate) fn clean_up(client: &mut Client, names: &Names) {
    ask(client, queue::Delete { queue: &names.queue, ..Default::default() }, "queue.delete-ok");
    for exchange in [names.exchange.clone(), format!("{}-internal", names.exchange)] {
        let delete = exchange::Delete { exchange: &exchange, ..Default::default() };
        ask(client, delete, "exchange.delete-ok");
    }
}

pub(crate) fn passive_declare_of_nothing(client: &mut Client, names: &Names) {
    let queue = &names.no_queue();
    send(client, queue::Declare { queue, passive: true, ..Default::default() });
}

pub(crate) fn declare_transient(client: &mut Client, names: &Names) {
    send(client, queue::Declare { durable: false, ..queue(names) });
}

pub(crate) fn declare_auto_delete(client: &mut Client, names: &Names) {
    send(client, queue::Declare { auto_delete: true, ..queue(names) });
}

pub(crate) fn declare_with_ttl(client: &mut Client, names: &Names) {
    send(client, queue::Declare { arguments: ttl(Value::I32(1000)), ..queue(names) });
}

pub(crate) fn declare_with_bad_ttl(client: &mut Client, names: &Names) {
    let name = format!("{}-ttl", names.queue);
    let arguments = ttl(Value::String(b"soon".as_slice().into()));
    send(client, queue::Declare { queue: &name, arguments, ..queue(names) });
}

pub(crate) fn declare_reserved_queue(client: &mut Client, _names: &Names) {
    send(client, queue::Declare { queue: "amq.mine", ..Default::default() });
}

pub(crate) fn consume_from_nothing(client: &mut Client, names: &Names) {
    send(client, basic::Consume { queue: &names.no_queue(), ..Default::default() });
}

pub(crate) fn get_from_nothing(client: &mut Client, names: &Names) {
    send(client, basic::Get { queue: &names.no_queue(), ..Default::default() });
}

pub(crate) fn purge_nothing(client: &mut Client, names: &Names) {
    send(client, queue::Purge { queue: &names.no_queue(), ..Default::default() });
}

pub(crate) fn delete_if_empty(client: &mut Client, names: &Names) {
    publish(client, basic::Publish { routing_key: &names.queue, ..Default::default() });
    send(client, queue::Delete { queue: &names.queue, if_empty: true, ..Default::default() });
}

pub(crate) fn delete_if_unused(client: &mut Client, names: &Names) {
    ask(client, basic::Consume { queue: &names.queue, ..Default::default() }, "basic.consume-ok");
    send(client, queue::Delete { queue: &names.queue, if_unused: true, ..Default::default() });
}

pub(crate) fn consume_beside_exclusive(client: &mut Client, names: &Names) {
    let consume = basic::Consume { queue: &names.queue, ..Default::default() };
    ask(client, basic::Consume { exclusive: true, ..consume.clone() }, "basic.consume-ok");
    send(client, consume);
}

pub(crate) fn declare_other_type(client: &mut Client, names: &Names) {
    send(client, exchange::Declare { kind: "fanout", ..direct(&names.exchange) });
}

pub(crate) fn declare_reserved_exchange(client: &mut Client, _names: &Names) {
    send(client, direct("amq.mine"));
}

pub(crate) fn passive_declare_of_no_exchange(client: &mut Client, names: &Names) {
    send(client, exchange::Declare { passive: true, ..direct(&names.no_exchange()) });
}

pub(crate) fn declare_default_exchange(client: &mut Client, _names: &Names) {
    send(client, direct(""));
}

pub(crate) fn bind_default_exchange(client: &mut Client, names: &Names) {
    let (queue, routing_key) = (names.queue.as_str(), "key");
    send(client, queue::Bind { queue, routing_key, ..Default::default() });
}

pub(crate) fn bind_to_no_exchange(client: &mut Client, names: &Names) {
    let (queue, exchange) = (names.queue.as_str(), &names.no_exchange());
    send(client, queue::Bind { queue, exchange, ..Default::default() });
}

pub(crate) fn bind_no_queue(client: &mut Client, names: &Names) {
    let (queue, exchange) = (&names.no_queue(), names.exchange.as_str());
    send(client, queue::Bind { queue, exchange, ..Default::default() });
}

pub(crate) fn delete_bound_exchange(client: &mut Client, names: &Names) {
    let (queue, exchange) = (names.queue.as_str(), names.exchange.as_str());
    ask(client, queue::Bind { queue, exchange, ..Default::default() }, "queue.bind-ok");
    send(client, exchange::Delete { exchange, if_unused: true, ..Default::default() });
}

pub(crate) fn publish_to_no_exchange(client: &mut Client, names: &Names) {
    publish(client, basic::Publish { exchange: &names.no_exchange(), ..Default::default() });
}

pub(crate) fn publish_to_internal(client: &mut Client, names: &Names) {
    let exchange = &format!("{}-internal", names.exchange);
    let declare = exchange::Declare { internal: true, ..direct(exchange) };
    ask(client, declare, "exchange.declare-ok");
    publish(client, basic::Publish { exchange, ..Default::default() });
}

pub(crate) fn ack_nothing(client: &mut Client, _names: &Names) {
    send(client, basic::Ack { delivery_tag: 7, multiple: false });
}

pub(crate) fn ack_twice(client: &mut Client, names: &Names) {
    publish(client, basic::Publish { routing_key: &names.queue, ..Default::default() });
    ask(client, basic::Get { queue: &names.queue, no_ack: false }, "basic.get-ok");
    send(client, basic::Ack { delivery_tag: 1, multiple: false });
    send(client, basic::Ack { delivery_tag: 1, multiple: false });
}

pub(crate) fn open_twice(client: &mut Client, _names: &Names) {
    send(client, channel::Open {});
}

pub(crate) fn use_closed_channel(client: &mut Client, _names: &Names) {
    client.send(9, basic::Qos::default()).expect("the broker reads");
}

pub(crate) fn reuse_consumer_tag(client: &mut Client, names: &Names) {
    let (queue, consumer_tag) = (names.queue.as_str(), "twice");
    let consume = basic::Consume { queue, consumer_tag, ..Default::default() };
    ask(client, consume.clone(), "basic.consume-ok");
    send(client, consume);
}

pub(crate) fn prefetch_bytes(client: &mut Client, _names: &Names) {
    send(client, basic::Qos { prefetch_size: 10, ..Default::default() });
}

pub(crate) fn publish_immediate(client: &mut Client, names: &Names) {
    let (routing_key, immediate) = (names.queue.as_str(), true);
    publish(client, basic::Publish { routing_key, immediate, ..Default::default() });
}

pub(crate) fn recover_in_place(client: &mut Client, _names: &Names) {
    send(client, basic::Recover { requeue: false });
}

pub(crate) fn method_instead_of_content(client: &mut Client, names: &Names) {
    send(client, basic::Publish { routing_key: &names.queue, ..Default::default() });
    send(client, basic::Qos::default());
}

pub(crate) fn bad_frame_end(client: &mut Client, _names: &Names) {
    encode::method(&mut client.output, 1, basic::Qos::default());
    let last = client.output.len() - 1;
    client.output[last] = 0;
    client.flush().expect("the broker reads");
}

const REPLY_TO: &str = "amq.rabbitmq.reply-to";
const ADDRESS: &str = "amq.rabbitmq.reply-to.guess";

fn replies(no_ack: bool) -> basic::Consume<'static> {
    basic::Consume { queue: REPLY_TO, no_ack, ..Default::default() }
}

pub(crate) fn consume_replies_with_ack(client: &mut Client, _names: &Names) {
    send(client, replies(false));
}

pub(crate) fn consume_replies_twice(client: &mut Client, _names: &Names) {
    ask(client, replies(true), "basic.consume-ok");
    send(client, replies(true));
}

pub(crate) fn request_without_waiting(client: &mut Client, names: &Names) {
    let properties = Properties { reply_to: Some(REPLY_TO), ..Properties::default() };
    let publish = basic::Publish { routing_key: &names.queue, ..Default::default() };
    encode::PublishTemplate::new(1, 4096, publish, &properties).write(&mut client.output, b"call");
    client.flush().expect("the broker reads");
}

pub(crate) fn declare_an_address(client: &mut Client, _names: &Names) {
    send(client, queue::Declare { queue: ADDRESS, ..Default::default() });
}

pub(crate) fn consume_from_an_address(client: &mut Client, _names: &Names) {
    send(client, basic::Consume { queue: ADDRESS, no_ack: true, ..Default::default() });
}
