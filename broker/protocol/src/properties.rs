//! Message properties: what a content header says about a message (section 1.8, `basic` properties).
//!
//! The broker passes properties on as they came, so it keeps them raw and reads single ones when
//! it needs them: [`RawProperties`]. [`Properties`] is all of them at once, to build or rewrite.

use crate::error::DecodeError;
use crate::table::{self, FieldTable};
use crate::wire::{Field, Reader, Writer};

/// Delivery mode of a message that need not survive a restart.
pub const TRANSIENT: u8 = 1;

/// Delivery mode of a message that is to survive a restart.
pub const PERSISTENT: u8 = 2;

/// Properties as they are on the wire: flags, then the values of those present. Copies nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawProperties<'a>(&'a [u8]);

/// How a property is written, which is all it takes to step over it.
#[derive(Clone, Copy)]
enum Shape {
    ShortStr,
    Table,
    Octet,
    Timestamp,
}

/// What is written of each property, from the highest flag down.
const SHAPES: [Shape; 14] = [
    Shape::ShortStr,
    Shape::ShortStr,
    Shape::Table,
    Shape::Octet,
    Shape::Octet,
    Shape::ShortStr,
    Shape::ShortStr,
    Shape::ShortStr,
    Shape::ShortStr,
    Shape::Timestamp,
    Shape::ShortStr,
    Shape::ShortStr,
    Shape::ShortStr,
    Shape::ShortStr,
];

/// Flags that stand for a property. The rest are reserved, or announce more flags, and are refused.
const KNOWN: u16 = 0xFFFC;

macro_rules! properties {
    ($($(#[$doc:meta])* $index:literal $name:ident: $type:ty,)*) => {
        /// All properties of a message, decoded.
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct Properties<'a> {
            $($(#[$doc])* pub $name: Option<$type>,)*
        }

        impl<'a> Properties<'a> {
            /// Decodes flags and values, which must fill `bytes` exactly.
            ///
            /// # Errors
            ///
            /// When a value runs past the end, is malformed or is not one that AMQP knows.
            pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
                let mut reader = Reader::new(bytes);
                let flags = flags(&mut reader)?;
                let properties = Self {
                    $($name: match flags & flag($index) {
                        0 => None,
                        _ => Some(Field::read(&mut reader)?),
                    },)*
                };
                reader.finish()?;
                Ok(properties)
            }

            /// Appends flags and values.
            pub fn encode(&self, writer: &mut Writer<'_>) {
                let mut flags = 0_u16;
                $(if self.$name.is_some() {
                    flags |= flag($index);
                })*
                writer.bytes(&flags.to_be_bytes());
                $(if let Some(value) = &self.$name {
                    value.write(writer);
                })*
            }

            /// Some properties, for tests.
            #[cfg(test)]
            pub(crate) fn sample(source: &mut crate::sample::Source<'a>) -> Self {
                Self { $($name: crate::sample::Sample::sample(source),)* }
            }
        }
    };
}

properties! {
    /// The body's media type.
    0 content_type: &'a str,
    /// The body's encoding, as in `gzip`.
    1 content_encoding: &'a str,
    /// What applications and headers exchanges add.
    2 headers: FieldTable,
    /// 1 is transient, 2 is persistent.
    3 delivery_mode: u8,
    /// 0 to 9, higher first.
    4 priority: u8,
    /// What this is an answer to.
    5 correlation_id: &'a str,
    /// The queue to answer to.
    6 reply_to: &'a str,
    /// Milliseconds to live, as a decimal number.
    7 expiration: &'a str,
    /// The application's id of the message.
    8 message_id: &'a str,
    /// Seconds since the Unix epoch.
    9 timestamp: u64,
    /// The application's name of the message's type.
    10 kind: &'a str,
    /// The user who published it; checked by the broker.
    11 user_id: &'a str,
    /// The application that published it.
    12 app_id: &'a str,
    /// Reserved; was the cluster's id.
    13 cluster_id: &'a str,
}

const fn flag(index: usize) -> u16 {
    1 << (15 - index)
}

#[inline]
fn flags(reader: &mut Reader<'_>) -> Result<u16, DecodeError> {
    let flags = reader.u16()?;
    if flags & !KNOWN == 0 { Ok(flags) } else { Err(DecodeError::Trailing) }
}

#[inline]
fn skip(shape: Shape, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    match shape {
        Shape::ShortStr => reader.short_str().map(drop),
        Shape::Table => reader.long_str().map(drop),
        Shape::Octet => reader.u8().map(drop),
        Shape::Timestamp => reader.u64().map(drop),
    }
}

// === impl RawProperties ===

impl<'a> RawProperties<'a> {
    /// No properties at all.
    pub const EMPTY: RawProperties<'static> = RawProperties(&[0, 0]);

    /// Takes `bytes` as properties after checking all of it, tables included; allocates nothing.
    ///
    /// # Errors
    ///
    /// As [`Properties::decode`].
    #[inline]
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let mut left = flags(&mut reader)?;
        while left != 0 {
            let index = left.leading_zeros() as usize;
            left &= !flag(index);
            match SHAPES[index] {
                Shape::Table => table::check(&mut reader)?,
                shape => skip(shape, &mut reader)?,
            }
        }
        reader.finish()?;
        Ok(Self(bytes))
    }

    /// Takes `bytes` that were checked before; in malformed bytes, properties read as absent.
    #[inline]
    pub const fn trusted(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes themselves: flags, then values.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// A reader at the property of this index, if it is present.
    #[inline]
    fn seek(&self, index: usize) -> Option<Reader<'a>> {
        let mut reader = Reader::new(self.0);
        let flags = reader.u16().ok()?;
        if flags & flag(index) == 0 {
            return None;
        }
        for (before, shape) in SHAPES.into_iter().enumerate().take(index) {
            if flags & flag(before) != 0 {
                skip(shape, &mut reader).ok()?;
            }
        }
        Some(reader)
    }

    /// The delivery mode, if the publisher gave one; nobody says that it is one that AMQP knows.
    #[inline]
    pub fn delivery_mode(&self) -> Option<u8> {
        self.seek(3)?.u8().ok()
    }

    /// Whether the message is to survive a restart.
    #[inline]
    pub fn is_persistent(&self) -> bool {
        self.delivery_mode() == Some(PERSISTENT)
    }

    /// The priority, if the publisher gave one.
    pub fn priority(&self) -> Option<u8> {
        self.seek(4)?.u8().ok()
    }

    /// The time to live as the publisher wrote it.
    pub fn expiration(&self) -> Option<&'a str> {
        self.seek(7)?.short_str().ok()
    }

    /// The queue to answer to.
    pub fn reply_to(&self) -> Option<&'a str> {
        self.seek(6)?.short_str().ok()
    }

    /// The application's id of the message.
    pub fn message_id(&self) -> Option<&'a str> {
        self.seek(8)?.short_str().ok()
    }

    /// The user who claims to have published it.
    pub fn user_id(&self) -> Option<&'a str> {
        self.seek(11)?.short_str().ok()
    }

    /// The headers, decoded.
    pub fn headers(&self) -> Option<FieldTable> {
        FieldTable::decode(&mut self.seek(2)?).ok()
    }

    /// Whether there are headers, without decoding them.
    #[inline]
    pub fn has_headers(&self) -> bool {
        self.seek(2).is_some()
    }

    /// All properties, decoded.
    ///
    /// # Errors
    ///
    /// As [`Properties::decode`].
    pub fn to_properties(&self) -> Result<Properties<'a>, DecodeError> {
        Properties::decode(self.0)
    }
}

#[cfg(test)]
mod tests;
