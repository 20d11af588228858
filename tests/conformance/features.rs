//! What RabbitMQ adds to AMQP and frameworks build on: CC and BCC, user ids, priorities of consumers,
//! consistent hashing, every type a header can have.

use lapin::{
    BasicProperties, Channel, ExchangeKind,
    options::{BasicConsumeOptions, BasicNackOptions, BasicPublishOptions, QueueDeclareOptions},
    types::{AMQPValue, DecimalValue, FieldArray, FieldTable},
};

use crate::rig::{
    Rig, bind, bodies, consume, consume_with, declare_exchange, declare_queue, drain,
    expect_counts, next, publish, stays_silent,
};

fn table(fields: &[(&str, AMQPValue)]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in fields {
        table.insert((*name).into(), value.clone());
    }
    table
}

fn texts(texts: &[&str]) -> AMQPValue {
    let values: Vec<_> = texts.iter().map(|text| AMQPValue::LongString((*text).into())).collect();
    AMQPValue::FieldArray(values.into())
}

async fn publish_with(channel: &Channel, key: &str, with: BasicProperties) {
    let how = BasicPublishOptions::default();
    drop(channel.basic_publish("".into(), key.into(), how, b"body", with).await.unwrap());
}

#[tokio::test]
async fn copies_go_to_the_keys_in_cc_and_bcc_of_which_only_cc_is_shown() {
    let rig = Rig::start();
    let (_connection, channel) = rig.channel().await;
    let [to, cc, bcc] = ["to", "cc", "bcc"].map(|name| rig.name(name));
    for queue in [&to, &cc, &bcc] {
        declare_queue(&channel, queue).await;
    }
    let headers = table(&[("CC", texts(&[&cc])), ("BCC", texts(&[&bcc]))]);
    publish_with(&channel, &to, BasicProperties::default().with_headers(headers)).await;
    for queue in [&to, &cc, &bcc] {
        let mut consumer = consume(&channel, queue).await;
        let delivery = next(&mut consumer).await;
        let headers = delivery.properties.headers().clone().unwrap_or_default();
        assert!(headers.inner().contains_key("CC"), "{queue}: {headers:?}");
        assert!(!headers.inner().contains_key("BCC"), "{queue}: {headers:?}");
    }
}

#[tokio::test]
async fn a_claimed_user_has_to_be_the_one_who_is_logged_in() {
    let rig = Rig::start();
    let (_connection, channel) = rig.channel().await;
    let queue = rig.name("queue");
    declare_queue(&channel, &queue).await;
    let claim = |user: &str| BasicProperties::default().with_user_id(user.into());
    publish_with(&channel, &queue, claim("guest")).await;
    expect_counts(&channel, &queue, (1, 0)).await;
    publish_with(&channel, &queue, claim("somebody")).await;
    let how = QueueDeclareOptions { passive: true, ..Default::default() };
    let refused = channel.queue_declare(queue.as_str().into(), how, FieldTable::default()).await;
    let text = format!("{:?}", refused.unwrap_err());
    assert!(!text.is_empty());
    assert!(!channel.status().connected(), "the channel is closed");
}

#[tokio::test]
async fn a_consumer_of_higher_priority_is_served_first() {
    let rig = Rig::start();
    let (_connection, channel) = rig.channel().await;
    let queue = rig.name("queue");
    declare_queue(&channel, &queue).await;
    let no_ack = BasicConsumeOptions { no_ack: true, ..Default::default() };
    let mut low = consume_with(&channel, &queue, no_ack).await;
    let arguments = table(&[("x-priority", AMQPValue::LongInt(5))]);
    let high = channel.basic_consume(queue.as_str().into(), "".into(), no_ack, arguments).await;
    let mut high = high.unwrap();
    for body in ["1", "2", "3"] {
        publish(&channel, "", &queue, body).await;
    }
    assert_eq!(bodies(&mut high, 3).await, ["1", "2", "3"]);
    stays_silent(&mut low).await;
}

#[tokio::test]
async fn each_type_that_a_header_can_have_arrives_as_it_was_sent() {
    let rig = Rig::start();
    let (_connection, channel) = rig.channel().await;
    let queue = rig.name("queue");
    declare_queue(&channel, &queue).await;
    let nested = table(&[("deeper", texts(&["a", "b"]))]);
    let array: FieldArray =
        vec![AMQPValue::LongLongInt(i64::MIN), AMQPValue::FieldTable(nested.clone())].into();
    let headers = table(&[
        ("bool", AMQPValue::Boolean(true)),
        ("byte", AMQPValue::ShortShortInt(-7)),
        ("short", AMQPValue::ShortInt(-300)),
        ("int", AMQPValue::LongInt(-70_000)),
        ("long", AMQPValue::LongLongInt(i64::MAX)),
        ("float", AMQPValue::Float(1.5)),
        ("double", AMQPValue::Double(-2.25)),
        ("decimal", AMQPValue::DecimalValue(DecimalValue { scale: 2, value: 314 })),
        ("text", AMQPValue::LongString("text".into())),
        ("time", AMQPValue::Timestamp(1_700_000_000)),
        ("nothing", AMQPValue::Void),
        ("table", AMQPValue::FieldTable(nested)),
        ("array", AMQPValue::FieldArray(array)),
    ]);
    publish_with(&channel, &queue, BasicProperties::default().with_headers(headers.clone())).await;
    let mut consumer = consume(&channel, &queue).await;
    let delivery = next(&mut consumer).await;
    assert_eq!(delivery.properties.headers().as_ref(), Some(&headers));
}

#[tokio::test]
async fn several_deliveries_can_be_refused_at_once() {
    let rig = Rig::start();
    let (_connection, channel) = rig.channel().await;
    let queue = rig.name("queue");
    declare_queue(&channel, &queue).await;
    for body in ["1", "2", "3"] {
        publish(&channel, "", &queue, body).await;
    }
    let mut consumer = consume(&channel, &queue).await;
    next(&mut consumer).await;
    let second = next(&mut consumer).await;
    let third = next(&mut consumer).await;
    let how = BasicNackOptions { multiple: true, requeue: false };
    channel.basic_nack(second.delivery_tag, how).await.unwrap();
    third.acker.nack(BasicNackOptions { requeue: true, ..Default::default() }).await.unwrap();
    let again = next(&mut consumer).await;
    assert!(again.redelivered);
    assert_eq!(again.data, b"3");
    stays_silent(&mut consumer).await;
}

#[tokio::test]
async fn consistent_hashing_keeps_a_key_with_its_queue() {
    let rig = Rig::start();
    let (_connection, channel) = rig.channel().await;
    let exchange = rig.name("exchange");
    let kind = ExchangeKind::Custom("x-consistent-hash".to_owned());
    declare_exchange(&channel, &exchange, kind).await;
    let queues = [rig.name("a"), rig.name("b")];
    for queue in &queues {
        declare_queue(&channel, queue).await;
        bind(&channel, queue, &exchange, "10").await;
    }
    for number in 0..200 {
        let key = format!("key-{}", number % 50);
        publish(&channel, &exchange, &key, &key).await;
    }
    let mut seen = Vec::new();
    for queue in &queues {
        seen.push(drain(&channel, queue).await);
    }
    assert_eq!(seen[0].len() + seen[1].len(), 200);
    assert!(seen.iter().all(|bodies| !bodies.is_empty()), "both get some");
    assert!(seen[0].iter().all(|body| !seen[1].contains(body)), "no key is in both");
}
