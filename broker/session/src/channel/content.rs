//! A publish whose content has not all arrived: the method, then a header, then bodies (section 4.2.6).

use broker_core::message::Message;
use broker_protocol::content::{BASIC, ContentHeader};
use broker_protocol::method::basic;

use crate::fault::Fault;

/// What has arrived of a publish.
///
/// Copied out of what was read, so that a client that stops half-way holds on to no read buffer,
/// and grown only by what arrives, whatever the header announces.
#[derive(Debug)]
pub(crate) struct Unfinished {
    pub(crate) mandatory: bool,
    exchange: Box<str>,
    routing_key: Box<str>,
    header: Option<Header>,
    body: Vec<u8>,
}

#[derive(Debug)]
struct Header {
    payload: Box<[u8]>,
    body_size: usize,
}

// === impl Unfinished ===

impl Unfinished {
    pub(crate) fn new(publish: &basic::Publish<'_>) -> Self {
        Self {
            mandatory: publish.mandatory,
            exchange: publish.exchange.into(),
            routing_key: publish.routing_key.into(),
            header: None,
            body: Vec::new(),
        }
    }

    /// Bytes that it holds.
    pub(crate) fn len(&self) -> usize {
        let header = self.header.as_ref().map_or(0, |header| header.payload.len());
        self.exchange.len() + self.routing_key.len() + header + self.body.len()
    }

    /// Takes the header.
    pub(crate) fn header(&mut self, payload: &[u8]) -> Result<(), Fault> {
        if self.header.is_some() {
            return Err(Fault::unexpected_frame(
                "expected content body, got non content body frame instead",
            ));
        }
        let body_size = checked(payload)?.body_size as usize;
        self.header = Some(Header { payload: payload.into(), body_size });
        Ok(())
    }

    /// Takes a piece of the body.
    pub(crate) fn body(&mut self, piece: &[u8]) -> Result<(), Fault> {
        let Some(header) = &self.header else {
            return Err(Fault::unexpected_frame(
                "expected content header for class 60, got non content header frame instead",
            ));
        };
        if self.body.len() + piece.len() > header.body_size {
            return Err(Fault::unexpected_frame("content body is longer than its header says"));
        }
        self.body.extend_from_slice(piece);
        Ok(())
    }

    /// The message, if it is complete.
    pub(crate) fn message(&self) -> Option<Message> {
        let header = self.header.as_ref()?;
        if self.body.len() < header.body_size {
            return None;
        }
        Message::assemble(&self.exchange, &self.routing_key, &header.payload, &[&self.body])
    }

    /// How many bytes the body will have, once the header is there.
    pub(crate) fn body_size(&self) -> u64 {
        self.header.as_ref().map_or(0, |header| header.body_size as u64)
    }
}

/// Decodes a content header that a publish may have.
#[inline]
pub(crate) fn checked(payload: &[u8]) -> Result<ContentHeader<'_>, Fault> {
    let header = ContentHeader::decode(payload)?;
    if header.class == BASIC {
        Ok(header)
    } else {
        Err(Fault::unexpected_frame(format_args!(
            "expected content header for class 60, got one for class {} instead",
            header.class
        )))
    }
}
