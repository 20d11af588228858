//! What a broker can be told to have.

use std::fmt;

use crate::arguments::Arguments;

/// One thing in a vhost.
#[derive(Debug, Clone, PartialEq)]
pub enum Object {
    /// An exchange.
    Exchange(Exchange),
    /// A queue.
    Queue(Queue),
    /// A route from an exchange to a queue or to another exchange.
    Binding(Binding),
}

/// An exchange as it should be.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchange {
    /// Its name in the broker.
    pub name: String,
    /// `direct`, `fanout`, `topic`, `headers` or what a broker adds to them.
    pub kind: String,
    /// Whether it survives a restart of the broker.
    pub durable: bool,
    /// Whether it goes when its last binding goes.
    pub auto_delete: bool,
    /// Whether only other exchanges may publish to it.
    pub internal: bool,
    /// As in `alternate-exchange`.
    pub arguments: Arguments,
}

/// A queue as it should be.
#[derive(Debug, Clone, PartialEq)]
pub struct Queue {
    /// Its name in the broker.
    pub name: String,
    /// Whether it survives a restart of the broker.
    pub durable: bool,
    /// Whether it goes when its last consumer goes.
    pub auto_delete: bool,
    /// As in `x-max-length`.
    pub arguments: Arguments,
}

/// A binding as it should be.
#[derive(Debug, Clone, PartialEq)]
pub struct Binding {
    /// The exchange that messages come from.
    pub source: String,
    /// Where they go.
    pub destination: Destination,
    /// What the exchange compares routing keys with.
    pub routing_key: String,
    /// As in `x-match`.
    pub arguments: Arguments,
}

/// Where a binding leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// To the queue of this name.
    Queue(String),
    /// To the exchange of this name.
    Exchange(String),
}

// === impl Object ===

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exchange(exchange) => write!(f, "exchange '{}'", exchange.name),
            Self::Queue(queue) => write!(f, "queue '{}'", queue.name),
            Self::Binding(binding) => write!(
                f,
                "binding from exchange '{}' to {} with routing key '{}'",
                binding.source, binding.destination, binding.routing_key
            ),
        }
    }
}

// === impl Destination ===

impl Destination {
    /// The broker's name of the queue or exchange.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Queue(name) | Self::Exchange(name) => name,
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queue(name) => write!(f, "queue '{name}'"),
            Self::Exchange(name) => write!(f, "exchange '{name}'"),
        }
    }
}
