//! Consistent-hash exchanges: each message goes to exactly one of the targets, and messages with
//! the same key to the same one, for as long as the bindings stay.
//!
//! Every binding draws a lot for the key, from a hash of both and weighted by the binding's
//! routing key; the highest wins ("rendezvous hashing"). A binding that comes or goes moves only
//! its own share of the keys, and a weight costs no memory. The time grows with the bindings.

use broker_protocol::table::{FieldTable, Value};
use imbl::OrdMap;

use crate::arguments;
use crate::message::Message;
use crate::name::Name;
use crate::refusal::Refusal;
use crate::routing::destinations::Target;
use crate::routing::targets::Targets;

const HEADER: &str = "hash-header";
const PROPERTY: &str = "hash-property";

/// The bindings of a consistent-hash exchange.
#[derive(Debug, Clone)]
pub(crate) struct ConsistentHash {
    by: By,
    /// How many bindings there are for each target and weight.
    lots: OrdMap<(Target, u64), u32>,
}

/// What of a message is hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
enum By {
    RoutingKey,
    Header(Name),
    CorrelationId,
    MessageId,
    Timestamp,
}

// === impl ConsistentHash ===

impl ConsistentHash {
    /// No bindings yet. `entity` is as in `exchange 'e' in vhost '/'`.
    ///
    /// # Errors
    ///
    /// 406 if the arguments do not say what to hash.
    pub(crate) fn new(table: &FieldTable, entity: &str) -> Result<Self, Refusal> {
        let header = arguments::name(table, HEADER, entity)?;
        let property = arguments::name(table, PROPERTY, entity)?;
        let by = match (header, property.as_deref()) {
            (None, None) => By::RoutingKey,
            (Some(header), None) => By::Header(header),
            (None, Some("correlation_id")) => By::CorrelationId,
            (None, Some("message_id")) => By::MessageId,
            (None, Some("timestamp")) => By::Timestamp,
            (None, Some(other)) => {
                return Err(Refusal::precondition(format_args!("Unsupported property: {other}")));
            }
            (Some(_), Some(_)) => {
                let detail = "hash-header and hash-property are mutually exclusive";
                return Err(Refusal::precondition(detail));
            }
        };
        Ok(Self { by, lots: OrdMap::new() })
    }

    pub(crate) fn check(key: &str) -> Result<(), Refusal> {
        match key.parse::<i64>() {
            Ok(1..) => Ok(()),
            Ok(_) => Err(Refusal::precondition("The binding key must be greater than 0")),
            Err(_) => Err(Refusal::precondition(format_args!(
                "The binding key must be an integer: <<\"{key}\">>"
            ))),
        }
    }

    pub(crate) fn add(&mut self, key: &str, target: Target) {
        if let Ok(weight) = key.parse() {
            *self.lots.entry((target, weight)).or_insert(0) += 1;
        }
    }

    pub(crate) fn remove(&mut self, key: &str, target: &Target) {
        let Ok(weight) = key.parse() else { return };
        let lot = (target.clone(), weight);
        if let Some(bindings) = self.lots.get_mut(&lot) {
            *bindings -= 1;
            if *bindings == 0 {
                self.lots.remove(&lot);
            }
        }
    }

    pub(crate) fn find(&self, key: &str, message: &Message, targets: &mut Targets) -> bool {
        let key = self.by.hash(key, message);
        let score = |(target, weight): &(Target, u64)| {
            let draw = mix(mix(key ^ identity(target)) ^ *weight);
            // Uniform in (0, 1), so that its logarithm is a finite negative number.
            let uniform = ((draw >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
            *weight as f64 / -uniform.ln()
        };
        let winner = self.lots.keys().max_by(|a, b| score(a).total_cmp(&score(b)));
        match winner {
            Some((Target::Queue(queue), _)) => targets.add_queue(*queue),
            Some((Target::Exchange(exchange), _)) => targets.add_exchange(exchange),
            None => return false,
        }
        true
    }
}

// === impl By ===

impl By {
    fn hash(&self, key: &str, message: &Message) -> u64 {
        let properties = || message.properties().to_properties().unwrap_or_default();
        match self {
            Self::RoutingKey => bytes(key.as_bytes()),
            Self::Header(name) => match properties().headers.unwrap_or_default().get(name) {
                Some(Value::String(text)) => bytes(text),
                Some(other) => bytes(arguments::plain(other).as_bytes()),
                None => bytes(b""),
            },
            Self::CorrelationId => bytes(properties().correlation_id.unwrap_or("").as_bytes()),
            Self::MessageId => bytes(properties().message_id.unwrap_or("").as_bytes()),
            Self::Timestamp => mix(properties().timestamp.unwrap_or(0)),
        }
    }
}

fn identity(target: &Target) -> u64 {
    match target {
        Target::Queue(queue) => mix(queue.0),
        Target::Exchange(name) => bytes(name.as_bytes()),
    }
}

/// FNV-1a, then mixed: the same everywhere, which the standard library's hashes do not promise.
fn bytes(text: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    mix(text.iter().fold(0xcbf2_9ce4_8422_2325, step))
}

/// The finalizer of SplitMix64: every bit of the input moves every bit of the output.
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests;
