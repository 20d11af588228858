//! Messages for tests.

use broker_protocol::properties::Properties;
use broker_protocol::table::FieldTable;

use crate::message::Message;

/// A message without properties.
pub(crate) fn message(exchange: &str, key: &str, body: &[u8]) -> Message {
    with(exchange, key, &Properties::default(), body)
}

/// A message with these headers.
pub(crate) fn with_headers(exchange: &str, key: &str, headers: FieldTable) -> Message {
    with(exchange, key, &Properties { headers: Some(headers), ..Properties::default() }, b"")
}

/// A message with these properties.
pub(crate) fn with(exchange: &str, key: &str, properties: &Properties<'_>, body: &[u8]) -> Message {
    Message::build(exchange, key, properties, body).unwrap()
}
