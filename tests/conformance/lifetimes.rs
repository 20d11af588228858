//! What goes by itself: exclusive and auto-delete objects, and everything when the broker is told to stop.

use std::time::Duration;

use lapin::{
    ExchangeKind,
    options::{
        BasicCancelOptions, ExchangeDeclareOptions, QueueDeclareOptions, QueueDeleteOptions,
    },
    types::FieldTable,
};
use warren_tests::{client::Client, patience::SOON};

use crate::rig::{Rig, bind, consume, declare_exchange, declare_queue, declare_queue_with};

const PASSIVE: QueueDeclareOptions = QueueDeclareOptions {
    passive: true,
    durable: false,
    exclusive: false,
    auto_delete: false,
    nowait: false,
};

/// Whether a queue is there, asked on a channel of its own until the answer is `expected`.
async fn becomes(rig: &Rig, queue: &str, expected: bool) {
    let connection = rig.connect().await;
    for _ in 0..200 {
        let channel = connection.create_channel().await.unwrap();
        let found = channel.queue_declare(queue.into(), PASSIVE, FieldTable::default()).await;
        if found.is_ok() == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("queue {queue}: there should be one: {expected}");
}

#[tokio::test]
async fn an_exclusive_queue_goes_with_its_connection() {
    let rig = Rig::start();
    let (connection, channel) = rig.channel().await;
    let queue = rig.name("queue");
    let how = QueueDeclareOptions { exclusive: true, ..Default::default() };
    declare_queue_with(&channel, &queue, how).await;
    channel.close(200, "bye".into()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    declare_queue_with(&channel, &queue, PASSIVE).await;
    connection.close(200, "bye".into()).await.unwrap();
    becomes(&rig, &queue, false).await;
}

#[tokio::test]
async fn an_auto_delete_queue_goes_with_its_last_consumer() {
    let rig = Rig::start();
    let (_connection, channel) = rig.channel().await;
    let queue = rig.name("queue");
    let how = QueueDeclareOptions { auto_delete: true, ..Default::default() };
    declare_queue_with(&channel, &queue, how).await;
    becomes(&rig, &queue, true).await;
    let (first, second) = (consume(&channel, &queue).await, consume(&channel, &queue).await);
    channel.basic_cancel(first.tag(), BasicCancelOptions::default()).await.unwrap();
    becomes(&rig, &queue, true).await;
    channel.basic_cancel(second.tag(), BasicCancelOptions::default()).await.unwrap();
    becomes(&rig, &queue, false).await;
}

#[tokio::test]
async fn an_auto_delete_exchange_goes_with_its_last_binding() {
    let rig = Rig::start();
    let (connection, channel) = rig.channel().await;
    let (exchange, queue) = (rig.name("exchange"), rig.name("queue"));
    declare_exchange(&channel, &exchange, ExchangeKind::Fanout).await;
    declare_queue(&channel, &queue).await;
    bind(&channel, &queue, &exchange, "").await;
    channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
    let passive = ExchangeDeclareOptions { passive: true, ..Default::default() };
    let name = exchange.as_str().into();
    let probe = connection.create_channel().await.unwrap();
    let found =
        probe.exchange_declare(name, ExchangeKind::Fanout, passive, FieldTable::default()).await;
    assert!(found.is_err(), "the exchange should be gone");
}

#[test]
fn told_to_stop_the_broker_says_goodbye_and_ends() {
    let rig = Rig::start();
    let Some(mut broker) = rig.broker else { return };
    let mut client = Client::connect(&broker.uri).unwrap();
    let waiting = std::thread::spawn(move || client.wait_for(0, "connection.open"));
    let status = broker.process.stop(SOON);
    assert!(status.success(), "{status}: {}", broker.process.output());
    let goodbye = waiting.join().unwrap().unwrap_err();
    assert!(format!("{goodbye:#}").contains("320 CONNECTION_FORCED"), "{goodbye:#}");
}
