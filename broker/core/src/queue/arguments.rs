//! The `x-` arguments of `queue.declare`: checked one by one, and made into [`Settings`].
//!
//! A known argument with a wrong type or value is refused by name, in RabbitMQ's notation.
//! Unknown ones are carried and ignored.

mod belonging;

use broker_protocol::table::{FieldTable, Value};

pub(crate) use self::belonging::check_belonging;
use crate::arguments::{self, invalid, unacceptable};
use crate::dedup::Rule;
use crate::message::ttl::LONGEST_LIFE;
use crate::name::Name;
use crate::queue::settings::{DeadLetterTo, Kind, Overflow, Settings};
use crate::refusal::Refusal;

/// The argument that says how a queue is kept.
pub(crate) const KIND: &str = "x-queue-type";

/// Where a queue's dead messages go.
pub(crate) const DEAD_LETTER_EXCHANGE: &str = "x-dead-letter-exchange";

/// Arguments, beside [`KIND`], that have to be the same when a queue is declared again, in the order of checking.
pub(crate) const COMPARED: [&str; 16] = [
    "x-expires",
    "x-message-ttl",
    DEAD_LETTER_EXCHANGE,
    "x-dead-letter-routing-key",
    "x-dead-letter-strategy",
    "x-max-length",
    "x-max-length-bytes",
    "x-max-in-memory-length",
    "x-max-in-memory-bytes",
    "x-max-priority",
    "x-overflow",
    "x-queue-mode",
    "x-queue-version",
    "x-single-active-consumer",
    "x-delivery-limit",
    "x-quorum-initial-group-size",
];

/// Arguments under the name of the queue they are for.
struct Arguments<'a> {
    table: &'a FieldTable,
    entity: String,
}

// === impl Settings ===

impl Settings {
    /// What `arguments` make of this queue.
    ///
    /// # Errors
    ///
    /// 406 with the name of the argument that is wrong.
    pub(crate) fn with_arguments(mut self, table: &FieldTable) -> Result<Self, Refusal> {
        if table.is_empty() {
            return Ok(self);
        }
        let entity = format!("queue '{}' in vhost '{}'", self.name, self.vhost);
        let arguments = Arguments { table, entity };
        self.expires = arguments.expires()?;
        self.message_ttl = arguments.time("x-message-ttl")?;
        self.dead_letter = arguments.dead_letter()?;
        self.max_length = arguments.number("x-max-length")?;
        self.max_bytes = arguments.number("x-max-length-bytes")?;
        self.max_priority = arguments.max_priority()?;
        self.overflow = arguments.overflow()?;
        self.single_active = arguments.truth("x-single-active-consumer")?;
        self.kind = arguments.kind()?;
        self.delivery_limit = arguments.delivery_limit()?;
        self.consumer_timeout = arguments.consumer_timeout()?;
        self.dedup = Rule::from_arguments(table, &arguments.entity)?;
        arguments.check_the_rest()?;
        Ok(self)
    }
}

// === impl Arguments ===

impl Arguments<'_> {
    fn refuse(&self, key: &str, reason: impl std::fmt::Display) -> Refusal {
        invalid(key, &self.entity, reason)
    }

    /// A whole number that is not negative.
    fn number(&self, key: &str) -> Result<Option<u64>, Refusal> {
        let Some(value) = self.table.get(key) else { return Ok(None) };
        let Some(number) = value.as_i64() else {
            let reason = format_args!("\"expected integer, got {}\"", value.type_name());
            return Err(self.refuse(key, reason));
        };
        match u64::try_from(number) {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(self.refuse(key, format_args!("{{value_negative,{number}}}"))),
        }
    }

    /// A length of time in ms.
    fn time(&self, key: &str) -> Result<Option<u64>, Refusal> {
        match self.number(key)? {
            Some(long) if long > LONGEST_LIFE => {
                Err(self.refuse(key, format_args!("{{value_too_large,{long}}}")))
            }
            time => Ok(time),
        }
    }

    fn text(&self, key: &str) -> Result<Option<&str>, Refusal> {
        match self.table.get(key) {
            None => Ok(None),
            Some(value) => match value.as_str() {
                Some(text) => Ok(Some(text)),
                None => Err(self.refuse(key, unacceptable(value))),
            },
        }
    }

    fn truth(&self, key: &str) -> Result<bool, Refusal> {
        match self.table.get(key) {
            None => Ok(false),
            Some(Value::Bool(value)) => Ok(*value),
            Some(other) => Err(self.refuse(key, unacceptable(other))),
        }
    }

    /// One of the words that the argument knows, or nothing.
    fn one_of(&self, key: &str, words: &[&str], no: &str) -> Result<(), Refusal> {
        match self.text(key)? {
            Some(text) if !words.contains(&text) => Err(self.refuse(key, no)),
            _ => Ok(()),
        }
    }

    fn expires(&self) -> Result<Option<u64>, Refusal> {
        match self.time("x-expires")? {
            Some(0) => Err(self.refuse("x-expires", "{value_zero,0}")),
            other => Ok(other),
        }
    }

    fn consumer_timeout(&self) -> Result<Option<u64>, Refusal> {
        // 0 turns off what is off by default.
        Ok(self.time("x-consumer-timeout")?.filter(|timeout| *timeout > 0))
    }

    fn delivery_limit(&self) -> Result<Option<u32>, Refusal> {
        let name = "x-delivery-limit";
        // So it is turned off where RabbitMQ has one by default.
        if self.table.get(name).and_then(Value::as_i64) == Some(-1) {
            return Ok(None);
        }
        let limit = self.number(name)?;
        Ok(limit.map(|limit| u32::try_from(limit).unwrap_or(u32::MAX)))
    }

    fn max_priority(&self) -> Result<u8, Refusal> {
        let highest = self.number("x-max-priority")?.unwrap_or(0);
        u8::try_from(highest).map_err(|_| {
            self.refuse("x-max-priority", format_args!("{{max_value_exceeded,{highest}}}"))
        })
    }

    fn overflow(&self) -> Result<Overflow, Refusal> {
        match self.text("x-overflow")? {
            None => Ok(Overflow::DropHead),
            Some(name) => Overflow::from_name(name)
                .ok_or_else(|| self.refuse("x-overflow", "invalid_overflow")),
        }
    }

    fn kind(&self) -> Result<Kind, Refusal> {
        match self.text(KIND)? {
            None | Some("classic") => Ok(Kind::Classic),
            Some("quorum") => Ok(Kind::Quorum),
            Some(other) => {
                let reason = format_args!("\"unsupported queue type '{other}'\"");
                Err(self.refuse(KIND, reason))
            }
        }
    }

    fn dead_letter(&self) -> Result<Option<DeadLetterTo>, Refusal> {
        let exchange = arguments::name(self.table, DEAD_LETTER_EXCHANGE, &self.entity)?;
        let routing_key = self.text("x-dead-letter-routing-key")?.map(Name::new);
        match exchange {
            Some(exchange) => Ok(Some(DeadLetterTo { exchange, routing_key })),
            None if routing_key.is_some() => {
                let key = "x-dead-letter-routing-key";
                Err(self.refuse(key, "routing_key_but_no_dlx_defined"))
            }
            None => Ok(None),
        }
    }

    /// Arguments that are checked though nothing here depends on them.
    fn check_the_rest(&self) -> Result<(), Refusal> {
        let strategies = ["at-most-once", "at-least-once"];
        self.one_of("x-dead-letter-strategy", &strategies, "invalid_dlx_strategy")?;
        let locators = ["client-local", "balanced", "random", "least-leaders"];
        self.one_of("x-queue-leader-locator", &locators, "invalid_queue_locator_arg")?;
        if let Some(mode) = self.text("x-queue-mode")?
            && !["default", "lazy"].contains(&mode)
        {
            let reason = format_args!("\"unsupported queue mode '{mode}'\"");
            return Err(self.refuse("x-queue-mode", reason));
        }
        if let Some(version) = self.number("x-queue-version")?
            && ![1, 2].contains(&version)
        {
            let reason = format_args!("\"unsupported queue version '{version}'\"");
            return Err(self.refuse("x-queue-version", reason));
        }
        if self.number("x-quorum-initial-group-size")? == Some(0) {
            return Err(self.refuse("x-quorum-initial-group-size", "{value_zero,0}"));
        }
        for key in ["x-max-in-memory-length", "x-max-in-memory-bytes"] {
            self.number(key)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
