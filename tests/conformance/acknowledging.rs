//! What becomes of a message that was delivered: acknowledged, given back, or refused.

use lapin::{
    Channel, Consumer,
    message::Delivery,
    options::{
        BasicAckOptions, BasicCancelOptions, BasicGetOptions, BasicNackOptions, BasicQosOptions,
        BasicRecoverOptions, BasicRejectOptions,
    },
};

use crate::rig::{
    Rig, bodies, body, consume, declare_queue, drain, expect_counts, next, publish, stays_silent,
};

/// A queue with the messages `1` to `count`, on a channel of its own connection.
async fn filled(rig: &Rig, count: usize) -> (lapin::Connection, Channel, String) {
    let (connection, channel) = rig.channel().await;
    let queue = rig.name("queue");
    declare_queue(&channel, &queue).await;
    for number in 1..=count {
        publish(&channel, "", &queue, &number.to_string()).await;
    }
    (connection, channel, queue)
}

async fn take(consumer: &mut Consumer, count: usize) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    for _ in 0..count {
        deliveries.push(next(consumer).await);
    }
    deliveries
}

#[tokio::test]
async fn an_acknowledged_message_is_gone() {
    let rig = Rig::start();
    let (connection, channel, queue) = filled(&rig, 3).await;
    let mut consumer = consume(&channel, &queue).await;
    let deliveries = take(&mut consumer, 3).await;
    deliveries[0].ack(BasicAckOptions::default()).await.unwrap();
    deliveries[2].ack(BasicAckOptions::default()).await.unwrap();
    connection.close(200, "bye".into()).await.unwrap();
    let (_connection, channel) = rig.channel().await;
    assert_eq!(drain(&channel, &queue).await, ["2"], "only what was not acknowledged is left");
}

#[tokio::test]
async fn one_acknowledgement_may_stand_for_all_before_it() {
    let rig = Rig::start();
    let (connection, channel, queue) = filled(&rig, 4).await;
    let mut consumer = consume(&channel, &queue).await;
    let deliveries = take(&mut consumer, 4).await;
    deliveries[2].ack(BasicAckOptions { multiple: true }).await.unwrap();
    connection.close(200, "bye".into()).await.unwrap();
    let (_connection, channel) = rig.channel().await;
    assert_eq!(drain(&channel, &queue).await, ["4"]);
}

#[tokio::test]
async fn what_is_given_back_takes_its_old_place_and_is_marked() {
    let rig = Rig::start();
    let (_connection, channel, queue) = filled(&rig, 4).await;
    channel.basic_qos(2, BasicQosOptions::default()).await.unwrap();
    let mut consumer = consume(&channel, &queue).await;
    let deliveries = take(&mut consumer, 2).await;
    assert!(!deliveries[0].redelivered);
    channel.basic_cancel(consumer.tag(), BasicCancelOptions::default()).await.unwrap();
    deliveries[1].nack(BasicNackOptions { multiple: true, requeue: true }).await.unwrap();
    let mut again = consume(&channel, &queue).await;
    let deliveries = take(&mut again, 2).await;
    assert_eq!(deliveries.iter().map(body).collect::<Vec<_>>(), ["1", "2"]);
    assert!(deliveries.iter().all(|delivery| delivery.redelivered));
    deliveries[1].ack(BasicAckOptions { multiple: true }).await.unwrap();
    let deliveries = take(&mut again, 2).await;
    assert_eq!(deliveries.iter().map(body).collect::<Vec<_>>(), ["3", "4"]);
    assert!(deliveries.iter().all(|delivery| !delivery.redelivered));
}

#[tokio::test]
async fn what_is_refused_for_good_is_dropped() {
    let rig = Rig::start();
    let (connection, channel, queue) = filled(&rig, 3).await;
    let mut consumer = consume(&channel, &queue).await;
    let deliveries = take(&mut consumer, 3).await;
    deliveries[0].reject(BasicRejectOptions { requeue: false }).await.unwrap();
    deliveries[1].nack(BasicNackOptions::default()).await.unwrap();
    connection.close(200, "bye".into()).await.unwrap();
    let (_connection, channel) = rig.channel().await;
    assert_eq!(drain(&channel, &queue).await, ["3"]);
}

#[tokio::test]
async fn what_is_held_goes_back_when_the_channel_goes() {
    let rig = Rig::start();
    let (connection, channel, queue) = filled(&rig, 3).await;
    let mut consumer = consume(&channel, &queue).await;
    take(&mut consumer, 3).await;
    let other = connection.create_channel().await.unwrap();
    expect_counts(&other, &queue, (0, 1)).await;
    channel.close(200, "bye".into()).await.unwrap();
    let mut again = consume(&other, &queue).await;
    for expected in ["1", "2", "3"] {
        let delivery = next(&mut again).await;
        assert_eq!((body(&delivery).as_str(), delivery.redelivered), (expected, true));
    }
}

#[tokio::test]
async fn what_is_held_stays_held_when_only_the_subscription_is_cancelled() {
    let rig = Rig::start();
    let (connection, channel, queue) = filled(&rig, 1).await;
    let mut consumer = consume(&channel, &queue).await;
    let delivery = next(&mut consumer).await;
    channel.basic_cancel(consumer.tag(), BasicCancelOptions::default()).await.unwrap();
    let other = connection.create_channel().await.unwrap();
    expect_counts(&other, &queue, (0, 0)).await;
    delivery.ack(BasicAckOptions::default()).await.unwrap();
    connection.close(200, "bye".into()).await.unwrap();
    let (_connection, channel) = rig.channel().await;
    assert_eq!(drain(&channel, &queue).await, [""; 0]);
}

#[tokio::test]
async fn recover_gives_everything_back() {
    let rig = Rig::start();
    let (_connection, channel, queue) = filled(&rig, 2).await;
    let mut consumer = consume(&channel, &queue).await;
    take(&mut consumer, 2).await;
    channel.basic_recover(BasicRecoverOptions { requeue: true }).await.unwrap();
    let deliveries = take(&mut consumer, 2).await;
    assert_eq!(deliveries.iter().map(body).collect::<Vec<_>>(), ["1", "2"]);
    assert!(deliveries.iter().all(|delivery| delivery.redelivered));
}

#[tokio::test]
async fn a_message_that_was_fetched_can_be_given_back_too() {
    let rig = Rig::start();
    let (_connection, channel, queue) = filled(&rig, 2).await;
    let got = channel.basic_get(queue.as_str().into(), BasicGetOptions::default()).await.unwrap();
    let got = got.expect("a message");
    assert_eq!((got.message_count, got.delivery.redelivered), (1, false));
    got.delivery.nack(BasicNackOptions { requeue: true, multiple: false }).await.unwrap();
    let mut consumer = consume(&channel, &queue).await;
    assert_eq!(bodies(&mut consumer, 2).await, ["1", "2"]);
}

#[tokio::test]
async fn a_consumer_at_its_limit_gets_nothing_more() {
    let rig = Rig::start();
    let (_connection, channel, queue) = filled(&rig, 5).await;
    channel.basic_qos(2, BasicQosOptions::default()).await.unwrap();
    let mut consumer = consume(&channel, &queue).await;
    let deliveries = take(&mut consumer, 2).await;
    stays_silent(&mut consumer).await;
    deliveries[0].ack(BasicAckOptions::default()).await.unwrap();
    assert_eq!(body(&next(&mut consumer).await), "3");
    stays_silent(&mut consumer).await;
}
