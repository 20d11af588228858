//! What comes before what, where clients rely on it: their own suites found these.

use std::time::{Duration, Instant};

use broker_protocol::{
    Method, Properties, content, encode,
    method::{basic, confirm, connection, exchange, queue},
};
use bytes::BytesMut;
use warren_tests::{client::Client, patience::SOON};

use crate::rig::Rig;

/// Appends a publish of an empty body on channel 1.
fn publish(out: &mut BytesMut, exchange: &str, routing_key: &str) {
    encode::method(out, 1, basic::Publish { exchange, routing_key, ..Default::default() });
    let mut header = BytesMut::new();
    content::encode(&mut header, 0, &Properties::default());
    encode::header(out, 1, &header);
}

fn declare(client: &mut Client, name: &str) {
    client.send(1, queue::Declare { queue: name, ..Default::default() }).unwrap();
    client.wait_for(1, "queue.declare-ok").unwrap();
}

fn consume(client: &mut Client, queue: &str, no_ack: bool) {
    let consume = basic::Consume { queue, consumer_tag: queue, no_ack, ..Default::default() };
    client.send(1, consume).unwrap();
    client.wait_for(1, "basic.consume-ok").unwrap();
}

/// The names of the methods that come on channel 1, up to and with `last`.
fn methods_until(client: &mut Client, last: &str) -> Vec<&'static str> {
    let mut names = Vec::new();
    while names.last() != Some(&last) {
        names.push(client.wait(1, |method| Some(method.name())).unwrap());
    }
    names
}

#[test]
fn what_was_published_before_a_cancellation_is_delivered_before_its_answer() {
    let rig = Rig::start();
    let (mut client, queue) = (rig.client(), rig.name("queue"));
    declare(&mut client, &queue);
    consume(&mut client, &queue, true);
    for _ in 0..10 {
        publish(&mut client.output, "", &queue);
    }
    client.send(1, basic::Cancel { consumer_tag: &queue, no_wait: false }).unwrap();
    let mut expected = vec!["basic.deliver"; 10];
    expected.push("basic.cancel-ok");
    assert_eq!(methods_until(&mut client, "basic.cancel-ok"), expected);
}

#[test]
fn a_deletion_is_answered_before_the_consumers_on_its_channel_end() {
    let rig = Rig::start();
    let queue = rig.name("queue");
    let mut client = rig.client_that_hears_of_cancellations();
    declare(&mut client, &queue);
    consume(&mut client, &queue, false);
    client.send(1, queue::Delete { queue: &queue, ..Default::default() }).unwrap();
    assert_eq!(methods_until(&mut client, "basic.cancel"), ["queue.delete-ok", "basic.cancel"]);
}

#[test]
fn a_refused_publish_closes_before_what_follows_is_answered() {
    let rig = Rig::start();
    let (mut client, name) = (rig.client(), rig.name("internal"));
    let declare =
        exchange::Declare { exchange: &name, kind: "direct", internal: true, ..Default::default() };
    client.send(1, declare).unwrap();
    client.wait_for(1, "exchange.declare-ok").unwrap();
    publish(&mut client.output, &name, "");
    client.send(1, basic::Qos::default()).unwrap();
    let error = format!("{:#}", client.wait_for(1, "basic.qos-ok").unwrap_err());
    assert!(error.contains("403 ACCESS_REFUSED - cannot publish to internal exchange"), "{error}");
}

#[test]
fn what_need_not_be_acknowledged_waits_for_the_limit_of_its_channel() {
    let rig = Rig::start();
    let (mut client, counted, free) = (rig.client(), rig.name("counted"), rig.name("free"));
    declare(&mut client, &counted);
    declare(&mut client, &free);
    client.send(1, basic::Qos { prefetch_size: 0, prefetch_count: 1, global: true }).unwrap();
    client.wait_for(1, "basic.qos-ok").unwrap();
    consume(&mut client, &counted, false);
    publish(&mut client.output, "", &counted);
    client.flush().unwrap();
    let deliver = |method: &Method<'_>| match method {
        Method::BasicDeliver(deliver) => Some(deliver.consumer_tag.to_owned()),
        _ => None,
    };
    assert_eq!(client.wait(1, deliver).unwrap(), counted);
    consume(&mut client, &free, true);
    publish(&mut client.output, "", &free);
    client.send(1, basic::Get { queue: &counted, no_ack: true }).unwrap();
    assert_eq!(methods_until(&mut client, "basic.get-empty"), ["basic.get-empty"]);
    client.send(1, basic::Ack { delivery_tag: 1, multiple: false }).unwrap();
    assert_eq!(client.wait(1, deliver).unwrap(), free);
}

#[test]
fn names_lose_their_line_ends() {
    let rig = Rig::start();
    let (mut client, name) = (rig.client(), rig.name("queue"));
    declare(&mut client, &format!("\r\n{name}\n"));
    let passive = queue::Declare { queue: &name, passive: true, ..Default::default() };
    client.send(1, passive).unwrap();
    client.wait_for(1, "queue.declare-ok").unwrap();
    client.send(1, queue::Delete { queue: &name, ..Default::default() }).unwrap();
    client.wait_for(1, "queue.delete-ok").unwrap();
}

#[test]
fn a_new_secret_is_taken_note_of() {
    let rig = Rig::start();
    let mut client = rig.client();
    client.send(0, connection::UpdateSecret { new_secret: b"new", reason: "why not" }).unwrap();
    client.wait_for(0, "connection.update-secret-ok").unwrap();
}

#[test]
fn a_publish_that_is_confirmed_alone_is_confirmed_by_itself() {
    let rig = Rig::start();
    let (mut client, queue) = (rig.client(), rig.name("queue"));
    declare(&mut client, &queue);
    client.send(1, confirm::Select { no_wait: false }).unwrap();
    client.wait_for(1, "confirm.select-ok").unwrap();
    for tag in 1..=3 {
        publish(&mut client.output, "", &queue);
        client.flush().unwrap();
        let ack = |method: &Method<'_>| match method {
            Method::BasicAck(ack) => Some((ack.delivery_tag, ack.multiple)),
            _ => None,
        };
        assert_eq!(client.wait(1, ack).unwrap(), (tag, false));
    }
}

#[test]
fn who_declares_without_end_hears_of_deliveries() {
    let rig = Rig::start();
    let (queue, exchange) = (rig.name("queue"), rig.name("exchange"));
    let (mut client, mut publisher) = (rig.client(), rig.client());
    declare(&mut client, &queue);
    consume(&mut client, &queue, true);
    let kind = exchange::Declare { exchange: &exchange, kind: "fanout", ..Default::default() };
    let declared = exchange::Declare { durable: true, no_wait: true, ..kind };
    let deleted = exchange::Delete { exchange: &exchange, no_wait: true, ..Default::default() };
    let (begun, mut is_published) = (Instant::now(), false);
    while begun.elapsed() < SOON {
        for _ in 0..50 {
            encode::method(&mut client.output, 1, declared.clone());
            encode::method(&mut client.output, 1, deleted.clone());
        }
        client.flush().unwrap();
        if !std::mem::replace(&mut is_published, true) {
            publish(&mut publisher.output, "", &queue);
            publisher.flush().unwrap();
        }
        if client.is_readable(Duration::ZERO).unwrap() {
            assert_eq!(methods_until(&mut client, "basic.deliver"), ["basic.deliver"]);
            return;
        }
    }
    panic!("nothing came while it declared");
}
