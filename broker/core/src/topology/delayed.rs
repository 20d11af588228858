//! Exchanges that hold messages back: `x-delayed-message`, as RabbitMQ's plugin has it.
//!
//! Such an exchange routes like the type that `x-delayed-type` names, once a message's delay is over.
//! Until then the message waits in a queue that belongs to the exchange, comes and goes with it, is as
//! durable as it is, and has a number but no name of its own.

use std::sync::Arc;

use broker_protocol::reply::ReplyCode;
use broker_protocol::table::{FieldTable, Value};
use imbl::OrdMap;

use crate::id::QueueId;
use crate::queue::Settings;
use crate::refusal::Refusal;
use crate::topology::exchange_kind::ExchangeKind;

/// The argument that names the type.
pub(super) const TYPE: &str = "x-delayed-type";

/// The queues of a vhost's exchanges that hold messages back. A copy is cheap.
pub type Delays = OrdMap<QueueId, Arc<Settings>>;

/// How an exchange of type `kind` routes.
///
/// # Errors
///
/// For one that holds messages back, in the plugin's words: 406 if the argument is missing or names
/// the type itself, 503 if there is no such type.
pub(super) fn inner(kind: ExchangeKind, arguments: &FieldTable) -> Result<ExchangeKind, Refusal> {
    if kind != ExchangeKind::DelayedMessage {
        return Ok(kind);
    }
    let missing = || {
        let detail = format_args!("Invalid argument, '{TYPE}' must be an existing exchange type");
        Refusal::precondition(detail)
    };
    let name = arguments.get(TYPE).and_then(Value::as_str).ok_or_else(missing)?;
    match ExchangeKind::from_name(name) {
        Some(ExchangeKind::DelayedMessage) => Err(missing()),
        Some(inner) => Ok(inner),
        None => {
            let detail = format_args!("unknown exchange type '{name}'");
            Err(Refusal::new(ReplyCode::CommandInvalid, detail))
        }
    }
}
