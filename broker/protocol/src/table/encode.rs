//! Writing field tables.

use crate::table::{FieldTable, Value};
use crate::wire::Writer;

// === impl FieldTable ===

impl FieldTable {
    /// Appends the table: its length in bytes, then its values.
    pub fn encode(&self, writer: &mut Writer<'_>) {
        writer.counted(|writer| {
            for (name, value) in self.iter() {
                writer.short_str(name);
                value.encode(writer);
            }
        });
    }
}

// === impl Value ===

impl Value {
    /// Appends the type's letter and the value.
    pub(crate) fn encode(&self, writer: &mut Writer<'_>) {
        match self {
            Self::Bool(value) => writer.bytes(&[b't', u8::from(*value)]),
            Self::I8(value) => tagged(writer, b'b', value.to_be_bytes()),
            Self::U8(value) => tagged(writer, b'B', value.to_be_bytes()),
            Self::I16(value) => tagged(writer, b's', value.to_be_bytes()),
            Self::U16(value) => tagged(writer, b'u', value.to_be_bytes()),
            Self::I32(value) => tagged(writer, b'I', value.to_be_bytes()),
            Self::U32(value) => tagged(writer, b'i', value.to_be_bytes()),
            Self::I64(value) => tagged(writer, b'l', value.to_be_bytes()),
            Self::F32(bits) => tagged(writer, b'f', bits.to_be_bytes()),
            Self::F64(bits) => tagged(writer, b'd', bits.to_be_bytes()),
            Self::Timestamp(seconds) => tagged(writer, b'T', seconds.to_be_bytes()),
            Self::Decimal { scale, value } => {
                tagged(writer, b'D', [*scale]);
                writer.bytes(&value.to_be_bytes());
            }
            Self::String(bytes) => {
                writer.bytes(b"S");
                writer.long_str(bytes);
            }
            Self::Bytes(bytes) => {
                writer.bytes(b"x");
                writer.long_str(bytes);
            }
            Self::Array(values) => {
                writer.bytes(b"A");
                writer.counted(|writer| values.iter().for_each(|value| value.encode(writer)));
            }
            Self::Table(table) => {
                writer.bytes(b"F");
                table.encode(writer);
            }
            Self::Void => writer.bytes(b"V"),
        }
    }
}

fn tagged<const N: usize>(writer: &mut Writer<'_>, letter: u8, bytes: [u8; N]) {
    writer.bytes(&[letter]);
    writer.bytes(&bytes);
}
