//! AMQP 0-9-1 on the wire: bytes to frames, methods, properties and field tables, and back.
//!
//! Zero-copy: what is decoded borrows from the bytes it came from; only field tables, which are
//! rare and small, are decoded into memory of their own. Every length is checked against what is
//! there before it is believed, so no input can make decoding panic, recurse without bound or
//! allocate more than a small multiple of the input.
//!
//! ```text
//!  bytes ──▶ frame ──▶ method   (queue.declare, basic.publish, …)
//!                 └──▶ content  (class, body size, properties) ──▶ body
//! ```
//!
//! Both directions are here, the broker's and a client's: [`method::Method`] decodes and encodes
//! every method, [`encode`] writes the hot ones at once.
//!
//! Pure: no I/O, no clock, no randomness.

pub mod content;
pub mod encode;
pub mod error;
pub mod frame;
pub mod method;
pub mod properties;
pub mod reply;
#[cfg(test)]
pub mod sample;
pub mod table;
pub mod wire;

pub use crate::error::DecodeError;
pub use crate::frame::{Frame, FrameKind};
pub use crate::method::Method;
pub use crate::properties::{Properties, RawProperties};
pub use crate::reply::ReplyCode;
pub use crate::table::{FieldTable, Value};
