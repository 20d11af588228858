//! The broker, the queues that stay, and the way to all of it.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, ExchangeKind,
    PublisherConfirm, Result,
    options::{
        BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions,
        QueueDeclareOptions,
    },
    types::{AMQPValue, FieldTable},
};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use warren_tests::{patience::SOON, uri::Uri};

use crate::{
    ledger::{Ledger, Message},
    tokens::{self, Tokens},
};

pub(crate) const DURABLE: QueueDeclareOptions = QueueDeclareOptions {
    passive: false,
    durable: true,
    exclusive: false,
    auto_delete: false,
    nowait: false,
};

/// How long messages of the queue "brief" live at most, in ms.
pub(crate) const LIFE: i32 = 250;
/// The most messages that wait in the queue of that name.
pub(crate) const CAPPED: i32 = 60;
/// The most messages that wait in the queue of that name.
pub(crate) const REFUSING: i32 = 120;

/// Where everybody plays.
#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) uri: Uri,
    ledger: Arc<Mutex<Ledger>>,
    tokens: Arc<Mutex<Tokens>>,
    killed: watch::Sender<bool>,
    /// Players who have begun to play.
    ready: watch::Sender<usize>,
}

/// How long what the broker sent may take to be read after its end.
const ECHO: Duration = Duration::from_millis(100);

// === impl Stage ===

impl Stage {
    pub(crate) fn new(uri: Uri) -> Self {
        Self {
            uri,
            ledger: Arc::default(),
            tokens: Arc::default(),
            killed: watch::Sender::new(false),
            ready: watch::Sender::new(0),
        }
    }

    /// What is known so far.
    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap()
    }

    /// What is known of tokens so far.
    pub(crate) fn tokens(&self) -> MutexGuard<'_, Tokens> {
        self.tokens.lock().unwrap()
    }

    /// From now on connections may break.
    pub(crate) fn set_killed(&self, killed: bool) {
        self.killed.send_replace(killed);
        self.ready.send_replace(0);
    }

    /// A player has done its preparations.
    pub(crate) fn is_ready(&self) {
        self.ready.send_modify(|ready| *ready += 1);
    }

    /// Waits until so many players are ready.
    pub(crate) async fn all_ready(&self, players: usize) {
        let mut ready = self.ready.subscribe();
        // The sender is ours.
        let _ = ready.wait_for(|ready| *ready >= players).await;
    }

    /// Lets `player` play until the broker is killed; to stop before is a violation. A client library
    /// may take the end of its connection badly, so nobody waits for it.
    pub(crate) async fn until_killed(&self, player: &str, play: impl Future<Output = Result<()>>) {
        let mut killed = self.killed.subscribe();
        let gone = async {
            let _ = killed.wait_for(|killed| *killed).await;
            sleep(ECHO).await;
        };
        let why = tokio::select! {
            why = play => why,
            () = gone => return,
        };
        if !*self.killed.borrow() {
            self.ledger().violated(format!("{player} stopped before the kill: {why:?}"));
        }
    }

    pub(crate) async fn connect(&self) -> Result<Connection> {
        let uri = self.uri.to_string();
        let connecting = Connection::connect(&uri, ConnectionProperties::default());
        timeout(SOON, connecting).await.expect("the broker answers")
    }

    /// A channel in confirm mode, on a connection that lives as long.
    pub(crate) async fn channel(&self) -> Result<(Connection, Channel)> {
        let connection = self.connect().await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok((connection, channel))
    }

    /// Declares what stays: fine on a new broker, and checked by a broker that has it.
    pub(crate) async fn build(&self) -> Result<()> {
        let (connection, channel) = self.channel().await?;
        for (exchange, kind) in [
            ("direct", ExchangeKind::Direct),
            ("topic", ExchangeKind::Topic),
            ("graves", ExchangeKind::Direct),
            ("churn", ExchangeKind::Direct),
        ] {
            declare_exchange(&channel, exchange, kind).await?;
        }
        declare_delayed(&channel, "later").await?;
        for (queue, arguments, exchange, key) in lasting_queues() {
            channel.queue_declare(queue.into(), DURABLE, arguments).await?;
            bind(&channel, queue, exchange, key).await?;
        }
        for queue in tokens::QUEUES {
            channel.queue_declare(queue.into(), DURABLE, FieldTable::default()).await?;
        }
        connection.close(200, "built".into()).await
    }
}

/// The queues that stay, with the exchange and key that lead to each.
fn lasting_queues() -> [(&'static str, FieldTable, &'static str, &'static str); 13] {
    let number = AMQPValue::LongInt;
    let text = |text: &str| AMQPValue::LongString(text.into());
    let of = |grave: Option<&str>, more: &[(&str, AMQPValue)]| {
        let mut arguments = FieldTable::default();
        if let Some(grave) = grave {
            arguments.insert("x-dead-letter-exchange".into(), text("graves"));
            arguments.insert("x-dead-letter-routing-key".into(), text(grave));
        }
        for (name, value) in more {
            arguments.insert((*name).into(), value.clone());
        }
        arguments
    };
    let brief = of(Some("expired"), &[("x-message-ttl", number(LIFE))]);
    let capped = of(Some("spilled"), &[("x-max-length", number(CAPPED))]);
    let full = [("x-max-length", number(REFUSING)), ("x-overflow", text("reject-publish"))];
    let once = of(None, &[("x-message-deduplication", AMQPValue::Boolean(true))]);
    let none = || of(None, &[]);
    [
        ("orders", of(Some("dead"), &[]), "direct", "orders"),
        ("brief", brief, "direct", "brief"),
        ("capped", capped, "direct", "capped"),
        ("refusing", of(None, &full), "direct", "refusing"),
        ("ranked", of(None, &[("x-max-priority", number(4))]), "direct", "ranked"),
        ("once", once, "direct", "once"),
        ("purged", none(), "direct", "purged"),
        ("delayed", none(), "later", "delayed"),
        ("fan-a", none(), "topic", "event.#"),
        ("fan-b", none(), "topic", "event.*"),
        ("dead", none(), "graves", "dead"),
        ("expired", none(), "graves", "expired"),
        ("spilled", none(), "graves", "spilled"),
    ]
}

pub(crate) async fn declare_exchange(
    channel: &Channel,
    name: &str,
    kind: ExchangeKind,
) -> Result<()> {
    let how = ExchangeDeclareOptions { durable: true, ..Default::default() };
    channel.exchange_declare(name.into(), kind, how, FieldTable::default()).await
}

/// A direct exchange that holds back messages that ask for it.
async fn declare_delayed(channel: &Channel, name: &str) -> Result<()> {
    let how = ExchangeDeclareOptions { durable: true, ..Default::default() };
    let mut arguments = FieldTable::default();
    arguments.insert("x-delayed-type".into(), AMQPValue::LongString("direct".into()));
    let kind = ExchangeKind::Custom("x-delayed-message".into());
    channel.exchange_declare(name.into(), kind, how, arguments).await
}

pub(crate) async fn bind(channel: &Channel, queue: &str, exchange: &str, key: &str) -> Result<()> {
    let (how, none) = (QueueBindOptions::default(), FieldTable::default());
    channel.queue_bind(queue.into(), exchange.into(), key.into(), how, none).await
}

/// Publishes a persistent message with so many bytes behind it.
pub(crate) async fn publish(
    channel: &Channel,
    to: (&str, &str),
    message: Message,
    padding: usize,
) -> Result<PublisherConfirm> {
    publish_with(channel, to, &message.to_body(padding), BasicProperties::default()).await
}

/// Publishes `body` persistently, with further properties.
pub(crate) async fn publish_with(
    channel: &Channel,
    (exchange, key): (&str, &str),
    body: &[u8],
    properties: BasicProperties,
) -> Result<PublisherConfirm> {
    let how = BasicPublishOptions::default();
    let properties = properties.with_delivery_mode(2);
    channel.basic_publish(exchange.into(), key.into(), how, body, properties).await
}

/// Whether the broker has taken the message.
pub(crate) async fn is_confirmed(confirm: PublisherConfirm) -> Result<bool> {
    Ok(matches!(confirm.await?, Confirmation::Ack(_)))
}
