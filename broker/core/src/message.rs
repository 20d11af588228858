//! A published message: one contiguous buffer, shared by every queue it was routed to.
//!
//! The buffer begins with the exchange name and the routing key, each an AMQP short string (a
//! length byte, then the text), followed somewhere by the content header's payload (class,
//! weight, body size, property flags, properties) and, at its end, by the body. On the wire a
//! publish lies exactly so, with frame headers in between; a message is then a slice of what the
//! connection read and costs one reference. [`Message::compact`] copies it out when it has to
//! wait, so that a few bytes do not keep a whole read buffer alive.

pub mod delay;
pub mod ttl;

use std::ops::Range;

use broker_protocol::content;
use broker_protocol::properties::{Properties, RawProperties};

use bytes::{Bytes, BytesMut};

/// Where the property flags lie in a content header: after class, weight and body size.
const FLAGS_AT: usize = content::FIXED;
/// Shortest content header: it has to hold the flags.
const MIN_HEADER: usize = FLAGS_AT + 2;

/// One message as published. Cloning counts a reference.
#[derive(Debug, Clone)]
pub struct Message {
    buf: Bytes,
    header_len: u32,
    body_start: u32,
    header_start: u16,
    flags: u16,
    compact: bool,
    death: Death,
}

/// Whether a message comes from a publisher, or from a queue of the broker's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Death {
    /// From a publisher.
    Alive,
    /// A consumer rejected it.
    Rejected,
    /// It died in a queue without anyone's doing.
    ByItself,
    /// It was held back by a delayed exchange, whatever it was before.
    Released,
}

// === impl Message ===

impl Message {
    /// A message that lies contiguous in `buf`, sharing it.
    ///
    /// `buf` begins with the exchange's short string, directly followed by the routing key's, and
    /// ends with the last byte of the body. `header` is the content header's payload within it,
    /// `body_start` the offset of the body. `None` if the parts do not lie so, a name is not
    /// UTF-8, or the header is too short to hold its flags.
    #[must_use]
    pub fn from_wire(buf: Bytes, header: Range<usize>, body_start: usize) -> Option<Self> {
        let exchange_end = 1 + usize::from(*buf.first()?);
        let key_end = exchange_end + 1 + usize::from(*buf.get(exchange_end)?);
        let in_order = key_end <= header.start
            && header.start + MIN_HEADER <= header.end
            && header.end <= body_start
            && body_start <= buf.len();
        if !in_order {
            return None;
        }
        std::str::from_utf8(&buf[1..exchange_end]).ok()?;
        std::str::from_utf8(&buf[exchange_end + 1..key_end]).ok()?;
        let at = header.start + FLAGS_AT;
        Some(Self {
            flags: u16::from_be_bytes([buf[at], buf[at + 1]]),
            header_start: u16::try_from(header.start).ok()?,
            header_len: u32::try_from(header.len()).ok()?,
            body_start: u32::try_from(body_start).ok()?,
            buf,
            compact: false,
            death: Death::Alive,
        })
    }

    /// A message assembled from its parts by copying them into one buffer of its own.
    ///
    /// `header` is the content header's payload. `None` if a name is longer than 255 bytes or the
    /// header is too short to hold its flags.
    #[must_use]
    pub fn assemble(
        exchange: &str,
        routing_key: &str,
        header: &[u8],
        body: &[&[u8]],
    ) -> Option<Self> {
        let names = 2 + exchange.len() + routing_key.len();
        let body_len: usize = body.iter().map(|part| part.len()).sum();
        let mut buf = BytesMut::with_capacity(names + header.len() + body_len);
        for name in [exchange, routing_key] {
            buf.extend_from_slice(&[u8::try_from(name.len()).ok()?]);
            buf.extend_from_slice(name.as_bytes());
        }
        buf.extend_from_slice(header);
        for part in body {
            buf.extend_from_slice(part);
        }
        let body_start = names + header.len();
        let mut message = Self::from_wire(buf.freeze(), names..body_start, body_start)?;
        message.compact = true;
        Some(message)
    }

    /// A message of the broker's own making, or one rewritten.
    ///
    /// `None` if a name is longer than 255 bytes or the body longer than 4 GiB.
    #[must_use]
    pub fn build(
        exchange: &str,
        routing_key: &str,
        properties: &Properties<'_>,
        body: &[u8],
    ) -> Option<Self> {
        let mut header = BytesMut::new();
        content::encode(&mut header, body.len() as u64, properties);
        Self::assemble(exchange, routing_key, &header, &[body])
    }

    /// The same body under another exchange, routing key and properties.
    pub(crate) fn with_properties(
        &self,
        exchange: &str,
        routing_key: &str,
        properties: &Properties<'_>,
    ) -> Option<Self> {
        let mut other = Self::build(exchange, routing_key, properties, self.body())?;
        other.death = self.death;
        Some(other)
    }

    /// The exchange it was published to; empty for the default exchange.
    #[must_use]
    pub fn exchange(&self) -> &str {
        self.short_string(0)
    }

    /// The routing key it was published with.
    #[must_use]
    pub fn routing_key(&self) -> &str {
        self.short_string(1 + usize::from(self.buf[0]))
    }

    /// Exchange and routing key as two short strings, one after the other, as the wire has them in a
    /// publish and a delivery alike.
    #[must_use]
    pub fn names(&self) -> &[u8] {
        let key_at = 1 + usize::from(self.buf[0]);
        &self.buf[..key_at + 1 + usize::from(self.buf[key_at])]
    }

    /// The content header's payload, byte for byte as published: class, weight, body size,
    /// property flags, properties.
    #[must_use]
    pub fn header(&self) -> &[u8] {
        let start = usize::from(self.header_start);
        &self.buf[start..start + self.header_len as usize]
    }

    /// The properties, to be read one by one.
    #[must_use]
    pub fn properties(&self) -> RawProperties<'_> {
        RawProperties::trusted(&self.header()[FLAGS_AT..])
    }

    /// The property flags: which properties there are, without looking at the buffer.
    #[must_use]
    pub fn property_flags(&self) -> u16 {
        self.flags
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.buf[self.body_start as usize..]
    }

    /// The body, sharing the message's buffer.
    #[must_use]
    pub fn body_bytes(&self) -> Bytes {
        self.buf.slice(self.body_start as usize..)
    }

    /// The body's length in bytes.
    #[must_use]
    pub fn body_len(&self) -> usize {
        self.buf.len() - self.body_start as usize
    }

    /// How many deliveries it counts as where deliveries under way are limited: one for each started
    /// 4 KiB of its body, at least one. It never changes.
    #[must_use]
    #[inline]
    pub fn weight(&self) -> u32 {
        let pieces = self.body_len().div_ceil(4096).max(1);
        u32::try_from(pieces).unwrap_or(u32::MAX)
    }

    /// Bytes of names, header and body: what keeping the message costs, save bookkeeping.
    #[must_use]
    pub fn size(&self) -> usize {
        self.buf.len()
    }

    /// Makes the message own a buffer of its own size, once; does nothing the second time.
    ///
    /// Clones made before keep the old buffer, clones made after share the new one.
    pub fn compact(&mut self) {
        if self.compact {
            return;
        }
        let names = 2 + usize::from(self.buf[0]) + self.routing_key().len();
        let header = self.header();
        let body = self.body();
        let mut buf = Vec::with_capacity(names + header.len() + body.len());
        buf.extend_from_slice(&self.buf[..names]);
        buf.extend_from_slice(header);
        buf.extend_from_slice(body);
        self.header_start = names as u16;
        self.body_start = self.header_len + names as u32;
        self.buf = Bytes::from(buf);
        self.compact = true;
    }

    /// Whether the broker publishes it, after it died in a queue or was held back in one.
    #[must_use]
    pub fn is_dead_letter(&self) -> bool {
        self.death != Death::Alive
    }

    /// Whether it died without a consumer having rejected it.
    pub(crate) fn is_dead_by_itself(&self) -> bool {
        self.death == Death::ByItself
    }

    pub(crate) fn mark_dead(&mut self, by_itself: bool) {
        self.death = if by_itself { Death::ByItself } else { Death::Rejected };
    }

    pub(crate) fn mark_released(&mut self) {
        self.death = Death::Released;
    }

    fn short_string(&self, at: usize) -> &str {
        let end = at + 1 + usize::from(self.buf[at]);
        std::str::from_utf8(&self.buf[at + 1..end]).unwrap_or_default()
    }
}

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;
