//! What becomes of a message that a queue has no room for, or has handed out too often.

use lapin::{
    BasicProperties, Channel,
    message::Delivery,
    options::{BasicNackOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};

use crate::rig::{Rig, body, consume, declare_queue, drain, next, stays_silent};

/// A queue of the quorum kind, which RabbitMQ's delivery limits are for.
const QUORUM: &[(&str, &str)] = &[("x-queue-type", "quorum")];

async fn declare(
    channel: &Channel,
    queue: &str,
    texts: &[(&str, &str)],
    numbers: &[(&str, i32)],
    durable: bool,
) {
    let mut arguments = FieldTable::default();
    for (name, value) in texts {
        arguments.insert((*name).into(), AMQPValue::LongString((*value).into()));
    }
    for (name, value) in numbers {
        arguments.insert((*name).into(), AMQPValue::LongInt(*value));
    }
    let how = QueueDeclareOptions { durable, ..Default::default() };
    channel.queue_declare(queue.into(), how, arguments).await.unwrap();
}

/// Publishes in confirm mode; whether it was acked.
async fn publish(channel: &Channel, queue: &str, body: &str) -> bool {
    let (how, with) = (BasicPublishOptions::default(), BasicProperties::default());
    let sent = channel.basic_publish("".into(), queue.into(), how, body.as_bytes(), with);
    sent.await.unwrap().await.unwrap().is_ack()
}

fn header<'a>(delivery: &'a Delivery, name: &str) -> Option<&'a AMQPValue> {
    delivery.properties.headers().as_ref()?.inner().get(name)
}

/// Why it died first.
fn reason(delivery: &Delivery) -> String {
    match header(delivery, "x-first-death-reason") {
        Some(AMQPValue::LongString(reason)) => reason.to_string(),
        other => panic!("no reason: {other:?}"),
    }
}

/// How often it had come back, as the queue counts it; 0 where it says nothing.
fn returns(delivery: &Delivery) -> i64 {
    match header(delivery, "x-delivery-count") {
        Some(AMQPValue::LongLongInt(count)) => *count,
        None => 0,
        other => panic!("no count: {other:?}"),
    }
}

#[tokio::test]
async fn a_queue_may_be_full_by_bytes() {
    let rig = Rig::start();
    let (_connection, channel) = rig.channel().await;
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    let (drops, refuses) = (rig.name("drops"), rig.name("refuses"));
    let bytes = [("x-max-length-bytes", 10)];
    declare(&channel, &drops, &[], &bytes, false).await;
    declare(&channel, &refuses, &[("x-overflow", "reject-publish")], &bytes, false).await;
    let mut answers = Vec::new();
    for queue in [&drops, &refuses] {
        for body in ["1234", "5678", "abcd", "large beyond any limit", "x"] {
            answers.push(publish(&channel, queue, body).await);
        }
    }
    assert_eq!(answers[..5], [true; 5], "what drops its head takes everything");
    assert_eq!(
        drain(&channel, &drops).await,
        ["x"],
        "the large one pushed all out, and went itself"
    );
    assert_eq!(drain(&channel, &refuses).await, ["1234", "5678", "x"], "what fits is taken");
    assert_eq!(answers[5..], [true, true, false, false, true]);
}

#[tokio::test]
async fn a_refused_publish_may_go_to_the_dead_letter_exchange() {
    let rig = Rig::start();
    let (_connection, channel) = rig.channel().await;
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    let (queue, dead) = (rig.name("queue"), rig.name("dead"));
    declare_queue(&channel, &dead).await;
    let texts = [
        ("x-overflow", "reject-publish-dlx"),
        ("x-dead-letter-exchange", ""),
        ("x-dead-letter-routing-key", &dead),
    ];
    declare(&channel, &queue, &texts, &[("x-max-length", 1)], false).await;
    assert!(publish(&channel, &queue, "fits").await);
    assert!(!publish(&channel, &queue, "does not").await, "the publisher is told");
    let mut graveyard = consume(&channel, &dead).await;
    let refused = next(&mut graveyard).await;
    assert_eq!((body(&refused).as_str(), reason(&refused).as_str()), ("does not", "maxlen"));
    assert_eq!(drain(&channel, &queue).await, ["fits"]);
}

#[tokio::test]
async fn what_is_delivered_too_often_dies() {
    let rig = Rig::start();
    let (_connection, channel) = rig.channel().await;
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    let (queue, dead) = (rig.name("queue"), rig.name("dead"));
    declare_queue(&channel, &dead).await;
    let to_dead = [("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", &*dead)];
    let texts = [QUORUM, &to_dead].concat();
    declare(&channel, &queue, &texts, &[("x-delivery-limit", 2)], true).await;
    assert!(publish(&channel, &queue, "poison").await);
    let mut consumer = consume(&channel, &queue).await;
    for times in 0..3 {
        let delivery = next(&mut consumer).await;
        assert_eq!((returns(&delivery), delivery.redelivered), (times, times > 0));
        delivery.nack(BasicNackOptions { requeue: true, ..Default::default() }).await.unwrap();
    }
    let mut graveyard = consume(&channel, &dead).await;
    let buried = next(&mut graveyard).await;
    assert_eq!((body(&buried).as_str(), reason(&buried).as_str()), ("poison", "delivery_limit"));
    stays_silent(&mut consumer).await;
    channel.queue_delete(queue.as_str().into(), Default::default()).await.unwrap();
}
