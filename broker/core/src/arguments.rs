//! Arguments of declarations: reading them, and comparing a declaration with what exists.

use std::fmt::Display;

use broker_protocol::table::{FieldTable, Value};

use crate::name::Name;
use crate::refusal::Refusal;

/// Names that begin so are the broker's own.
pub(crate) const RESERVED: &str = "amq.";

/// Refuses to create something with a name of the broker's own.
pub(crate) fn check_not_reserved(what: &str, name: &str) -> Result<(), Refusal> {
    if name.starts_with(RESERVED) {
        let detail = format_args!("{what} name '{name}' contains reserved prefix 'amq.*'");
        return Err(Refusal::access(detail));
    }
    Ok(())
}

/// The name in the argument `key`, if it is there. `entity` is as in `queue 'q' in vhost '/'`.
pub(crate) fn name(table: &FieldTable, key: &str, entity: &str) -> Result<Option<Name>, Refusal> {
    let Some(value) = table.get(key) else { return Ok(None) };
    match value.as_str() {
        Some(text) => Ok(Some(Name::new(text))),
        None => Err(Refusal::precondition(format_args!(
            "invalid type '{}' for arg '{key}' in {entity}",
            value.type_name()
        ))),
    }
}

/// A refusal of one argument, with the reason in RabbitMQ's notation.
pub(crate) fn invalid(key: &str, entity: &str, reason: impl Display) -> Refusal {
    Refusal::precondition(format_args!("invalid arg '{key}' for {entity}: {reason}"))
}

pub(crate) fn unacceptable(value: &Value) -> String {
    format!("{{unacceptable_type,{}}}", value.type_name())
}

/// Refuses a declaration that differs from what exists in the attribute `key`.
pub(crate) fn assert_same<T: Display + PartialEq>(
    key: &str,
    entity: &str,
    wanted: T,
    current: T,
) -> Result<(), Refusal> {
    if wanted == current {
        return Ok(());
    }
    Err(inequivalent(key, entity, format_args!("'{wanted}'"), format_args!("'{current}'")))
}

/// Refuses a declaration that differs from what exists in one of the arguments `keys`.
///
/// Numbers are compared by value, whatever their width, as RabbitMQ does.
pub(crate) fn assert_equivalent(
    keys: &[&str],
    entity: &str,
    wanted: &FieldTable,
    current: &FieldTable,
) -> Result<(), Refusal> {
    for key in keys {
        match (wanted.get(key), current.get(key)) {
            (None, None) => {}
            (Some(wanted), Some(current)) => {
                let numbers = wanted.as_i64().zip(current.as_i64());
                if wanted != current && numbers.is_none_or(|(wanted, current)| wanted != current) {
                    let (wanted, current) = (plain(wanted), plain(current));
                    let quoted = (format!("'{wanted}'"), format!("'{current}'"));
                    return Err(inequivalent(key, entity, quoted.0, quoted.1));
                }
            }
            (wanted, current) => {
                return Err(inequivalent(key, entity, typed(wanted), typed(current)));
            }
        }
    }
    Ok(())
}

fn inequivalent(key: &str, entity: &str, wanted: impl Display, current: impl Display) -> Refusal {
    Refusal::precondition(format_args!(
        "inequivalent arg '{key}' for {entity}: received {wanted} but current is {current}"
    ))
}

fn typed(value: Option<&Value>) -> String {
    match value {
        None => "none".to_owned(),
        Some(value) => format!("the value '{}' of type '{}'", plain(value), value.type_name()),
    }
}

/// A value as Erlang would print it.
pub(crate) fn plain(value: &Value) -> String {
    match (value, value.as_i64()) {
        (_, Some(number)) => number.to_string(),
        (Value::String(bytes) | Value::Bytes(bytes), _) => {
            String::from_utf8_lossy(bytes).into_owned()
        }
        (Value::Bool(value), _) => value.to_string(),
        (Value::Timestamp(seconds), _) => seconds.to_string(),
        (other, _) => format!("{other:?}"),
    }
}
