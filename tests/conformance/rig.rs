//! A broker to test, and the few verbs that most rules are told with.

use std::{
    env, process,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use futures::StreamExt;
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties, Consumer, ExchangeKind,
    message::Delivery,
    options::{
        BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, ExchangeDeclareOptions,
        QueueBindOptions, QueueDeclareOptions,
    },
    types::FieldTable,
};
use tokio::time::{sleep, timeout};
use warren_tests::{
    broker::Broker,
    client::Client,
    patience::{A_WHILE, SOON},
    uri::Uri,
};

/// The broker under test, and a part of its namespace that no other test uses.
pub(crate) struct Rig {
    /// None when the broker is someone else's.
    pub(crate) broker: Option<Broker>,
    pub(crate) uri: Uri,
    prefix: String,
}

// === impl Rig ===

impl Rig {
    /// A broker of our own, or the one that `WARREN_CONFORMANCE_URI` names.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// As [`Rig::start`], with further arguments for a broker of our own.
    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("test-{}-{count}", process::id());
        match env::var("WARREN_CONFORMANCE_URI") {
            Ok(uri) => Self { broker: None, uri: uri.parse().expect("an AMQP address"), prefix },
            Err(_) => {
                let broker = Broker::start(arguments);
                Self { uri: broker.uri.clone(), broker: Some(broker), prefix }
            }
        }
    }

    /// A name that only this test uses.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    pub(crate) async fn connect(&self) -> Connection {
        let properties = ConnectionProperties::default();
        timeout(SOON, Connection::connect(&self.uri.to_string(), properties))
            .await
            .expect("a connection in time")
            .expect("a connection")
    }

    /// A connection that lives as long as the channel on it.
    pub(crate) async fn channel(&self) -> (Connection, Channel) {
        let connection = self.connect().await;
        let channel = connection.create_channel().await.expect("a channel");
        (connection, channel)
    }

    /// As [`Rig::client`], for one that wants to know when its consumers end.
    pub(crate) fn client_that_hears_of_cancellations(&self) -> Client {
        let mut client =
            Client::connect_with(&self.uri, &["consumer_cancel_notify"]).expect("a connection");
        client.open_channel(1).expect("a channel");
        client
    }

    /// A bare client with channel 1 open.
    pub(crate) fn client(&self) -> Client {
        let mut client = Client::connect(&self.uri).expect("a connection");
        client.open_channel(1).expect("a channel");
        client
    }
}

pub(crate) async fn declare_queue(channel: &Channel, name: &str) {
    declare_queue_with(channel, name, QueueDeclareOptions::default()).await;
}

pub(crate) async fn declare_queue_with(channel: &Channel, name: &str, how: QueueDeclareOptions) {
    let declared = channel.queue_declare(name.into(), how, FieldTable::default()).await;
    declared.unwrap_or_else(|error| panic!("queue {name}: {error}"));
}

pub(crate) async fn declare_exchange(channel: &Channel, name: &str, kind: ExchangeKind) {
    let how = ExchangeDeclareOptions { auto_delete: true, ..Default::default() };
    let declared = channel.exchange_declare(name.into(), kind, how, FieldTable::default()).await;
    declared.unwrap_or_else(|error| panic!("exchange {name}: {error}"));
}

pub(crate) async fn bind(channel: &Channel, queue: &str, exchange: &str, key: &str) {
    let how = QueueBindOptions::default();
    let bound = channel
        .queue_bind(queue.into(), exchange.into(), key.into(), how, FieldTable::default())
        .await;
    bound.unwrap_or_else(|error| panic!("binding {exchange} to {queue}: {error}"));
}

pub(crate) async fn publish(channel: &Channel, exchange: &str, key: &str, body: &str) {
    let sent = channel
        .basic_publish(
            exchange.into(),
            key.into(),
            BasicPublishOptions::default(),
            body.as_bytes(),
            BasicProperties::default(),
        )
        .await;
    drop(sent.unwrap_or_else(|error| panic!("publishing {body}: {error}")));
}

pub(crate) async fn consume(channel: &Channel, queue: &str) -> Consumer {
    consume_with(channel, queue, BasicConsumeOptions::default()).await
}

pub(crate) async fn consume_with(
    channel: &Channel,
    queue: &str,
    how: BasicConsumeOptions,
) -> Consumer {
    let consumer = channel.basic_consume(queue.into(), "".into(), how, FieldTable::default()).await;
    consumer.unwrap_or_else(|error| panic!("consuming from {queue}: {error}"))
}

/// The next delivery, which must come.
pub(crate) async fn next(consumer: &mut Consumer) -> Delivery {
    let delivery = timeout(SOON, consumer.next()).await.expect("a delivery in time");
    delivery.expect("the subscription holds").expect("a delivery")
}

/// The bodies of the next `count` deliveries.
pub(crate) async fn bodies(consumer: &mut Consumer, count: usize) -> Vec<String> {
    let mut bodies = Vec::new();
    for _ in 0..count {
        bodies.push(body(&next(consumer).await));
    }
    bodies
}

/// Watches that nothing comes.
pub(crate) async fn stays_silent(consumer: &mut Consumer) {
    if let Ok(delivery) = timeout(A_WHILE, consumer.next()).await {
        panic!("nothing should come, but this did: {delivery:?}");
    }
}

/// Takes one message without a subscription, if there is one.
pub(crate) async fn get(channel: &Channel, queue: &str) -> Option<Delivery> {
    let how = BasicGetOptions { no_ack: true };
    let got = channel.basic_get(queue.into(), how).await;
    got.unwrap_or_else(|error| panic!("getting from {queue}: {error}")).map(|got| got.delivery)
}

/// The bodies of everything in a queue.
pub(crate) async fn drain(channel: &Channel, queue: &str) -> Vec<String> {
    let mut bodies = Vec::new();
    while let Some(delivery) = get(channel, queue).await {
        bodies.push(body(&delivery));
    }
    bodies
}

/// Waits until a queue has `expected` messages ready and consumers; a broker may count behind its own back.
pub(crate) async fn expect_counts(channel: &Channel, queue: &str, expected: (u32, u32)) {
    let how = QueueDeclareOptions { passive: true, ..Default::default() };
    let mut last = (0, 0);
    for _ in 0..100 {
        let declared = channel.queue_declare(queue.into(), how, FieldTable::default()).await;
        let declared = declared.unwrap_or_else(|error| panic!("queue {queue}: {error}"));
        last = (declared.message_count(), declared.consumer_count());
        if last == expected {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("queue {queue}: expected {expected:?} messages and consumers, but {last:?}");
}

pub(crate) fn body(delivery: &Delivery) -> String {
    String::from_utf8_lossy(&delivery.data).into_owned()
}
