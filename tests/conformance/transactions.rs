//! Transactions: nothing before the commit, everything after it, and nothing in between that lasts.

use std::time::Duration;

use lapin::{
    BasicProperties, Channel, Confirmation,
    message::BasicGetMessage,
    options::{
        BasicAckOptions, BasicGetOptions, BasicPublishOptions, BasicQosOptions, BasicRejectOptions,
        ConfirmSelectOptions, QueueDeclareOptions,
    },
    types::{AMQPValue, FieldTable},
};
use rustix::process::Signal;
use warren_tests::patience::SOON;

use crate::rig::{
    Rig, consume, declare_queue, declare_queue_with, drain, expect_counts, next, publish,
    stays_silent,
};

/// How many queues a transaction spans; with any number of shards, several of them.
const QUEUES: usize = 4;

/// A channel in tx mode and another one to look on with.
async fn transactional(rig: &Rig) -> (lapin::Connection, Channel, Channel) {
    let (connection, channel) = rig.channel().await;
    channel.tx_select().await.unwrap();
    let other = connection.create_channel().await.unwrap();
    (connection, channel, other)
}

async fn queues(rig: &Rig, channel: &Channel) -> Vec<String> {
    let names: Vec<_> = (0..QUEUES).map(|n| rig.name(&format!("queue-{n}"))).collect();
    for name in &names {
        let how = QueueDeclareOptions { durable: true, ..Default::default() };
        declare_queue_with(channel, name, how).await;
    }
    names
}

async fn take(channel: &Channel, queue: &str) -> Option<BasicGetMessage> {
    channel.basic_get(queue.into(), BasicGetOptions::default()).await.unwrap()
}

async fn publish_persistent(channel: &Channel, queue: &str, body: &str) {
    let with = BasicProperties::default().with_delivery_mode(2);
    let how = BasicPublishOptions::default();
    channel.basic_publish("".into(), queue.into(), how, body.as_bytes(), with).await.unwrap();
}

#[tokio::test]
async fn publishes_appear_with_the_commit() {
    let rig = Rig::start();
    let (_connection, channel, other) = transactional(&rig).await;
    let names = queues(&rig, &other).await;
    for name in &names {
        publish(&channel, "", name, "first").await;
        publish(&channel, "", name, "second").await;
    }
    let mut consumer = consume(&other, &names[0]).await;
    stays_silent(&mut consumer).await;
    channel.tx_commit().await.unwrap();
    assert_eq!(next(&mut consumer).await.data, b"first");
    for name in &names[1..] {
        assert_eq!(drain(&other, name).await, ["first", "second"]);
    }
    channel.tx_commit().await.unwrap();
}

#[tokio::test]
async fn a_rollback_drops_publishes() {
    let rig = Rig::start();
    let (_connection, channel, other) = transactional(&rig).await;
    let queue = rig.name("queue");
    declare_queue(&other, &queue).await;
    publish(&channel, "", &queue, "dropped").await;
    channel.tx_rollback().await.unwrap();
    publish(&channel, "", &queue, "kept").await;
    channel.tx_commit().await.unwrap();
    assert_eq!(drain(&other, &queue).await, ["kept"]);
}

#[tokio::test]
async fn acknowledgements_count_with_the_commit() {
    let rig = Rig::start();
    let (connection, channel, other) = transactional(&rig).await;
    let queue = rig.name("queue");
    declare_queue(&other, &queue).await;
    for body in ["rolled back", "committed", "left"] {
        publish(&other, "", &queue, body).await;
    }
    let first = take(&channel, &queue).await.expect("a message");
    first.acker.ack(BasicAckOptions::default()).await.unwrap();
    channel.tx_rollback().await.unwrap();
    let second = take(&channel, &queue).await.expect("a message");
    second.acker.ack(BasicAckOptions::default()).await.unwrap();
    channel.tx_commit().await.unwrap();
    let third = take(&channel, &queue).await.expect("a message");
    third.acker.ack(BasicAckOptions::default()).await.unwrap();
    channel.close(200, "bye".into()).await.unwrap();
    expect_counts(&other, &queue, (2, 0)).await;
    assert_eq!(drain(&other, &queue).await, ["rolled back", "left"], "closing is a rollback");
    drop(connection);
}

#[tokio::test]
async fn what_was_rolled_back_can_be_acknowledged_again() {
    let rig = Rig::start();
    let (connection, channel, other) = transactional(&rig).await;
    let queue = rig.name("queue");
    declare_queue(&other, &queue).await;
    publish(&other, "", &queue, "body").await;
    expect_counts(&other, &queue, (1, 0)).await;
    let got = take(&channel, &queue).await.expect("a message");
    let tag = got.delivery_tag;
    channel.basic_ack(tag, BasicAckOptions::default()).await.unwrap();
    channel.tx_rollback().await.unwrap();
    channel.basic_reject(tag, BasicRejectOptions { requeue: true }).await.unwrap();
    assert_eq!(drain(&other, &queue).await, [""; 0], "a refusal waits for the commit, too");
    channel.tx_commit().await.unwrap();
    let again = take(&channel, &queue).await.expect("a message");
    assert!(again.redelivered);
    channel.basic_ack(again.delivery_tag, BasicAckOptions::default()).await.unwrap();
    channel.tx_commit().await.unwrap();
    channel.close(200, "bye".into()).await.unwrap();
    expect_counts(&other, &queue, (0, 0)).await;
    drop(connection);
}

#[tokio::test]
async fn a_channel_has_one_mode() {
    let rig = Rig::start();
    let (connection, channel, other) = transactional(&rig).await;
    channel.tx_select().await.unwrap();
    let error = channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap_err();
    assert!(error.to_string().contains("cannot switch from tx to confirm mode"), "{error}");
    other.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    let error = other.tx_select().await.unwrap_err();
    assert!(error.to_string().contains("cannot switch from confirm to tx mode"), "{error}");
    for commit in [true, false] {
        let plain = connection.create_channel().await.unwrap();
        let done = if commit { plain.tx_commit().await } else { plain.tx_rollback().await };
        let error = done.unwrap_err();
        assert!(error.to_string().contains("channel is not transactional"), "{error}");
    }
}

#[tokio::test]
async fn an_unroutable_mandatory_publish_comes_back_with_the_commit() {
    let rig = Rig::start();
    let (_connection, channel, _other) = transactional(&rig).await;
    let how = BasicPublishOptions { mandatory: true, ..Default::default() };
    let with = BasicProperties::default();
    let nowhere = rig.name("nowhere");
    let sent = channel.basic_publish("".into(), nowhere.as_str().into(), how, b"back", with).await;
    drop::<Confirmation>(sent.unwrap().await.unwrap());
    channel.tx_commit().await.unwrap();
    let returned = channel.wait_for_confirms().await.unwrap();
    assert_eq!(returned.len(), 1);
    assert_eq!(returned[0].delivery.data, b"back");
}

#[tokio::test]
async fn a_publish_to_nowhere_ends_the_transaction() {
    let rig = Rig::start();
    let (connection, channel, other) = transactional(&rig).await;
    let queue = rig.name("queue");
    declare_queue(&other, &queue).await;
    publish(&channel, "", &queue, "lost with the rest").await;
    publish(&channel, &rig.name("no-such-exchange"), "", "refused").await;
    let error = channel.tx_commit().await.unwrap_err();
    assert!(error.to_string().contains("NOT_FOUND"), "{error}");
    expect_counts(&other, &queue, (0, 0)).await;
    drop(connection);
}

#[tokio::test]
async fn a_publish_that_a_full_queue_refuses_fails_the_commit() {
    let rig = Rig::start();
    let (connection, channel, other) = transactional(&rig).await;
    let queue = rig.name("queue");
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(1));
    arguments.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    let how = QueueDeclareOptions::default();
    other.queue_declare(queue.as_str().into(), how, arguments).await.unwrap();
    publish(&channel, "", &queue, "fits").await;
    channel.tx_commit().await.unwrap();
    publish(&channel, "", &queue, "does not").await;
    let error = channel.tx_commit().await.unwrap_err();
    assert!(error.to_string().contains("partial tx completion"), "{error}");
    drop(connection);
}

#[tokio::test]
async fn a_prefetch_is_freed_by_the_commit() {
    let rig = Rig::start();
    let (_connection, channel, other) = transactional(&rig).await;
    let queue = rig.name("queue");
    declare_queue(&other, &queue).await;
    publish(&other, "", &queue, "first").await;
    publish(&other, "", &queue, "second").await;
    channel.basic_qos(1, BasicQosOptions::default()).await.unwrap();
    let mut consumer = consume(&channel, &queue).await;
    next(&mut consumer).await.ack(BasicAckOptions::default()).await.unwrap();
    stays_silent(&mut consumer).await;
    channel.tx_commit().await.unwrap();
    assert_eq!(next(&mut consumer).await.data, b"second");
}

/// Moves a token between all queues, one transaction a move, until the broker is gone.
async fn move_until_killed(channel: Channel, names: Vec<String>) -> u32 {
    let mut committed = 0;
    for round in 1_u32.. {
        for name in &names {
            let Ok(got) = channel.basic_get(name.as_str().into(), BasicGetOptions::default()).await
            else {
                return committed;
            };
            if let Some(got) = got {
                let _ = channel.basic_ack(got.delivery_tag, BasicAckOptions::default()).await;
            }
            let with = BasicProperties::default().with_delivery_mode(2);
            let (how, body) = (BasicPublishOptions::default(), round.to_string());
            let key = name.as_str().into();
            let _ = channel.basic_publish("".into(), key, how, body.as_bytes(), with).await;
        }
        if channel.tx_commit().await.is_err() {
            return committed;
        }
        committed = round;
    }
    committed
}

/// Each queue holds one message, the number of the last transaction that happened; a crash that
/// splits one shows as a difference between the queues.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_leaves_transactions_whole_or_absent() {
    let mut rig = Rig::start();
    if rig.broker.is_none() {
        return;
    }
    let (_connection, channel, other) = transactional(&rig).await;
    let names = queues(&rig, &other).await;
    for name in &names {
        publish_persistent(&channel, name, "0").await;
    }
    channel.tx_commit().await.unwrap();
    for round in 0..8_u64 {
        let (connection, channel) = rig.channel().await;
        channel.tx_select().await.unwrap();
        let load = tokio::spawn(move_until_killed(channel, names.clone()));
        tokio::time::sleep(Duration::from_millis(60 + 37 * round)).await;
        let broker = rig.broker.as_mut().expect("a broker of our own");
        broker.process.signal(Signal::KILL);
        broker.process.wait(SOON);
        let committed = tokio::time::timeout(SOON, load).await.expect("the load ends").unwrap();
        drop(connection);
        rig.broker.as_mut().expect("a broker of our own").start_again();

        let (_connection, channel) = rig.channel().await;
        let mut found = Vec::new();
        for name in &names {
            found.push(drain(&channel, name).await);
        }
        assert!(found.iter().all(|bodies| *bodies == found[0]), "round {round}: {found:?}");
        let [last] = &found[0][..] else { panic!("round {round}: {found:?}") };
        let last: u32 = last.parse().unwrap();
        // Each round numbers its transactions from 1, and one without any leaves what was there.
        assert!(committed == 0 || last >= committed, "round {round}: {last} of {committed}");
        channel.tx_select().await.unwrap();
        for name in &names {
            publish_persistent(&channel, name, "0").await;
        }
        channel.tx_commit().await.unwrap();
    }
}
