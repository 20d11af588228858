//! What may stand in a policy: its keys, and which values make sense.
//!
//! The keys are RabbitMQ's. Those that say how its nodes mirror or store queues, and those of
//! streams, are checked and then mean nothing here, so that existing definitions can be used.

use broker_protocol::table::{FieldTable, Value};

use crate::arguments::plain;
use crate::message::ttl::LONGEST_LIFE;
use crate::policy::{Invalid, Rank};

/// A key, what may stand under it, and whether operator policies may have it.
struct Key {
    name: &'static str,
    form: Form,
    operator: bool,
}

/// What a value looks like.
#[derive(Clone, Copy)]
enum Form {
    /// A whole number from the first to the second.
    Number(u64, u64),
    /// The name of an exchange, or a routing key.
    Name,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Text of any kind.
    Text,
    /// A number, or a list of texts.
    NumberOrNames,
}

const ANY: Form = Form::Number(0, i64::MAX as u64);

#[rustfmt::skip]
const KEYS: &[Key] = &[
    both("expires", Form::Number(1, LONGEST_LIFE)),
    both("message-ttl", Form::Number(0, LONGEST_LIFE)),
    both("max-length", ANY),
    both("max-length-bytes", ANY),
    both("overflow", Form::Word(&["drop-head", "reject-publish", "reject-publish-dlx"])),
    both("delivery-limit", ANY),
    both("consumer-timeout", Form::Number(1, LONGEST_LIFE)),
    user("dead-letter-exchange", Form::Name),
    user("dead-letter-routing-key", Form::Name),
    user("dead-letter-strategy", Form::Word(&["at-most-once", "at-least-once"])),
    user("alternate-exchange", Form::Name),
    both("max-in-memory-length", ANY),
    both("max-in-memory-bytes", ANY),
    user("queue-mode", Form::Word(&["default", "lazy"])),
    both("queue-version", Form::Number(1, 2)),
    user("queue-leader-locator", Form::Word(&["client-local", "balanced", "random", "least-leaders"])),
    user("initial-cluster-size", ANY),
    both("target-group-size", ANY),
    user("max-age", Form::Text),
    user("stream-max-segment-size-bytes", ANY),
    both("ha-mode", Form::Word(&["all", "exactly", "nodes"])),
    both("ha-params", Form::NumberOrNames),
    both("ha-sync-mode", Form::Word(&["automatic", "manual"])),
    user("ha-sync-batch-size", ANY),
    user("ha-promote-on-shutdown", Form::Word(&["always", "when-synced"])),
    user("ha-promote-on-failure", Form::Word(&["always", "when-synced"])),
];

const fn both(name: &'static str, form: Form) -> Key {
    Key { name, form, operator: true }
}

const fn user(name: &'static str, form: Form) -> Key {
    Key { name, form, operator: false }
}

/// Checks a definition.
pub(super) fn check(rank: Rank, definition: &FieldTable) -> Result<(), Invalid> {
    if definition.is_empty() {
        return Err(Invalid("no policy provided: the definition is empty".to_owned()));
    }
    for (at, (name, value)) in definition.iter().enumerate() {
        if definition.iter().take(at).any(|(other, _)| other == name) {
            return Err(Invalid(format!("duplicate key '{name}' not allowed")));
        }
        let Some(key) = KEYS.iter().find(|key| key.name == name) else {
            return Err(unknown(rank, name));
        };
        if rank == Rank::Operator && !key.operator {
            return Err(unknown(rank, name));
        }
        if !key.form.takes(value) {
            let value = plain(value);
            let right = key.form.described();
            return Err(Invalid(format!("'{value}' is not a valid value of '{name}': {right}")));
        }
    }
    Ok(())
}

fn unknown(rank: Rank, name: &str) -> Invalid {
    let allowed = KEYS.iter().filter(|key| key.operator || rank == Rank::User);
    let allowed: Vec<_> = allowed.map(|key| key.name).collect();
    let what = match rank {
        Rank::User => "policy",
        Rank::Operator => "operator policy",
    };
    let allowed = allowed.join(", ");
    Invalid(format!("'{name}' is not a recognised {what} setting; those are: {allowed}"))
}

// === impl Form ===

impl Form {
    fn takes(self, value: &Value) -> bool {
        match self {
            Self::Number(least, most) => value
                .as_i64()
                .and_then(|number| u64::try_from(number).ok())
                .is_some_and(|number| (least..=most).contains(&number)),
            Self::Name => value.as_str().is_some_and(|name| name.len() <= 255),
            Self::Word(words) => value.as_str().is_some_and(|word| words.contains(&word)),
            Self::Text => value.as_str().is_some(),
            Self::NumberOrNames => match value {
                Value::Array(names) => names.iter().all(|name| name.as_str().is_some()),
                number => ANY.takes(number),
            },
        }
    }

    fn described(self) -> String {
        match self {
            Self::Number(least, most) => format!("a whole number from {least} to {most}"),
            Self::Name => "a text of at most 255 bytes".to_owned(),
            Self::Word(words) => format!("one of: {}", words.join(", ")),
            Self::Text => "a text".to_owned(),
            Self::NumberOrNames => "a whole number or a list of texts".to_owned(),
        }
    }
}
