//! What resources stand for.

use std::fmt;

use crate::named::Named;

/// One object in one broker.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ObjectKey {
    pub(crate) cluster: Named,
    pub(crate) vhost: String,
    pub(crate) what: What,
}

/// What AMQP tells objects of a vhost apart by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum What {
    Exchange(String),
    Queue(String),
    /// Bindings have no name: source, destination, routing key and arguments are one.
    Binding {
        source: String,
        destination: Box<What>,
        routing_key: String,
        arguments: String,
    },
}

// === impl What ===

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exchange(name) => write!(f, "exchange '{name}'"),
            Self::Queue(name) => write!(f, "queue '{name}'"),
            Self::Binding { source, destination, routing_key, .. } => {
                write!(f, "binding '{routing_key}' from exchange '{source}' to {destination}")
            }
        }
    }
}
