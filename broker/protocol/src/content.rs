//! Content headers: the size and properties of what a publish or delivery carries (section 2.3.5.2).

use bytes::BytesMut;

use crate::error::DecodeError;
use crate::properties::{Properties, RawProperties};
use crate::wire::{Reader, Writer};

/// The only class that carries content.
pub const BASIC: u16 = 60;

/// Bytes of a header before its properties: class, weight and body size.
pub const FIXED: usize = 12;

/// The payload of a header frame, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentHeader<'a> {
    /// The class that the content belongs to; only [`BASIC`] has content.
    pub class: u16,
    /// How many bytes of body follow.
    pub body_size: u64,
    /// The properties, as they came.
    pub properties: RawProperties<'a>,
}

// === impl ContentHeader ===

impl<'a> ContentHeader<'a> {
    /// Reads the payload of a header frame and checks its properties, all without allocating.
    ///
    /// # Errors
    ///
    /// When it is too short, or the properties are not well formed.
    #[inline]
    pub fn decode(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload);
        let class = reader.u16()?;
        reader.u16()?;
        let body_size = reader.u64()?;
        let properties = RawProperties::decode(reader.rest())?;
        Ok(Self { class, body_size, properties })
    }

    /// As [`ContentHeader::decode`], for a payload that was checked before: malformed properties read as absent.
    ///
    /// # Errors
    ///
    /// When it is too short.
    #[inline]
    pub fn trusted(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload);
        let class = reader.u16()?;
        reader.u16()?;
        let body_size = reader.u64()?;
        Ok(Self { class, body_size, properties: RawProperties::trusted(reader.rest()) })
    }
}

/// Appends the payload of a header frame of class [`BASIC`].
pub fn encode(out: &mut BytesMut, body_size: u64, properties: &Properties<'_>) {
    let mut writer = Writer::new(out);
    writer.bytes(&BASIC.to_be_bytes());
    writer.bytes(&[0; 2]);
    writer.bytes(&body_size.to_be_bytes());
    properties.encode(&mut writer);
}
