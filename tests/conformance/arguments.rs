//! What queues can be told with arguments, and exchanges of the headers type.

use std::time::Duration;

use lapin::{
    BasicProperties, Channel,
    options::{
        BasicPublishOptions, BasicRejectOptions, ConfirmSelectOptions, QueueBindOptions,
        QueueDeclareOptions,
    },
    types::{AMQPValue, FieldTable},
};
use tokio::time::sleep;

use crate::rig::{
    Rig, bodies, body, consume, declare_queue, drain, expect_counts, next, publish, stays_silent,
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

async fn declare(channel: &Channel, queue: &str, arguments: &[(&str, AMQPValue)]) {
    let how = QueueDeclareOptions::default();
    channel.queue_declare(queue.into(), how, table(arguments)).await.unwrap();
}

async fn publish_with(channel: &Channel, exchange: &str, key: &str, with: BasicProperties) {
    let how = BasicPublishOptions::default();
    drop(channel.basic_publish(exchange.into(), key.into(), how, b"body", with).await.unwrap());
}

/// The reason in the newest entry of a message's `x-death`.
fn death(delivery: &lapin::message::Delivery) -> String {
    let headers = delivery.properties.headers().as_ref().expect("headers");
    let Some(AMQPValue::FieldArray(deaths)) = headers.inner().get("x-death") else {
        panic!("no x-death: {headers:?}");
    };
    match deaths.as_slice().first() {
        Some(AMQPValue::FieldTable(death)) => match death.inner().get("reason") {
            Some(AMQPValue::LongString(reason)) => reason.to_string(),
            other => panic!("no reason: {other:?}"),
        },
        other => panic!("no entry: {other:?}"),
    }
}

#[tokio::test]
async fn messages_that_die_go_to_the_dead_letter_exchange_with_the_reason() {
    let rig = Rig::start();
    let (_connection, channel) = rig.channel().await;
    let (queue, dead) = (rig.name("queue"), rig.name("dead"));
    declare_queue(&channel, &dead).await;
    let to_dead =
        [("x-dead-letter-exchange", text("")), ("x-dead-letter-routing-key", text(&dead))];
    let limits = [("x-max-length", AMQPValue::LongInt(2))];
    declare(&channel, &queue, &[&to_dead[..], &limits].concat()).await;
    let mut graveyard = consume(&channel, &dead).await;

    for number in 1..=3 {
        publish(&channel, "", &queue, &number.to_string()).await;
    }
    let first = next(&mut graveyard).await;
    assert_eq!((body(&first).as_str(), death(&first).as_str()), ("1", "maxlen"));

    let mut consumer = consume(&channel, &queue).await;
    let refused = next(&mut consumer).await;
    refused.reject(BasicRejectOptions { requeue: false }).await.unwrap();
    let second = next(&mut graveyard).await;
    assert_eq!((body(&second).as_str(), death(&second).as_str()), ("2", "rejected"));
}

#[tokio::test]
async fn a_message_may_bring_its_own_time_to_live() {
    let rig = Rig::start();
    let (_connection, channel) = rig.channel().await;
    let (queue, dead) = (rig.name("queue"), rig.name("dead"));
    declare_queue(&channel, &dead).await;
    let to_dead =
        [("x-dead-letter-exchange", text("")), ("x-dead-letter-routing-key", text(&dead))];
    declare(&channel, &queue, &to_dead).await;
    let short = BasicProperties::default().with_expiration("50".into());
    publish_with(&channel, "", &queue, short).await;
    publish(&channel, "", &queue, "stays").await;
    let mut graveyard = consume(&channel, &dead).await;
    let expired = next(&mut graveyard).await;
    assert_eq!((body(&expired).as_str(), death(&expired).as_str()), ("body", "expired"));
    assert!(expired.properties.expiration().is_none(), "it does not expire again");
    assert_eq!(drain(&channel, &queue).await, ["stays"]);
}

#[tokio::test]
async fn a_full_queue_drops_its_head_or_refuses_publishes() {
    let rig = Rig::start();
    let (_connection, channel) = rig.channel().await;
    let (drops, refuses) = (rig.name("drops"), rig.name("refuses"));
    let length = ("x-max-length", AMQPValue::LongInt(2));
    declare(&channel, &drops, std::slice::from_ref(&length)).await;
    declare(&channel, &refuses, &[length, ("x-overflow", text("reject-publish"))]).await;
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    let mut answers = Vec::new();
    for queue in [&drops, &refuses] {
        for number in 1..=3 {
            let how = BasicPublishOptions::default();
            let body = number.to_string();
            let with = BasicProperties::default();
            let sent =
                channel.basic_publish("".into(), queue.as_str().into(), how, body.as_bytes(), with);
            answers.push(sent.await.unwrap().await.unwrap().is_ack());
        }
    }
    assert_eq!(answers, [true, true, true, true, true, false]);
    assert_eq!(drain(&channel, &drops).await, ["2", "3"]);
    assert_eq!(drain(&channel, &refuses).await, ["1", "2"]);
}

#[tokio::test]
async fn higher_priorities_come_first() {
    let rig = Rig::start();
    let (_connection, channel) = rig.channel().await;
    let queue = rig.name("queue");
    declare(&channel, &queue, &[("x-max-priority", AMQPValue::LongInt(5))]).await;
    for priority in [1, 5, 3, 5, 0] {
        let with = BasicProperties::default().with_priority(priority);
        publish_with(&channel, "", &queue, with).await;
    }
    expect_counts(&channel, &queue, (5, 0)).await;
    let mut consumer = consume(&channel, &queue).await;
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.push(next(&mut consumer).await.properties.priority().unwrap_or(0));
    }
    assert_eq!(seen, [5, 5, 3, 1, 0]);
}

#[tokio::test]
async fn a_single_active_consumer_is_followed_by_the_next() {
    let rig = Rig::start();
    let (connection, channel) = rig.channel().await;
    let other = connection.create_channel().await.unwrap();
    let queue = rig.name("queue");
    declare(&channel, &queue, &[("x-single-active-consumer", AMQPValue::Boolean(true))]).await;
    let mut active = consume(&channel, &queue).await;
    let mut waiting = consume(&other, &queue).await;
    for number in 1..=3 {
        publish(&other, "", &queue, &number.to_string()).await;
    }
    assert_eq!(bodies(&mut active, 3).await, ["1", "2", "3"]);
    stays_silent(&mut waiting).await;
    channel.close(200, "bye".into()).await.unwrap();
    assert_eq!(
        bodies(&mut waiting, 3).await,
        ["1", "2", "3"],
        "and it gets what was not acknowledged"
    );
}

#[tokio::test]
async fn an_unused_queue_expires() {
    let rig = Rig::start();
    let (connection, channel) = rig.channel().await;
    let queue = rig.name("queue");
    declare(&channel, &queue, &[("x-expires", AMQPValue::LongInt(200))]).await;
    sleep(Duration::from_millis(1200)).await;
    let probe = connection.create_channel().await.unwrap();
    let passive = QueueDeclareOptions { passive: true, ..Default::default() };
    let found = probe.queue_declare(queue.as_str().into(), passive, FieldTable::default()).await;
    assert!(found.is_err(), "the queue should be gone");
}

#[tokio::test]
async fn headers_are_matched_all_or_any() {
    let rig = Rig::start();
    let (_connection, channel) = rig.channel().await;
    let fields = [("region", text("eu")), ("size", AMQPValue::LongInt(3))];
    for matching in ["all", "any"] {
        let queue = rig.name(matching);
        declare_queue(&channel, &queue).await;
        let arguments = table(&[&fields[..], &[("x-match", text(matching))]].concat());
        let (exchange, how) = ("amq.headers".into(), QueueBindOptions::default());
        channel
            .queue_bind(queue.as_str().into(), exchange, "".into(), how, arguments)
            .await
            .unwrap();
    }
    let key = rig.name("key");
    for headers in [&fields[..], &fields[..1], &[("region", text("us"))][..], &[]] {
        let with = BasicProperties::default().with_headers(table(headers));
        publish_with(&channel, "amq.headers", &key, with).await;
    }
    assert_eq!(drain(&channel, &rig.name("all")).await.len(), 1);
    assert_eq!(drain(&channel, &rig.name("any")).await.len(), 2);
}
