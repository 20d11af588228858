//! One AMQP method and its answer: asking for an object, declaring it, removing it.

use lapin::options::{
    ExchangeBindOptions, ExchangeDeclareOptions, ExchangeDeleteOptions, ExchangeUnbindOptions,
    QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::ShortString;
use lapin::{Channel, ExchangeKind};

use crate::object::{Binding, Destination, Exchange, Object, Queue};

/// Under which conditions an object may be removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removal {
    /// Only a queue without messages.
    pub if_empty: bool,
    /// Only a queue without consumers, or an exchange without bindings.
    pub if_unused: bool,
}

/// One AMQP method and its answer.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Command<'a> {
    /// Does it exist? [`Error::NotFound`] if not.
    Check(&'a Object),
    /// Let it exist.
    Declare(&'a Object),
    /// Let it not exist.
    Remove(&'a Object, Removal),
}

// === impl Command ===

impl Command<'_> {
    /// Sends the method on `channel` and waits for the answer.
    pub(crate) async fn perform(self, channel: &Channel) -> lapin::Result<()> {
        match self {
            Self::Check(Object::Exchange(exchange)) => exchange.declare(channel, true).await,
            Self::Check(Object::Queue(queue)) => queue.declare(channel, true).await,
            // Binding again is the only way to ask.
            Self::Check(Object::Binding(binding)) => binding.bind(channel).await,
            Self::Declare(Object::Exchange(exchange)) => exchange.declare(channel, false).await,
            Self::Declare(Object::Queue(queue)) => queue.declare(channel, false).await,
            Self::Declare(Object::Binding(binding)) => binding.bind(channel).await,
            Self::Remove(Object::Exchange(exchange), removal) => {
                let options = ExchangeDeleteOptions { if_unused: removal.if_unused, nowait: false };
                channel.exchange_delete(short(&exchange.name), options).await
            }
            Self::Remove(Object::Queue(queue), Removal { if_empty, if_unused }) => {
                let options = QueueDeleteOptions { if_unused, if_empty, nowait: false };
                channel.queue_delete(short(&queue.name), options).await.map(drop)
            }
            Self::Remove(Object::Binding(binding), _) => binding.unbind(channel).await,
        }
    }
}

// === impl Exchange ===

impl Exchange {
    async fn declare(&self, channel: &Channel, passive: bool) -> lapin::Result<()> {
        let kind = match self.kind.as_str() {
            "direct" => ExchangeKind::Direct,
            "fanout" => ExchangeKind::Fanout,
            "headers" => ExchangeKind::Headers,
            "topic" => ExchangeKind::Topic,
            other => ExchangeKind::Custom(other.to_owned()),
        };
        let options = ExchangeDeclareOptions {
            passive,
            durable: self.durable,
            auto_delete: self.auto_delete,
            internal: self.internal,
            nowait: false,
        };
        channel.exchange_declare(short(&self.name), kind, options, self.arguments.table()).await
    }
}

// === impl Queue ===

impl Queue {
    async fn declare(&self, channel: &Channel, passive: bool) -> lapin::Result<()> {
        let options = QueueDeclareOptions {
            passive,
            durable: self.durable,
            exclusive: false,
            auto_delete: self.auto_delete,
            nowait: false,
        };
        channel.queue_declare(short(&self.name), options, self.arguments.table()).await.map(drop)
    }
}

// === impl Binding ===

impl Binding {
    async fn bind(&self, channel: &Channel) -> lapin::Result<()> {
        let (source, key) = (short(&self.source), short(&self.routing_key));
        let arguments = self.arguments.table();
        match &self.destination {
            Destination::Queue(queue) => {
                let options = QueueBindOptions::default();
                channel.queue_bind(short(queue), source, key, options, arguments).await
            }
            Destination::Exchange(exchange) => {
                let options = ExchangeBindOptions::default();
                channel.exchange_bind(short(exchange), source, key, options, arguments).await
            }
        }
    }

    async fn unbind(&self, channel: &Channel) -> lapin::Result<()> {
        let (source, key) = (short(&self.source), short(&self.routing_key));
        let arguments = self.arguments.table();
        match &self.destination {
            Destination::Queue(queue) => {
                channel.queue_unbind(short(queue), source, key, arguments).await
            }
            Destination::Exchange(exchange) => {
                let options = ExchangeUnbindOptions::default();
                channel.exchange_unbind(short(exchange), source, key, options, arguments).await
            }
        }
    }
}

/// Names are known to fit when they come here; one that does not would become the empty name, which brokers refuse.
fn short(name: &str) -> ShortString {
    ShortString::try_new(name).unwrap_or_default()
}
