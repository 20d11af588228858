//! Frames: the units into which a connection's bytes are cut (section 2.3).
//!
//! ```text
//!  0      1         3             7                  size+7      size+8
//!  +------+---------+-------------+  +------------+  +-----------+
//!  | type | channel |     size    |  |  payload   |  | end, 0xCE |
//!  +------+---------+-------------+  +------------+  +-----------+
//!    octet   short       long         size octets        octet
//! ```

use crate::error::DecodeError;

/// Bytes of a frame before its payload.
pub const HEAD: usize = 7;

/// Bytes of a frame around its payload: head and end.
pub const OVERHEAD: usize = 8;

/// The octet that every frame ends in.
pub const END: u8 = 0xCE;

/// The smallest `frame_max` that a peer may ask for, in bytes (section 2.3.5).
pub const MIN_FRAME_MAX: u32 = 4096;

/// What a client of this protocol sends before anything else.
pub const PROTOCOL_HEADER: [u8; 8] = *b"AMQP\x00\x00\x09\x01";

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum FrameKind {
    /// A method with its arguments.
    Method = 1,
    /// The header of a content: its size and properties.
    Header = 2,
    /// A piece of a content's body.
    Body = 3,
    /// A sign of life, on channel 0 and without payload.
    Heartbeat = 8,
}

/// One frame, borrowed from the bytes it came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What it carries.
    pub kind: FrameKind,
    /// The channel; 0 is the connection itself.
    pub channel: u16,
    /// What is between head and end.
    pub payload: &'a [u8],
}

// === impl Frame ===

impl<'a> Frame<'a> {
    /// The first frame of `input`, if all of it is there. It occupies [`Frame::size`] bytes.
    ///
    /// `frame_max` is the negotiated limit in bytes, which counts the whole frame; 0 is no limit. As
    /// RabbitMQ does, a peer that counts the payload alone is let off. A frame that is too large is
    /// refused as soon as its head is there.
    ///
    /// # Errors
    ///
    /// When the type is unknown, the size is over the limit or the end is not [`END`].
    #[inline]
    pub fn first(input: &'a [u8], frame_max: u32) -> Result<Option<Self>, DecodeError> {
        let Some((&[kind, c0, c1, s0, s1, s2, s3], rest)) = input.split_first_chunk::<HEAD>()
        else {
            return FrameKind::of_partial(input).map(|()| None);
        };
        let kind = FrameKind::from_octet(kind)?;
        let size = u32::from_be_bytes([s0, s1, s2, s3]);
        if frame_max != 0 && size > frame_max {
            return Err(DecodeError::FrameTooLarge { size, max: frame_max });
        }
        let Some((payload, [end, ..])) = rest.split_at_checked(size as usize) else {
            return Ok(None);
        };
        if *end != END {
            return Err(DecodeError::BadFrameEnd(*end));
        }
        Ok(Some(Self { kind, channel: u16::from_be_bytes([c0, c1]), payload }))
    }

    /// How many bytes the frame occupies, head and end included.
    pub const fn size(&self) -> usize {
        self.payload.len() + OVERHEAD
    }
}

// === impl FrameKind ===

impl FrameKind {
    #[inline]
    const fn from_octet(octet: u8) -> Result<Self, DecodeError> {
        match octet {
            1 => Ok(Self::Method),
            2 => Ok(Self::Header),
            3 => Ok(Self::Body),
            8 => Ok(Self::Heartbeat),
            other => Err(DecodeError::UnknownFrameType(other)),
        }
    }

    /// Whether the beginning of a frame can become one: a wrong first octet is known at once.
    fn of_partial(input: &[u8]) -> Result<(), DecodeError> {
        input.first().map_or(Ok(()), |octet| Self::from_octet(*octet).map(drop))
    }
}

/// How many bytes at the front of `input` are whole frames, and what is wrong after them, if anything is.
///
/// Lets a caller set whole frames apart in one piece before looking into any of them.
#[inline]
pub fn whole(input: &[u8], frame_max: u32) -> (usize, Option<DecodeError>) {
    let mut length = 0;
    loop {
        match Frame::first(&input[length..], frame_max) {
            Ok(Some(frame)) => length += frame.size(),
            Ok(None) => return (length, None),
            Err(error) => return (length, Some(error)),
        }
    }
}

#[cfg(test)]
mod tests;
