//! What survives the broker: durable objects, and every persistent message that was confirmed.

use broker_protocol::{
    Method, encode,
    method::{exchange, queue},
};
use lapin::{
    BasicProperties, Channel, ExchangeKind,
    options::{
        BasicAckOptions, BasicGetOptions, BasicPublishOptions, BasicRejectOptions,
        ConfirmSelectOptions, ExchangeDeclareOptions, QueueDeclareOptions,
    },
    types::{AMQPValue, FieldTable},
};
use rustix::process::Signal;
use warren_tests::patience::SOON;

use crate::rig::{Rig, bind, body, declare_queue, declare_queue_with, drain, get};

const DURABLE: QueueDeclareOptions = QueueDeclareOptions {
    passive: false,
    durable: true,
    exclusive: false,
    auto_delete: false,
    nowait: false,
};

const PASSIVE: QueueDeclareOptions = QueueDeclareOptions { passive: true, ..DURABLE };

/// A channel in confirm mode, with a durable exchange and a durable queue bound to it.
async fn prepare(rig: &Rig) -> (lapin::Connection, Channel, String, String) {
    let (connection, channel) = rig.channel().await;
    let (queue, exchange) = (rig.name("queue"), rig.name("exchange"));
    declare_queue_with(&channel, &queue, DURABLE).await;
    let how = ExchangeDeclareOptions { durable: true, ..Default::default() };
    let (name, kind) = (exchange.as_str().into(), ExchangeKind::Topic);
    channel.exchange_declare(name, kind, how, FieldTable::default()).await.unwrap();
    bind(&channel, &queue, &exchange, "order.#").await;
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    (connection, channel, queue, exchange)
}

/// Publishes persistent messages and waits for their confirms.
async fn publish_confirmed(channel: &Channel, exchange: &str, bodies: impl Iterator<Item = u32>) {
    let mut promises = Vec::new();
    for number in bodies {
        let body = number.to_string();
        let (how, with) = (BasicPublishOptions::default(), BasicProperties::default());
        let (exchange, key) = (exchange.into(), "order.new".into());
        let with = with.with_delivery_mode(2);
        let sent = channel.basic_publish(exchange, key, how, body.as_bytes(), with).await;
        promises.push(sent.unwrap());
    }
    for promise in promises {
        assert!(promise.await.unwrap().is_ack());
    }
}

/// Ends the broker with `signal` and starts it again on the same data.
fn restart(rig: &mut Rig, signal: Signal) {
    let broker = rig.broker.as_mut().expect("a broker of our own");
    broker.process.signal(signal);
    broker.process.wait(SOON);
    broker.start_again();
}

#[tokio::test]
async fn what_was_confirmed_is_there_after_a_kill() {
    let mut rig = Rig::start();
    if rig.broker.is_none() {
        return;
    }
    let (connection, channel, queue, exchange) = prepare(&rig).await;
    let transient = rig.name("transient");
    declare_queue(&channel, &transient).await;
    publish_confirmed(&channel, &exchange, 0..500).await;
    for _ in 0..100 {
        let got = channel.basic_get(queue.as_str().into(), BasicGetOptions::default()).await;
        got.unwrap().expect("a message").delivery.ack(BasicAckOptions::default()).await.unwrap();
    }
    let held = channel.basic_get(queue.as_str().into(), BasicGetOptions::default()).await.unwrap();
    assert!(held.is_some(), "one message is with a consumer when the broker dies");
    // An answered question is proof that the acknowledgements before it were read.
    declare_queue_with(&channel, &queue, PASSIVE).await;
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    restart(&mut rig, Signal::KILL);
    drop(connection);

    let (connection, channel) = rig.channel().await;
    declare_queue_with(&channel, &queue, PASSIVE).await;
    let expected: Vec<_> = (100..500).map(|number: u32| number.to_string()).collect();
    assert_eq!(drain(&channel, &queue).await, expected, "in order, without what was acknowledged");
    let gone = channel.queue_declare(transient.as_str().into(), PASSIVE, FieldTable::default());
    assert!(gone.await.is_err(), "a queue that is not durable is gone");
    let channel = connection.create_channel().await.unwrap();
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    publish_confirmed(&channel, &exchange, 900..901).await;
    assert_eq!(drain(&channel, &queue).await, ["900"], "the exchange and the binding are there");
}

#[tokio::test]
async fn restarts_may_follow_one_another() {
    let mut rig = Rig::start();
    if rig.broker.is_none() {
        return;
    }
    let (connection, channel, queue, exchange) = prepare(&rig).await;
    publish_confirmed(&channel, &exchange, 0..10).await;
    drop((connection, channel));
    for round in 1..4 {
        let signal = if round % 2 == 0 { Signal::KILL } else { Signal::TERM };
        restart(&mut rig, signal);
        let (_connection, channel) = rig.channel().await;
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        publish_confirmed(&channel, &exchange, round * 10..round * 10 + 10).await;
    }
    restart(&mut rig, Signal::KILL);
    let (_connection, channel) = rig.channel().await;
    let expected: Vec<_> = (0..40).map(|number: u32| number.to_string()).collect();
    assert_eq!(drain(&channel, &queue).await, expected);
}

/// Waits until everything that was recorded of `queue` before is on disk.
async fn settle(channel: &Channel, queue: &str, exchange: &str) {
    // What is answered now is done in a later turn of the queue, and what is confirmed is recorded after it.
    declare_queue_with(channel, queue, PASSIVE).await;
    publish_confirmed(channel, exchange, 0..1).await;
}

/// Takes the only message of a queue; how often it has come back, as it says.
async fn take(channel: &Channel, queue: &str) -> (lapin::message::Delivery, i64) {
    let got = channel.basic_get(queue.into(), BasicGetOptions::default()).await.unwrap();
    let delivery = got.expect("a message").delivery;
    let headers = delivery.properties.headers().clone().unwrap_or_default();
    let count = match headers.inner().get("x-delivery-count") {
        None => 0,
        Some(AMQPValue::LongLongInt(count)) => *count,
        other => panic!("{other:?}"),
    };
    (delivery, count)
}

#[tokio::test]
async fn a_message_that_comes_back_too_often_dies_whenever_the_broker_is_killed() {
    let mut rig = Rig::start();
    if rig.broker.is_none() {
        return;
    }
    let (mut connection, mut channel, other, exchange) = prepare(&rig).await;
    let (queue, dead) = (rig.name("limited"), rig.name("dead"));
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(4));
    arguments.insert("x-dead-letter-exchange".into(), AMQPValue::LongString("".into()));
    let key = AMQPValue::LongString(dead.as_str().into());
    arguments.insert("x-dead-letter-routing-key".into(), key);
    channel.queue_declare(queue.as_str().into(), DURABLE, arguments).await.unwrap();
    declare_queue_with(&channel, &dead, DURABLE).await;
    bind(&channel, &queue, &exchange, "poison").await;
    let with = BasicProperties::default().with_delivery_mode(2);
    let (to, how) = (exchange.as_str().into(), BasicPublishOptions::default());
    let sent = channel.basic_publish(to, "poison".into(), how, b"poison", with).await.unwrap();
    assert!(sent.await.unwrap().is_ack());

    // Twice in each life it is handed out; once it comes back, and once the broker is killed with it.
    for before in [0, 2] {
        let (delivery, count) = take(&channel, &queue).await;
        assert_eq!((count, delivery.redelivered), (before, before > 0));
        delivery.reject(BasicRejectOptions { requeue: true }).await.unwrap();
        assert_eq!(take(&channel, &queue).await.1, before + 1);
        settle(&channel, &queue, &exchange).await;
        restart(&mut rig, Signal::KILL);
        drop(connection);
        (connection, channel) = rig.channel().await;
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    }
    // An orderly end counts no other way.
    assert_eq!(take(&channel, &queue).await.1, 4, "the limit");
    settle(&channel, &queue, &exchange).await;
    restart(&mut rig, Signal::TERM);
    drop(connection);
    let (_connection, channel) = rig.channel().await;
    assert!(get(&channel, &queue).await.is_none(), "it has come back five times");
    let buried = get(&channel, &dead).await.expect("it is in its grave");
    assert_eq!(body(&buried), "poison");
    let headers = buried.properties.headers().clone().unwrap_or_default();
    let reason = headers.inner().get("x-last-death-reason");
    assert_eq!(reason, Some(&AMQPValue::LongString("delivery_limit".into())));
    assert_eq!(drain(&channel, &other).await.len(), 3);
}

/// A client need not wait for one answer before it asks for the next thing; each answer says that what it
/// answers survives.
#[test]
fn what_was_declared_in_one_go_is_there_after_a_kill() {
    let mut rig = Rig::start();
    if rig.broker.is_none() {
        return;
    }
    let mut client = rig.client();
    let names: Vec<_> = (0..1_000).map(|number| rig.name(&format!("queue-{number}"))).collect();
    let exchange = rig.name("exchange");
    let kind = exchange::Declare { exchange: &exchange, kind: "fanout", ..Default::default() };
    encode::method(&mut client.output, 1, exchange::Declare { durable: true, ..kind });
    for name in &names {
        let wanted = queue::Declare { queue: name, durable: true, ..Default::default() };
        encode::method(&mut client.output, 1, wanted);
        let binding = queue::Bind { queue: name, exchange: &exchange, ..Default::default() };
        encode::method(&mut client.output, 1, binding);
    }
    client.flush().unwrap();
    client.wait_for(1, "exchange.declare-ok").unwrap();
    for name in &names {
        let declared = client.wait(1, |method| match method {
            Method::QueueDeclareOk(declared) => Some(declared.queue == *name),
            _ => None,
        });
        assert!(declared.unwrap(), "answers come in the order of the questions");
        client.wait_for(1, "queue.bind-ok").unwrap();
    }
    restart(&mut rig, Signal::KILL);

    let mut client = rig.client();
    let nobody = exchange::Delete { exchange: &exchange, if_unused: true, ..Default::default() };
    for name in &names {
        let wanted = queue::Declare { queue: name, passive: true, ..Default::default() };
        encode::method(&mut client.output, 1, wanted);
    }
    client.flush().unwrap();
    for _ in &names {
        client.wait_for(1, "queue.declare-ok").unwrap();
    }
    client.send(1, nobody).unwrap();
    client.wait_for(1, "exchange.delete-ok").expect_err("it is bound");
}
