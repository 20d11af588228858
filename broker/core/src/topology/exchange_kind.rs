//! The types of exchanges.

/// How an exchange chooses among its bindings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExchangeKind {
    /// The routing key equals the binding's.
    Direct,
    /// Always.
    Fanout,
    /// The routing key matches the binding's pattern.
    Topic,
    /// The message's headers match the binding's arguments.
    Headers,
    /// One binding wins, by a hash of the routing key, a header or a property.
    ConsistentHash,
    /// Always, and it tells duplicates; the type of RabbitMQ's community plugin.
    MessageDeduplication,
    /// As the type that it names, once a message's delay is over; the type of RabbitMQ's plugin.
    DelayedMessage,
}

// === impl ExchangeKind ===

impl ExchangeKind {
    /// The type's name in AMQP.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Fanout => "fanout",
            Self::Topic => "topic",
            Self::Headers => "headers",
            Self::ConsistentHash => "x-consistent-hash",
            Self::MessageDeduplication => "x-message-deduplication",
            Self::DelayedMessage => "x-delayed-message",
        }
    }

    /// The type of this name, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [
            Self::Direct,
            Self::Fanout,
            Self::Topic,
            Self::Headers,
            Self::ConsistentHash,
            Self::MessageDeduplication,
            Self::DelayedMessage,
        ];
        all.into_iter().find(|kind| kind.name() == name)
    }
}
