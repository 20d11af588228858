//! Messages for tests.

use std::ops::Range;

use broker_protocol::properties::Properties;
use broker_protocol::table::FieldTable;
use bytes::Bytes;

use crate::message::Message;

/// A content header without properties, of a body of any size.
pub(crate) const HEADER: [u8; 14] = [0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

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

/// A publish as it lies on the wire from the exchange's name on, with what is in between; where
/// its header is, and where its body begins.
pub(crate) fn on_wire(exchange: &str, key: &str, body: &[u8]) -> (Vec<u8>, Range<usize>, usize) {
    let mut buf = vec![];
    for name in [exchange, key] {
        buf.push(name.len() as u8);
        buf.extend_from_slice(name.as_bytes());
    }
    buf.extend_from_slice(b"\x01\xce and a frame header");
    let header = buf.len()..buf.len() + HEADER.len();
    buf.extend_from_slice(&HEADER);
    buf.extend_from_slice(b"\xce and another");
    let body_start = buf.len();
    buf.extend_from_slice(body);
    (buf, header, body_start)
}

/// The message that [`on_wire`] laid out at the start of `read`.
pub(crate) fn from_wire(read: &Bytes, exchange: &str, key: &str, body: &[u8]) -> Message {
    let (buf, header, body_start) = on_wire(exchange, key, body);
    Message::from_wire(read.slice(..buf.len()), header, body_start).unwrap()
}
