//! Delayed messages: held back by their exchange until their time has come, also across a kill.
//! RabbitMQ needs a plugin for it, so these rules are for our own broker.

use std::{
    collections::BTreeMap,
    fs,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use lapin::{
    BasicProperties, Channel, Confirmation, Consumer, ExchangeKind,
    options::{
        BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions, ExchangeDeleteOptions,
        QueueDeclareOptions,
    },
    types::{AMQPValue, FieldTable},
};
use rustix::process::Signal;
use tokio::time::sleep;
use warren_tests::patience::SOON;

use crate::rig::{
    Rig, bind, bodies, body, consume, declare_queue, declare_queue_with, drain, expect_counts,
    next, stays_silent,
};

const DURABLE: ExchangeDeclareOptions = ExchangeDeclareOptions {
    passive: false,
    durable: true,
    auto_delete: false,
    internal: false,
    nowait: false,
};

fn table(name: &str, value: AMQPValue) -> FieldTable {
    let mut table = FieldTable::default();
    table.insert(name.into(), value);
    table
}

async fn declare(channel: &Channel, exchange: &str, inner: &str) {
    let kind = ExchangeKind::Custom("x-delayed-message".into());
    let inner = table("x-delayed-type", AMQPValue::LongString(inner.into()));
    channel.exchange_declare(exchange.into(), kind, DURABLE, inner).await.unwrap();
}

fn delayed(millis: i32) -> BasicProperties {
    let headers = table("x-delay", AMQPValue::LongInt(millis));
    BasicProperties::default().with_delivery_mode(2).with_headers(headers)
}

async fn send(channel: &Channel, exchange: &str, key: &str, body: &str, with: BasicProperties) {
    let how = BasicPublishOptions { mandatory: true, ..Default::default() };
    let sent = channel.basic_publish(exchange.into(), key.into(), how, body.as_bytes(), with);
    let confirmed = sent.await.unwrap().await.unwrap();
    assert!(matches!(confirmed, Confirmation::Ack(None)), "{body}: {confirmed:?}");
}

/// A confirming channel, a delayed direct exchange, and a durable queue bound to it under `k`.
async fn prepare(rig: &Rig) -> (lapin::Connection, Channel, String, String) {
    let (connection, channel) = rig.channel().await;
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    let (exchange, queue) = (rig.name("exchange"), rig.name("queue"));
    declare(&channel, &exchange, "direct").await;
    let durable = QueueDeclareOptions { durable: true, ..Default::default() };
    declare_queue_with(&channel, &queue, durable).await;
    bind(&channel, &queue, &exchange, "k").await;
    (connection, channel, exchange, queue)
}

#[tokio::test]
async fn messages_come_in_the_order_of_their_times() {
    let rig = Rig::start();
    if rig.broker.is_none() {
        return;
    }
    let (_connection, channel, exchange, queue) = prepare(&rig).await;
    let begun = Instant::now();
    for delay in [4_000, 1_000, 3_000, 0, -7] {
        let with = delayed(delay).with_priority(3).with_expiration("60000".into());
        send(&channel, &exchange, "k", &delay.to_string(), with).await;
    }
    let text = table("x-delay", AMQPValue::LongString("2000".into()));
    let with = BasicProperties::default().with_headers(text);
    send(&channel, &exchange, "k", "2000", with).await;
    let mut consumer = consume(&channel, &queue).await;
    assert_eq!(bodies(&mut consumer, 3).await, ["0", "-7", "1000"]);
    assert_eq!(body(&next(&mut consumer).await), "2000");
    let delivery = next(&mut consumer).await;
    assert!(begun.elapsed() >= Duration::from_millis(3_000), "not before its time");
    assert_eq!(body(&delivery), "3000");
    let headers = delivery.properties.headers().as_ref().expect("headers");
    assert_eq!(headers.inner().get("x-delay"), Some(&AMQPValue::LongInt(-3_000)));
    assert_eq!(delivery.properties.priority(), &Some(3));
    assert_eq!((delivery.exchange.as_str(), delivery.routing_key.as_str()), (&*exchange, "k"));
    assert_eq!(body(&next(&mut consumer).await), "4000");
}

#[tokio::test]
async fn bindings_count_when_the_time_has_come() {
    let rig = Rig::start();
    if rig.broker.is_none() {
        return;
    }
    let (_connection, channel, exchange, queue) = prepare(&rig).await;
    let late = rig.name("late");
    send(&channel, &exchange, "k", "message", delayed(2_000)).await;
    declare_queue(&channel, &late).await;
    bind(&channel, &late, &exchange, "k").await;
    let nothing = FieldTable::default();
    let (name, from) = (queue.as_str().into(), exchange.as_str().into());
    channel.queue_unbind(name, from, "k".into(), nothing).await.unwrap();
    let mut consumer = consume(&channel, &late).await;
    assert_eq!(body(&next(&mut consumer).await), "message");
    expect_counts(&channel, &queue, (0, 0)).await;
}

#[tokio::test]
async fn delays_outlive_the_broker() {
    let mut rig = Rig::start_with(&["--log-budget=4MiB", "--max-message-size=400KiB"]);
    if rig.broker.is_none() {
        return;
    }
    let (connection, channel, exchange, queue) = prepare(&rig).await;
    for number in 0..20 {
        send(&channel, &exchange, "k", &number.to_string(), delayed(1 + number)).await;
    }
    expect_counts(&channel, &queue, (20, 0)).await;
    for (body, delay) in [("later", 4_000), ("while it was down", 300), ("much later", 600_000)] {
        send(&channel, &exchange, "k", body, delayed(delay)).await;
    }
    // Log files come and go meanwhile.
    let large = "x".repeat(300 << 10);
    let other = rig.name("other");
    let durable = QueueDeclareOptions { durable: true, ..Default::default() };
    declare_queue_with(&channel, &other, durable).await;
    for _ in 0..60 {
        let with = BasicProperties::default().with_delivery_mode(2);
        send(&channel, "", &other, &large, with).await;
        assert_eq!(drain(&channel, &other).await.len(), 1);
    }
    drop(connection);
    let broker = rig.broker.as_mut().expect("a broker of our own");
    broker.process.signal(Signal::KILL);
    broker.process.wait(SOON);
    sleep(Duration::from_millis(400)).await;
    rig.broker.as_mut().expect("a broker of our own").start_again();

    let (_connection, channel) = rig.channel().await;
    let mut consumer = consume(&channel, &queue).await;
    let numbers: Vec<_> = (0..20).map(|number: i32| number.to_string()).collect();
    assert_eq!(bodies(&mut consumer, 20).await, numbers);
    assert_eq!(bodies(&mut consumer, 2).await, ["while it was down", "later"]);
    stays_silent(&mut consumer).await;
}

/// Milliseconds since 1970, as the broker counts them.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

/// When a message is due at the earliest and at the latest: the broker took it in somewhere between being
/// sent and being confirmed.
type Due = (u64, u64);

/// Publishes so many numbered messages, due in 3 to 6 seconds in no order.
async fn publish_numbered(channel: &Channel, exchange: &str, count: usize) -> BTreeMap<usize, Due> {
    let mut all = BTreeMap::new();
    for first in (0..count).step_by(100) {
        let mut batch = Vec::new();
        for number in first..first + 100 {
            let delay = 3_000 + (number * 7_919 % 3_000) as u64;
            let text = format!("{number:04}{:500}", "");
            let earliest = now() + delay;
            let (how, with) = (BasicPublishOptions::default(), delayed(delay as i32));
            let sent =
                channel.basic_publish(exchange.into(), "k".into(), how, text.as_bytes(), with);
            batch.push((number, delay, earliest, sent.await.unwrap()));
        }
        for (number, delay, earliest, confirm) in batch {
            assert!(matches!(confirm.await.unwrap(), Confirmation::Ack(None)));
            all.insert(number, (earliest, now() + delay));
        }
    }
    all
}

/// Reads numbered messages until everything in `missing` has come, none before its time, in the order of
/// their times; or only so many.
async fn read(consumer: &mut Consumer, missing: &mut BTreeMap<usize, Due>, most: usize) {
    let mut last = 0;
    for _ in 0..most {
        if missing.is_empty() {
            return;
        }
        let number: usize = body(&next(consumer).await)[..4].parse().unwrap();
        // After a crash it may come again.
        let Some((earliest, latest)) = missing.remove(&number) else { continue };
        assert!(earliest <= now() + 1, "{number} is {} ms early", earliest - now());
        assert!(last <= latest + 1, "{number} comes {} ms out of turn", last - latest);
        last = last.max(earliest);
    }
}

#[tokio::test]
async fn what_is_due_late_waits_on_the_disk() {
    let flags = ["--log-budget=4MiB", "--max-message-size=400KiB", "--page-watermark=64KiB"];
    let mut rig = Rig::start_with(&flags);
    let Some(broker) = &rig.broker else { return };
    let pages = broker.data_dir().join("pages");
    let (connection, channel, exchange, queue) = prepare(&rig).await;
    let mut missing = publish_numbered(&channel, &exchange, 4_000).await;
    let on_disk = || -> u64 {
        let files = fs::read_dir(&pages).unwrap().flatten();
        files.map(|file| file.metadata().unwrap().len()).sum()
    };
    let end = Instant::now() + SOON;
    while on_disk() < 1 << 20 {
        assert!(Instant::now() < end, "{} bytes of pages", on_disk());
        sleep(Duration::from_millis(20)).await;
    }
    let mut consumer = consume(&channel, &queue).await;
    read(&mut consumer, &mut missing, 2_000).await;
    drop((consumer, connection));

    let broker = rig.broker.as_mut().expect("a broker of our own");
    broker.process.signal(Signal::KILL);
    broker.process.wait(SOON);
    broker.start_again();
    let (_connection, channel) = rig.channel().await;
    let mut consumer = consume(&channel, &queue).await;
    read(&mut consumer, &mut missing, usize::MAX).await;
}

#[tokio::test]
async fn delayed_messages_go_with_their_exchange_or_their_transaction() {
    let rig = Rig::start();
    if rig.broker.is_none() {
        return;
    }
    let (connection, channel, exchange, queue) = prepare(&rig).await;
    send(&channel, &exchange, "k", "gone", delayed(400)).await;
    let name = exchange.as_str().into();
    channel.exchange_delete(name, ExchangeDeleteOptions::default()).await.unwrap();
    declare(&channel, &exchange, "direct").await;
    bind(&channel, &queue, &exchange, "k").await;
    let transactional = connection.create_channel().await.unwrap();
    transactional.tx_select().await.unwrap();
    for body in ["rolled back", "committed"] {
        let (how, with) = (BasicPublishOptions::default(), delayed(200));
        let (to, key) = (exchange.as_str().into(), "k".into());
        transactional.basic_publish(to, key, how, body.as_bytes(), with).await.unwrap();
        match body {
            "committed" => transactional.tx_commit().await.unwrap(),
            _ => transactional.tx_rollback().await.unwrap(),
        }
    }
    sleep(Duration::from_millis(700)).await;
    assert_eq!(drain(&channel, &queue).await, ["committed"]);
}

#[tokio::test]
async fn the_type_to_route_by_has_to_be_named() {
    let rig = Rig::start();
    if rig.broker.is_none() {
        return;
    }
    let connection = rig.connect().await;
    for arguments in [
        FieldTable::default(),
        table("x-delayed-type", AMQPValue::LongInt(1)),
        table("x-delayed-type", AMQPValue::LongString("x-delayed-message".into())),
    ] {
        let channel = connection.create_channel().await.unwrap();
        let kind = ExchangeKind::Custom("x-delayed-message".into());
        let refused = channel.exchange_declare("odd".into(), kind, DURABLE, arguments).await;
        let error = refused.expect_err("it should be refused").to_string();
        assert!(error.contains("'x-delayed-type' must be an existing exchange type"), "{error}");
    }
}
