//! The primitive values of the wire: integers, bits, short and long strings (section 4.2.5).

use bytes::{BufMut, BytesMut};

use crate::error::DecodeError;
use crate::table::FieldTable;

/// The longest short string, in bytes.
pub const SHORT_STR_MAX: usize = 255;

/// Reads primitive values from the front of a frame's payload; never past its end.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
    /// The octet that consecutive bits share, and how many of them have been taken.
    bits: u8,
    taken: u8,
}

/// Appends primitive values to a buffer.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut BytesMut,
    /// How many bits of the last octet are in use; 0 when the last value was not a bit.
    taken: u8,
}

/// A value that methods and properties are made of.
pub trait Field<'a>: Sized {
    /// Takes the value from the front of `reader`.
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError>;

    /// Appends the value.
    fn write(&self, writer: &mut Writer<'_>);
}

// === impl Reader ===

impl<'a> Reader<'a> {
    /// Reads from the front of `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, bits: 0, taken: 0 }
    }

    /// What has not been read.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether everything has been read.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Fails unless everything has been read.
    pub const fn finish(&self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError::Trailing) }
    }

    /// The next `count` bytes.
    #[inline]
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        self.taken = 0;
        Ok(taken)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        self.taken = 0;
        Ok(*taken)
    }

    /// An octet.
    #[inline]
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array::<1>().map(|[octet]| octet)
    }

    /// A `short`, big endian like all integers.
    #[inline]
    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    /// A `long`.
    #[inline]
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    /// A `longlong`.
    #[inline]
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_be_bytes)
    }

    /// A bit; up to eight consecutive ones share an octet, lowest bit first.
    #[inline]
    pub fn bit(&mut self) -> Result<bool, DecodeError> {
        if self.taken == 0 || self.taken == 8 {
            self.bits = self.u8()?;
            self.taken = 0;
        }
        let bit = self.bits >> self.taken & 1 == 1;
        self.taken += 1;
        Ok(bit)
    }

    /// A short string: up to 255 bytes of UTF-8.
    #[inline]
    pub fn short_str(&mut self) -> Result<&'a str, DecodeError> {
        let length = self.u8()?;
        let bytes = self.take(usize::from(length))?;
        str::from_utf8(bytes).map_err(|_| DecodeError::NotUtf8)
    }

    /// A long string: any bytes.
    #[inline]
    pub fn long_str(&mut self) -> Result<&'a [u8], DecodeError> {
        let length = self.u32()?;
        self.take(usize::try_from(length).map_err(|_| DecodeError::Truncated)?)
    }
}

// === impl Writer ===

impl<'a> Writer<'a> {
    /// Appends to `out`.
    pub const fn new(out: &'a mut BytesMut) -> Self {
        Self { out, taken: 0 }
    }

    /// Appends bytes as they are.
    #[inline]
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.taken = 0;
        self.out.put_slice(bytes);
    }

    /// Appends a bit; up to eight consecutive ones share an octet, lowest bit first.
    pub fn bit(&mut self, bit: bool) {
        if self.taken == 0 || self.taken == 8 {
            self.out.put_u8(0);
            self.taken = 0;
        }
        if let Some(last) = self.out.last_mut() {
            *last |= u8::from(bit) << self.taken;
        }
        self.taken += 1;
    }

    /// Appends a short string. What is over 255 bytes is cut at a character's boundary: names
    /// that came over the wire are never that long, and a reply text may be.
    #[inline]
    pub fn short_str(&mut self, text: &str) {
        let kept = &text[..text.floor_char_boundary(SHORT_STR_MAX)];
        self.bytes(&[kept.len() as u8]);
        self.bytes(kept.as_bytes());
    }

    /// Appends a long string.
    pub fn long_str(&mut self, bytes: &[u8]) {
        self.bytes(&(bytes.len() as u32).to_be_bytes());
        self.bytes(bytes);
    }

    /// Appends a 32-bit length and then what `write` appends, which is what the length counts.
    pub fn counted(&mut self, write: impl FnOnce(&mut Writer<'_>)) {
        let at = self.out.len();
        self.bytes(&[0; 4]);
        write(self);
        self.taken = 0;
        let length = (self.out.len() - at - 4) as u32;
        self.out[at..at + 4].copy_from_slice(&length.to_be_bytes());
    }
}

// === impl Field ===

macro_rules! integer_fields {
    ($($type:ident),*) => {$(
        impl<'a> Field<'a> for $type {
            #[inline]
            fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
                reader.$type()
            }

            #[inline]
            fn write(&self, writer: &mut Writer<'_>) {
                writer.bytes(&self.to_be_bytes());
            }
        }
    )*};
}

integer_fields!(u8, u16, u32, u64);

impl<'a> Field<'a> for bool {
    #[inline]
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        reader.bit()
    }

    fn write(&self, writer: &mut Writer<'_>) {
        writer.bit(*self);
    }
}

/// A short string.
impl<'a> Field<'a> for &'a str {
    #[inline]
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        reader.short_str()
    }

    fn write(&self, writer: &mut Writer<'_>) {
        writer.short_str(self);
    }
}

/// A long string.
impl<'a> Field<'a> for &'a [u8] {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        reader.long_str()
    }

    fn write(&self, writer: &mut Writer<'_>) {
        writer.long_str(self);
    }
}

impl<'a> Field<'a> for FieldTable {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        FieldTable::decode(reader)
    }

    fn write(&self, writer: &mut Writer<'_>) {
        self.encode(writer);
    }
}
