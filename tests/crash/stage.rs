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

use crate::ledger::{Ledger, Message};

pub(crate) const DURABLE: QueueDeclareOptions = QueueDeclareOptions {
    passive: false,
    durable: true,
    exclusive: false,
    auto_delete: false,
    nowait: false,
};

/// Where everybody plays.
#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) uri: Uri,
    ledger: Arc<Mutex<Ledger>>,
    killed: watch::Sender<bool>,
}

/// How long what the broker sent may take to be read after its end.
const ECHO: Duration = Duration::from_millis(100);

// === impl Stage ===

impl Stage {
    pub(crate) fn new(uri: Uri) -> Self {
        Self { uri, ledger: Arc::default(), killed: watch::Sender::new(false) }
    }

    /// What is known so far.
    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap()
    }

    /// From now on connections may break.
    pub(crate) fn set_killed(&self, killed: bool) {
        self.killed.send_replace(killed);
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
        let mut brief = to_grave("expired");
        brief.insert("x-message-ttl".into(), AMQPValue::LongInt(250));
        let none = FieldTable::default;
        for (queue, arguments, exchange, key) in [
            ("orders", to_grave("dead"), "direct", "orders"),
            ("brief", brief, "direct", "brief"),
            ("purged", none(), "direct", "purged"),
            ("fan-a", none(), "topic", "event.#"),
            ("fan-b", none(), "topic", "event.*"),
            ("dead", none(), "graves", "dead"),
            ("expired", none(), "graves", "expired"),
        ] {
            channel.queue_declare(queue.into(), DURABLE, arguments).await?;
            bind(&channel, queue, exchange, key).await?;
        }
        connection.close(200, "built".into()).await
    }
}

fn to_grave(key: &str) -> FieldTable {
    let mut arguments = FieldTable::default();
    for (name, value) in [("x-dead-letter-exchange", "graves"), ("x-dead-letter-routing-key", key)]
    {
        arguments.insert(name.into(), AMQPValue::LongString(value.into()));
    }
    arguments
}

pub(crate) async fn declare_exchange(
    channel: &Channel,
    name: &str,
    kind: ExchangeKind,
) -> Result<()> {
    let how = ExchangeDeclareOptions { durable: true, ..Default::default() };
    channel.exchange_declare(name.into(), kind, how, FieldTable::default()).await
}

pub(crate) async fn bind(channel: &Channel, queue: &str, exchange: &str, key: &str) -> Result<()> {
    let (how, none) = (QueueBindOptions::default(), FieldTable::default());
    channel.queue_bind(queue.into(), exchange.into(), key.into(), how, none).await
}

/// Publishes a persistent message.
pub(crate) async fn publish(
    channel: &Channel,
    (exchange, key): (&str, &str),
    message: Message,
    padding: usize,
) -> Result<PublisherConfirm> {
    let how = BasicPublishOptions::default();
    let properties = BasicProperties::default().with_delivery_mode(2);
    let body = message.to_body(padding);
    channel.basic_publish(exchange.into(), key.into(), how, &body, properties).await
}

/// Whether the broker has taken the message.
pub(crate) async fn is_confirmed(confirm: PublisherConfirm) -> Result<bool> {
    Ok(matches!(confirm.await?, Confirmation::Ack(_)))
}
