//! Making one object so, and unmaking it.

use lapin::options::{
    ExchangeBindOptions, ExchangeDeclareOptions, ExchangeDeleteOptions, ExchangeUnbindOptions,
    QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::ShortString;
use lapin::{Channel, ExchangeKind};

use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::object::{Binding, Destination, Exchange, Object, Queue};
use crate::pool::Pool;

/// What the caller knows about an object before it is ensured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Nothing: an identical one that exists is taken over.
    Unknown,
    /// It was there before. Whether it still was is told by [`Ensured`].
    Expected,
}

/// How an object came to be what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ensured {
    /// It is there; whether it was there before is not known.
    Declared,
    /// It was there before.
    Found,
    /// It was not there before.
    Created,
}

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

// === impl Pool ===

impl Pool {
    /// Makes `object` exist exactly as described. Idempotent.
    ///
    /// AMQP cannot ask whether a binding exists, so for bindings `presence` makes no difference and the answer is [`Ensured::Declared`].
    ///
    /// # Errors
    ///
    /// [`Error`] says what the broker answered. An object of the same name that differs is never touched.
    pub async fn ensure(
        &self,
        endpoint: &Endpoint,
        vhost: &str,
        object: &Object,
        presence: Presence,
    ) -> Result<Ensured, Error> {
        check_names(object)?;
        let ensured = if presence == Presence::Unknown || matches!(object, Object::Binding(_)) {
            Ensured::Declared
        } else if self.exists(endpoint, vhost, object).await? {
            Ensured::Found
        } else {
            Ensured::Created
        };
        self.slot(endpoint, vhost).run(endpoint, Command::Declare(object)).await?;
        Ok(ensured)
    }

    /// Whether there is an exchange or queue of this name, whatever its settings. AMQP cannot ask for a binding, which may
    /// always be there.
    ///
    /// # Errors
    ///
    /// What the broker answered.
    pub async fn exists(
        &self,
        endpoint: &Endpoint,
        vhost: &str,
        object: &Object,
    ) -> Result<bool, Error> {
        check_names(object)?;
        if matches!(object, Object::Binding(_)) {
            return Ok(true);
        }
        match self.slot(endpoint, vhost).run(endpoint, Command::Check(object)).await {
            Ok(()) => Ok(true),
            Err(Error::NotFound(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes `object` not exist. Idempotent: what is gone already is fine.
    ///
    /// # Errors
    ///
    /// [`Error::InUse`] when `removal` forbids it; otherwise what the broker answered.
    pub async fn remove(
        &self,
        endpoint: &Endpoint,
        vhost: &str,
        object: &Object,
        removal: Removal,
    ) -> Result<(), Error> {
        check_names(object)?;
        match self.slot(endpoint, vhost).run(endpoint, Command::Remove(object, removal)).await {
            Err(Error::NotFound(_)) => Ok(()),
            done => done,
        }
    }
}

/// Everything that AMQP keeps in a short string must fit in one.
fn check_names(object: &Object) -> Result<(), Error> {
    let names: [(&str, &str); 3] = match object {
        Object::Exchange(e) => [("name", &e.name), ("type", &e.kind), ("name", "")],
        Object::Queue(q) => [("name", &q.name), ("name", ""), ("name", "")],
        Object::Binding(b) => [
            ("source", &b.source),
            ("destination", b.destination.name()),
            ("routing key", &b.routing_key),
        ],
    };
    match names.into_iter().find(|(_, name)| name.len() > 255) {
        Some((what, name)) => {
            Err(Error::Invalid(format!("the {what} has {} bytes; AMQP allows 255", name.len())))
        }
        None => Ok(()),
    }
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

// === impl Destination ===

impl Destination {
    fn name(&self) -> &str {
        match self {
            Self::Queue(name) | Self::Exchange(name) => name,
        }
    }
}

/// `check_names` has made sure that the name fits; one that does not would become the empty name, which brokers refuse.
fn short(name: &str) -> ShortString {
    ShortString::try_new(name).unwrap_or_default()
}
