//! Dead-lettering: what a message carries to say how, where and why it died.
//!
//! Header `x-death` lists each queue and reason once, the latest first, with how often and when
//! first; `x-first-death-*` and `x-last-death-*` hold the ends of the story. A message that comes
//! round to a queue it died in before, with no rejection by a client on the way, would go round
//! for ever: it is dropped.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use broker_protocol::table::{FieldTable, Value};

use crate::message::Message;
use crate::queue::ready::Entry as Dying;
use crate::queue::settings::{DeadLetterTo, Settings};
use crate::queue::{Effect, Queue};
use crate::time::Timestamp;

const DEATHS: &str = "x-death";
const REJECTED: &str = "rejected";

/// Why a message died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// A consumer refused it without requeueing.
    Rejected,
    /// Its time ran out.
    Expired,
    /// The queue was full.
    MaxLength,
    /// It was delivered too often.
    DeliveryLimit,
}

// === impl Reason ===

impl Reason {
    const fn name(self) -> &'static str {
        match self {
            Self::Rejected => REJECTED,
            Self::Expired => "expired",
            Self::MaxLength => "maxlen",
            Self::DeliveryLimit => "delivery_limit",
        }
    }
}

// === impl Queue ===

impl Queue {
    /// Sends a message that was in the queue and has died on its way, if there is one.
    pub(super) fn bury(
        &mut self,
        entry: &Dying,
        reason: Reason,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        match self.dead(&entry.message, reason, now) {
            Some(message) => {
                let id = entry.logged.then_some(entry.id);
                self.dying.extend(id);
                self.note_dying_in_page(entry);
                effects.push(Effect::DeadLetter { id, message });
            }
            None => self.note_gone(entry),
        }
    }

    /// What a message that dies here is sent on as, if it is sent on.
    pub(super) fn dead(
        &self,
        message: &Message,
        reason: Reason,
        now: Timestamp,
    ) -> Option<Message> {
        let to = self.settings.dead_letter.as_ref()?;
        obituary(message, &self.settings, to, reason, now)
    }
}

/// Whether the message says that it died in `queue` before.
pub(super) fn has_died_in(message: &Message, queue: &str) -> bool {
    let headers = message.properties().headers().unwrap_or_default();
    let Some(Value::Array(deaths)) = headers.get(DEATHS) else { return false };
    deaths
        .iter()
        .any(|death| matches!(death, Value::Table(death) if text(death, "queue") == Some(queue)))
}

/// Whether a dead message has come round to `queue` without anyone having wanted it to.
pub(super) fn goes_in_circles(message: &Message, queue: &str) -> bool {
    if !message.is_dead_by_itself() {
        return false;
    }
    let headers = message.properties().headers().unwrap_or_default();
    let Some(Value::Array(deaths)) = headers.get(DEATHS) else { return false };
    for death in deaths {
        let Value::Table(death) = death else { continue };
        if text(death, "reason") == Some(REJECTED) {
            return false;
        }
        if text(death, "queue") == Some(queue) {
            return true;
        }
    }
    false
}

/// The message as it leaves for the dead-letter exchange.
fn obituary(
    message: &Message,
    settings: &Settings,
    to: &DeadLetterTo,
    reason: Reason,
    now: Timestamp,
) -> Option<Message> {
    let mut properties = message.properties().to_properties().ok()?;
    let expiration = properties.expiration.take();
    let headers = properties.headers.get_or_insert_default();
    let death = death(message, headers, settings, reason, expiration, now);
    record(headers, death, message.exchange(), &settings.name, reason.name());
    if to.routing_key.is_some() {
        headers.remove("CC");
    }
    let key = to.routing_key.as_deref().unwrap_or(message.routing_key());
    let mut dead = message.with_properties(&to.exchange, key, &properties)?;
    dead.mark_dead(reason != Reason::Rejected);
    Some(dead)
}

/// A new entry of the history, its fields in the order that RabbitMQ has them in.
fn death(
    message: &Message,
    headers: &FieldTable,
    settings: &Settings,
    reason: Reason,
    expiration: Option<&str>,
    now: Timestamp,
) -> FieldTable {
    let mut keys = vec![Value::from(message.routing_key())];
    for name in ["CC", "BCC"] {
        if let Some(Value::Array(more)) = headers.get(name) {
            keys.extend(more.iter().filter(|key| key.as_str().is_some()).cloned());
        }
    }
    let mut death = FieldTable::new();
    death.insert("count", 1_i64);
    death.insert("reason", reason.name());
    death.insert("queue", &*settings.name);
    death.insert("time", Value::Timestamp(now.0 / 1_000));
    death.insert("exchange", message.exchange());
    death.insert("routing-keys", keys);
    if let Some(expiration) = expiration {
        death.insert("original-expiration", expiration);
    }
    death
}

/// Puts `death` at the front of the history, or counts it if the queue and reason are in it.
fn record(headers: &mut FieldTable, death: FieldTable, exchange: &str, queue: &str, reason: &str) {
    let ends = [("exchange", exchange), ("queue", queue), ("reason", reason)];
    let mut history = match headers.remove(DEATHS) {
        Some(Value::Array(deaths)) => merged(deaths),
        _ => {
            for (name, value) in ends {
                headers.insert(format!("x-first-death-{name}"), value);
            }
            Vec::new()
        }
    };
    let same = |entry: &Value| match entry {
        Value::Table(entry) => {
            text(entry, "queue") == Some(queue) && text(entry, "reason") == Some(reason)
        }
        _ => false,
    };
    let latest = match history.iter().position(same) {
        Some(at) => counted(history.remove(at)),
        None => Value::Table(death),
    };
    history.insert(0, latest);
    headers.insert(DEATHS, history);
    for (name, value) in ends {
        headers.insert(format!("x-last-death-{name}"), value);
    }
}

/// A history as brokers before `count` wrote it, with an entry for each death: one for each queue and
/// reason, with how many there were.
fn merged(deaths: Vec<Value>) -> Vec<Value> {
    let uncounted = |death: &Value| matches!(death, Value::Table(t) if t.get("count").is_none());
    if !deaths.iter().any(uncounted) {
        return deaths;
    }
    let mut places = BTreeMap::new();
    let mut merged: Vec<(Value, i64)> = Vec::new();
    for death in deaths {
        let Value::Table(entry) = &death else { continue };
        let key = |name| text(entry, name).unwrap_or_default().to_owned();
        match places.entry((key("queue"), key("reason"))) {
            Entry::Vacant(place) => {
                place.insert(merged.len());
                merged.push((death, 1));
            }
            Entry::Occupied(place) => merged[*place.get()].1 += 1,
        }
    }
    let count = |(mut death, count): (Value, i64)| {
        if let Value::Table(entry) = &mut death
            && entry.get("count").is_none()
        {
            entry.insert("count", count);
        }
        death
    };
    merged.into_iter().map(count).collect()
}

fn counted(death: Value) -> Value {
    let Value::Table(mut death) = death else { return death };
    let count = death.get("count").and_then(Value::as_i64).unwrap_or(0);
    death.insert("count", count.saturating_add(1));
    Value::Table(death)
}

fn text<'a>(table: &'a FieldTable, name: &str) -> Option<&'a str> {
    table.get(name).and_then(Value::as_str)
}

#[cfg(test)]
mod tests;
