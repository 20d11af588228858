//! Who gets which message, and how subscriptions begin and end.

use futures::StreamExt;
use lapin::options::{
    BasicCancelOptions, BasicConsumeOptions, BasicQosOptions, QueueDeleteOptions,
};
use tokio::time::timeout;
use warren_tests::patience::SOON;

use crate::rig::{
    Rig, bodies, consume, consume_with, declare_queue, expect_counts, publish, stays_silent,
};

#[tokio::test]
async fn messages_come_in_the_order_they_were_published() {
    let rig = Rig::start();
    let (_connection, channel) = rig.channel().await;
    let queue = rig.name("queue");
    declare_queue(&channel, &queue).await;
    let sent: Vec<_> = (0..1000).map(|number| number.to_string()).collect();
    let no_ack = BasicConsumeOptions { no_ack: true, ..Default::default() };
    for body in &sent[..500] {
        publish(&channel, "", &queue, body).await;
    }
    let mut consumer = consume_with(&channel, &queue, no_ack).await;
    for body in &sent[500..] {
        publish(&channel, "", &queue, body).await;
    }
    assert_eq!(bodies(&mut consumer, 1000).await, sent);
}

#[tokio::test]
async fn consumers_take_turns() {
    let rig = Rig::start();
    let (_connection, channel) = rig.channel().await;
    let queue = rig.name("queue");
    declare_queue(&channel, &queue).await;
    let mut consumers = Vec::new();
    for _ in 0..3 {
        consumers.push(consume(&channel, &queue).await);
    }
    for number in 0..9 {
        publish(&channel, "", &queue, &number.to_string()).await;
    }
    let mut seen = Vec::new();
    for consumer in &mut consumers {
        let got = bodies(consumer, 3).await;
        stays_silent(consumer).await;
        seen.extend(got);
    }
    seen.sort();
    assert_eq!(seen.concat(), "012345678", "each message once, three for each consumer");
}

#[tokio::test]
async fn a_consumer_that_is_full_is_passed_over() {
    let rig = Rig::start();
    let (connection, slow) = rig.channel().await;
    let fast = connection.create_channel().await.unwrap();
    let queue = rig.name("queue");
    declare_queue(&slow, &queue).await;
    slow.basic_qos(1, BasicQosOptions::default()).await.unwrap();
    let mut slow_consumer = consume(&slow, &queue).await;
    let mut fast_consumer = consume(&fast, &queue).await;
    for number in 0..10 {
        publish(&fast, "", &queue, &number.to_string()).await;
    }
    bodies(&mut slow_consumer, 1).await;
    bodies(&mut fast_consumer, 9).await;
    stays_silent(&mut slow_consumer).await;
}

#[tokio::test]
async fn a_cancelled_consumer_gets_nothing_more() {
    let rig = Rig::start();
    let (_connection, channel) = rig.channel().await;
    let queue = rig.name("queue");
    declare_queue(&channel, &queue).await;
    let consumer = consume(&channel, &queue).await;
    expect_counts(&channel, &queue, (0, 1)).await;
    channel.basic_cancel(consumer.tag(), BasicCancelOptions::default()).await.unwrap();
    publish(&channel, "", &queue, "left alone").await;
    expect_counts(&channel, &queue, (1, 0)).await;
}

#[tokio::test]
async fn a_consumer_is_told_when_its_queue_goes() {
    let rig = Rig::start();
    let (connection, channel) = rig.channel().await;
    let other = connection.create_channel().await.unwrap();
    let queue = rig.name("queue");
    declare_queue(&channel, &queue).await;
    let mut consumer = consume(&channel, &queue).await;
    other.queue_delete(queue.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
    let end = timeout(SOON, consumer.next()).await.expect("word from the broker");
    assert!(end.is_none(), "the subscription ends, but this came: {end:?}");
    assert!(channel.status().connected(), "the channel goes on");
}

#[tokio::test]
async fn channels_of_one_connection_do_not_mix() {
    let rig = Rig::start();
    let connection = rig.connect().await;
    let mut consumers = Vec::new();
    for number in 0..50 {
        let channel = connection.create_channel().await.unwrap();
        let queue = rig.name(&format!("queue-{number}"));
        declare_queue(&channel, &queue).await;
        let consumer = consume(&channel, &queue).await;
        for message in 0..3 {
            publish(&channel, "", &queue, &format!("{number}.{message}")).await;
        }
        consumers.push((channel, consumer));
    }
    for (number, (_channel, consumer)) in consumers.iter_mut().enumerate() {
        let expected: Vec<_> = (0..3).map(|message| format!("{number}.{message}")).collect();
        assert_eq!(bodies(consumer, 3).await, expected);
    }
}
