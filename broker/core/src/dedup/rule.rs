//! What a queue or an exchange was told about duplicates, and the key it finds in a message.
//!
//! The names are those of RabbitMQ's community plugin `rabbitmq-message-deduplication`, so that what
//! was declared for it can be declared here; `x-deduplication-key` is ours.

use broker_protocol::table::{FieldTable, Value};

use crate::arguments::{invalid, unacceptable};
use crate::dedup::{Fingerprint, Key, WindowId};
use crate::message::Message;
use crate::message::ttl::LONGEST_LIFE;
use crate::name::Name;
use crate::refusal::Refusal;

/// The argument that switches de-duplication on.
const ENABLED: &str = "x-message-deduplication";
/// The argument that says how many keys are remembered.
const SIZE: &str = "x-cache-size";
/// The argument, and the header of a message, that say how long, in ms.
const LIFE: &str = "x-cache-ttl";
/// The argument that says where a message has its key.
const KEY: &str = "x-deduplication-key";
/// Accepted and of no consequence: keys are as durable as what they are in.
const PERSISTENCE: &str = "x-cache-persistence";
/// The header that holds the key unless [`KEY`] says otherwise.
const HEADER: &str = "x-deduplication-header";

/// Arguments that have to be the same when something is declared again.
pub(crate) const COMPARED: [&str; 4] = [ENABLED, SIZE, LIFE, KEY];

/// Keys remembered unless told otherwise.
const DEFAULT_LIMIT: u32 = 250_000;
/// The most that can be asked for.
const MOST: u64 = 1 << 30;
/// How long keys are remembered unless told otherwise: a day.
const DEFAULT_LIFE: u64 = 86_400_000;

/// By what messages are told apart, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    by: By,
    /// How many keys are remembered; the oldest goes first.
    pub limit: u32,
    /// For how long, in ms.
    pub life: u64,
}

/// Where a message has its key.
#[derive(Debug, Clone, PartialEq, Eq)]
enum By {
    Header(Name),
    MessageId,
    CorrelationId,
}

// === impl Rule ===

impl Rule {
    /// What `arguments` say, if they ask for de-duplication. `entity` is as in `queue 'q' in vhost
    /// '/'`.
    ///
    /// # Errors
    ///
    /// 406 with the name of the argument that is wrong, also when nothing is asked for.
    pub(crate) fn from_arguments(
        table: &FieldTable,
        entity: &str,
    ) -> Result<Option<Self>, Refusal> {
        let enabled = match table.get(ENABLED) {
            None => false,
            Some(Value::Bool(enabled)) => *enabled,
            Some(other) => return Err(invalid(ENABLED, entity, unacceptable(other))),
        };
        let rule = Self::read(table, entity)?;
        Ok(enabled.then_some(rule))
    }

    /// What `arguments` say to an exchange whose type is de-duplication.
    ///
    /// # Errors
    ///
    /// As [`Rule::from_arguments`], and 406 if the size is missing, which the plugin insists on.
    pub(crate) fn required(table: &FieldTable, entity: &str) -> Result<Self, Refusal> {
        let rule = Self::read(table, entity)?;
        if table.get(SIZE).is_none() {
            let detail = format_args!(
                "Missing or invalid argument, '{SIZE}' must be an integer greater than 0"
            );
            return Err(Refusal::precondition(detail));
        }
        Ok(rule)
    }

    fn read(table: &FieldTable, entity: &str) -> Result<Self, Refusal> {
        if let Some(value) = table.get(PERSISTENCE)
            && !matches!(value.as_str(), Some("memory" | "disk"))
        {
            return Err(invalid(PERSISTENCE, entity, "must be either 'disk' or 'memory'"));
        }
        let by = match table.get(KEY) {
            None => By::Header(Name::new(HEADER)),
            Some(value) => match value.as_str() {
                None => return Err(invalid(KEY, entity, unacceptable(value))),
                Some("") => return Err(invalid(KEY, entity, "must name a header or a property")),
                Some("message-id" | "message_id") => By::MessageId,
                Some("correlation-id" | "correlation_id") => By::CorrelationId,
                Some(header) => By::Header(Name::new(header)),
            },
        };
        let limit = positive(table, SIZE, MOST, entity)?;
        let life = positive(table, LIFE, LONGEST_LIFE, entity)?;
        Ok(Self {
            by,
            // At most 2^30.
            limit: limit.map_or(DEFAULT_LIMIT, |limit| limit as u32),
            life: life.unwrap_or(DEFAULT_LIFE),
        })
    }

    /// The key by which `window` is to judge the message; none if the message has none, and so can
    /// not be a duplicate.
    pub(crate) fn key(&self, window: WindowId, message: &Message) -> Option<Key> {
        let properties = message.properties();
        let headers = properties.headers().unwrap_or_default();
        let fingerprint = match &self.by {
            By::Header(name) => fingerprint(headers.get(name)?)?,
            By::MessageId => Fingerprint::of(b'S', properties.message_id()?.as_bytes()),
            By::CorrelationId => {
                let properties = properties.to_properties().ok()?;
                Fingerprint::of(b'S', properties.correlation_id?.as_bytes())
            }
        };
        let own_life = headers.get(LIFE).and_then(number);
        let own_life = own_life.and_then(|life| u64::try_from(life).ok());
        let life = own_life.map_or(self.life, |life| life.min(LONGEST_LIFE));
        Some(Key { window, fingerprint, life, limit: self.limit })
    }
}

/// A whole number that is not zero, perhaps written as text, as the plugin takes it.
fn positive(
    table: &FieldTable,
    key: &str,
    most: u64,
    entity: &str,
) -> Result<Option<u64>, Refusal> {
    let Some(value) = table.get(key) else { return Ok(None) };
    match number(value).map(u64::try_from) {
        Some(Ok(number)) if number > most => {
            Err(invalid(key, entity, format_args!("{{value_too_large,{number}}}")))
        }
        Some(Ok(number)) if number > 0 => Ok(Some(number)),
        _ => Err(invalid(key, entity, "must be an integer greater than 0")),
    }
}

fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// Of a header's value; lists and tables are no keys. Numbers are the same whatever their width.
fn fingerprint(value: &Value) -> Option<Fingerprint> {
    if let Some(number) = value.as_i64() {
        return Some(Fingerprint::of(b'I', &number.to_le_bytes()));
    }
    Some(match value {
        Value::String(text) | Value::Bytes(text) => Fingerprint::of(b'S', text),
        Value::Bool(value) => Fingerprint::of(b'B', &[u8::from(*value)]),
        Value::F32(bits) => Fingerprint::of(b'f', &bits.to_le_bytes()),
        Value::F64(bits) => Fingerprint::of(b'd', &bits.to_le_bytes()),
        Value::Timestamp(seconds) => Fingerprint::of(b'T', &seconds.to_le_bytes()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
