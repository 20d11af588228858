//! What comes of arguments, a policy and an operator policy together.
//!
//! Where a limit is given more than once, the strictest counts, whoever gave it. Of anything else
//! the declared argument comes first, then the operator policy's value, then the policy's. So it is
//! in RabbitMQ.

use std::sync::Arc;

use broker_protocol::table::{FieldTable, Value};

use crate::name::Name;
use crate::policy::Policy;
use crate::queue::{DeadLetterTo, Overflow, Settings};

/// The policies that apply to one queue or exchange.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Governed {
    /// The policy, if one applies.
    pub policy: Option<Arc<Policy>>,
    /// The operator policy, if one applies.
    pub operator: Option<Arc<Policy>>,
}

// === impl Governed ===

impl Governed {
    /// Whether no policy applies.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.policy.is_none() && self.operator.is_none()
    }

    /// Both policies in one, by key; empty if there is none.
    #[must_use]
    pub fn definition(&self) -> FieldTable {
        let mut both = FieldTable::new();
        for (key, value) in self.tables().flat_map(FieldTable::iter) {
            let stricter = both.get(key).and_then(Value::as_i64).zip(value.as_i64());
            if stricter.is_none_or(|(policy, operator)| operator < policy) {
                both.insert(key, value.clone());
            }
        }
        both.sorted()
    }

    /// How a queue behaves that was declared with `arguments`, which make `declared`.
    pub(crate) fn settings(&self, declared: Settings, arguments: &FieldTable) -> Settings {
        if self.is_empty() {
            return declared;
        }
        let declares = |argument| arguments.get(argument).is_some();
        let overflow = self.text("overflow").filter(|_| !declares("x-overflow"));
        Settings {
            expires: self.limit("expires", declared.expires),
            message_ttl: self.limit("message-ttl", declared.message_ttl),
            max_length: self.limit("max-length", declared.max_length),
            max_bytes: self.limit("max-length-bytes", declared.max_bytes),
            consumer_timeout: self.limit("consumer-timeout", declared.consumer_timeout),
            delivery_limit: self
                .limit("delivery-limit", declared.delivery_limit.map(u64::from))
                .map(|limit| u32::try_from(limit).unwrap_or(u32::MAX)),
            overflow: overflow.and_then(Overflow::from_name).unwrap_or(declared.overflow),
            dead_letter: self.dead_letter(declared.dead_letter),
            ..declared
        }
    }

    /// Where an exchange's unroutable messages go, whose arguments say `declared`.
    pub(crate) fn alternate(&self, declared: Option<Name>) -> Option<Name> {
        declared.or_else(|| self.text("alternate-exchange").map(Name::new))
    }

    fn dead_letter(&self, declared: Option<DeadLetterTo>) -> Option<DeadLetterTo> {
        let (exchange, routing_key) = match declared {
            Some(DeadLetterTo { exchange, routing_key }) => (Some(exchange), routing_key),
            None => (None, None),
        };
        let exchange = exchange.or_else(|| self.text("dead-letter-exchange").map(Name::new))?;
        let routing_key =
            routing_key.or_else(|| self.text("dead-letter-routing-key").map(Name::new));
        Some(DeadLetterTo { exchange, routing_key })
    }

    /// The strictest of the limits there are.
    fn limit(&self, key: &str, declared: Option<u64>) -> Option<u64> {
        let numbers = self.tables().filter_map(|table| table.get(key)?.as_i64());
        numbers.filter_map(|number| u64::try_from(number).ok()).chain(declared).min()
    }

    /// The operator policy's text, or the policy's.
    fn text(&self, key: &str) -> Option<&str> {
        self.tables().filter_map(|table| table.get(key)?.as_str()).last()
    }

    /// The definitions, the operator policy's last.
    fn tables(&self) -> impl Iterator<Item = &FieldTable> {
        self.policy.iter().chain(&self.operator).map(|policy| policy.definition())
    }
}
