//! Duplicates: told by a key, confirmed, and handed out once; also after a kill and long after the
//! first was consumed. RabbitMQ needs a plugin for part of it, so these rules are for our own broker.

use lapin::{
    BasicProperties, Channel, Confirmation, ExchangeKind,
    options::{
        BasicPublishOptions, BasicRejectOptions, ConfirmSelectOptions, ExchangeDeclareOptions,
        QueueDeclareOptions,
    },
    types::{AMQPValue, FieldTable},
};
use rustix::process::Signal;
use warren_tests::patience::SOON;

use crate::rig::{Rig, bind, body, consume, declare_queue, drain, next};

const DURABLE: QueueDeclareOptions = QueueDeclareOptions {
    passive: false,
    durable: true,
    exclusive: false,
    auto_delete: false,
    nowait: false,
};

fn table(fields: &[(&str, AMQPValue)]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in fields {
        table.insert((*name).into(), value.clone());
    }
    table
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

const ON: (&str, AMQPValue) = ("x-message-deduplication", AMQPValue::Boolean(true));

async fn declare(channel: &Channel, queue: &str, arguments: &[(&str, AMQPValue)]) {
    channel.queue_declare(queue.into(), DURABLE, table(arguments)).await.unwrap();
}

/// A persistent message with this header.
fn message(header: &str, key: &str) -> BasicProperties {
    BasicProperties::default().with_delivery_mode(2).with_headers(table(&[(header, text(key))]))
}

async fn send(channel: &Channel, to: (&str, &str), body: &str, with: BasicProperties) {
    let how = BasicPublishOptions { mandatory: true, ..Default::default() };
    let (exchange, key) = (to.0.into(), to.1.into());
    let sent = channel.basic_publish(exchange, key, how, body.as_bytes(), with).await.unwrap();
    let confirmed = sent.await.unwrap();
    assert!(matches!(confirmed, Confirmation::Ack(None)), "{body}: {confirmed:?}");
}

async fn confirming(rig: &Rig) -> (lapin::Connection, Channel) {
    let (connection, channel) = rig.channel().await;
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    (connection, channel)
}

fn kill(rig: &mut Rig) {
    let broker = rig.broker.as_mut().expect("a broker of our own");
    broker.process.signal(Signal::KILL);
    broker.process.wait(SOON);
    broker.start_again();
}

#[tokio::test]
async fn a_key_is_known_after_its_message_was_consumed_and_the_broker_killed() {
    let mut rig = Rig::start();
    if rig.broker.is_none() {
        return;
    }
    let queue = rig.name("queue");
    let to = ("", queue.as_str());
    let header = "x-deduplication-header";
    let (connection, channel) = confirming(&rig).await;
    declare(&channel, &queue, &[ON]).await;
    send(&channel, to, "first", message(header, "a")).await;
    send(&channel, to, "again", message(header, "a")).await;
    assert_eq!(drain(&channel, &queue).await, ["first"]);
    send(&channel, to, "after it was consumed", message(header, "a")).await;
    send(&channel, to, "waits", message(header, "b")).await;
    drop(connection);
    kill(&mut rig);
    let (_connection, channel) = confirming(&rig).await;
    for key in ["a", "b"] {
        send(&channel, to, "after the kill", message(header, key)).await;
    }
    send(&channel, to, "new", message(header, "c")).await;
    assert_eq!(drain(&channel, &queue).await, ["waits", "new"]);
}

#[tokio::test]
async fn keys_outlive_the_log_files_they_were_written_to() {
    let mut rig = Rig::start_with(&["--log-budget=4MiB", "--max-message-size=400KiB"]);
    if rig.broker.is_none() {
        return;
    }
    let (queue, other) = (rig.name("queue"), rig.name("other"));
    let (connection, channel) = confirming(&rig).await;
    declare(&channel, &queue, &[ON]).await;
    declare(&channel, &other, &[]).await;
    let header = "x-deduplication-header";
    for number in 0..50 {
        send(&channel, ("", &queue), "body", message(header, &number.to_string())).await;
    }
    assert_eq!(drain(&channel, &queue).await.len(), 50);
    // Several log files' worth, consumed at once.
    let large = "x".repeat(300 << 10);
    for _ in 0..80 {
        let with = BasicProperties::default().with_delivery_mode(2);
        send(&channel, ("", &other), &large, with).await;
        assert_eq!(drain(&channel, &other).await.len(), 1);
    }
    drop(connection);
    kill(&mut rig);
    let (_connection, channel) = confirming(&rig).await;
    for number in 0..50 {
        send(&channel, ("", &queue), "again", message(header, &number.to_string())).await;
    }
    assert_eq!(drain(&channel, &queue).await, [""; 0]);
}

#[tokio::test]
async fn a_business_id_can_be_the_key() {
    let rig = Rig::start();
    if rig.broker.is_none() {
        return;
    }
    let queue = rig.name("queue");
    let (_connection, channel) = confirming(&rig).await;
    let window = ("x-cache-size", AMQPValue::LongInt(2));
    declare(&channel, &queue, &[ON, ("x-deduplication-key", text("bizId")), window]).await;
    for (key, body) in [("7", "one"), ("8", "two"), ("7", "again"), ("9", "three"), ("7", "old")] {
        send(&channel, ("", &queue), body, message("bizId", key)).await;
    }
    for body in ["plain", "plain"] {
        send(&channel, ("", &queue), body, BasicProperties::default()).await;
    }
    let expected = ["one", "two", "three", "old", "plain", "plain"];
    assert_eq!(drain(&channel, &queue).await, expected, "two keys are remembered");
}

#[tokio::test]
async fn an_exchange_tells_duplicates_for_all_its_queues() {
    let mut rig = Rig::start();
    if rig.broker.is_none() {
        return;
    }
    let (exchange, first, second) = (rig.name("exchange"), rig.name("first"), rig.name("second"));
    let (connection, channel) = confirming(&rig).await;
    let how = ExchangeDeclareOptions { durable: true, ..Default::default() };
    let kind = ExchangeKind::Custom("x-message-deduplication".into());
    let size = table(&[("x-cache-size", AMQPValue::LongInt(10))]);
    channel.exchange_declare(exchange.as_str().into(), kind, how, size).await.unwrap();
    for queue in [&first, &second] {
        declare(&channel, queue, &[]).await;
        bind(&channel, queue, &exchange, "any").await;
    }
    for body in ["one", "two"] {
        send(&channel, (&exchange, "k"), body, message("x-deduplication-header", "a")).await;
    }
    drop(connection);
    kill(&mut rig);
    let (_connection, channel) = confirming(&rig).await;
    send(&channel, (&exchange, "k"), "three", message("x-deduplication-header", "a")).await;
    send(&channel, ("", &first), "past it", message("x-deduplication-header", "a")).await;
    assert_eq!(drain(&channel, &first).await, ["one", "past it"]);
    assert_eq!(drain(&channel, &second).await, ["one"]);
}

#[tokio::test]
async fn keys_become_known_with_the_commit() {
    let rig = Rig::start();
    if rig.broker.is_none() {
        return;
    }
    let queue = rig.name("queue");
    let (connection, channel) = confirming(&rig).await;
    declare(&channel, &queue, &[ON]).await;
    let transactional = connection.create_channel().await.unwrap();
    transactional.tx_select().await.unwrap();
    let header = "x-deduplication-header";
    for (key, commit) in [("a", false), ("b", true), ("b", true)] {
        let (how, to) = (BasicPublishOptions::default(), queue.as_str().into());
        let with = message(header, key);
        transactional.basic_publish("".into(), to, how, b"tx", with).await.unwrap();
        match commit {
            true => transactional.tx_commit().await.unwrap(),
            false => transactional.tx_rollback().await.unwrap(),
        }
    }
    for key in ["a", "b"] {
        send(&channel, ("", &queue), key, message(header, key)).await;
    }
    assert_eq!(drain(&channel, &queue).await, ["tx", "a"]);
}

#[tokio::test]
async fn a_message_may_go_round_by_a_retry_queue() {
    let rig = Rig::start();
    if rig.broker.is_none() {
        return;
    }
    let (work, retry) = (rig.name("work"), rig.name("retry"));
    let (_connection, channel) = confirming(&rig).await;
    let to = |queue: &str| {
        [("x-dead-letter-exchange", text("")), ("x-dead-letter-routing-key", text(queue))]
    };
    declare(&channel, &work, &[&[ON][..], &to(&retry)].concat()).await;
    let life = ("x-message-ttl", AMQPValue::LongInt(20));
    declare(&channel, &retry, &[&[ON, life][..], &to(&work)].concat()).await;
    send(&channel, ("", &work), "job", message("x-deduplication-header", "a")).await;
    let mut consumer = consume(&channel, &work).await;
    for _ in 0..3 {
        let delivery = next(&mut consumer).await;
        assert_eq!(body(&delivery), "job");
        delivery.reject(BasicRejectOptions { requeue: false }).await.unwrap();
    }
    next(&mut consumer).await;
}

#[tokio::test]
async fn arguments_are_checked_and_compared() {
    let rig = Rig::start();
    if rig.broker.is_none() {
        return;
    }
    let (connection, channel) = rig.channel().await;
    let queue = rig.name("queue");
    declare(&channel, &queue, &[ON]).await;
    declare_queue(&channel, &rig.name("plain")).await;
    let size = |size| ("x-cache-size", AMQPValue::LongInt(size));
    let cases = [
        (queue.as_str(), vec![ON, size(5)], "inequivalent arg 'x-cache-size'"),
        (queue.as_str(), vec![], "inequivalent arg 'x-message-deduplication'"),
        ("other", vec![ON, size(0)], "invalid arg 'x-cache-size'"),
        ("other", vec![("x-message-deduplication", text("yes"))], "'x-message-deduplication'"),
    ];
    for (queue, arguments, expected) in cases {
        let channel = connection.create_channel().await.unwrap();
        let refused = channel.queue_declare(queue.into(), DURABLE, table(&arguments)).await;
        let error = refused.expect_err(expected).to_string();
        assert!(error.contains("PRECONDITION_FAILED") && error.contains(expected), "{error}");
    }
}
