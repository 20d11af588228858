//! Reading field tables, and walking through them without building anything.

use crate::error::DecodeError;
use crate::table::{FieldTable, MAX_DEPTH, Value};
use crate::wire::Reader;

/// Skips a table at the front of `reader`, checking all that [`FieldTable::decode`] checks. Allocates nothing.
pub fn check(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    check_table(reader, 0)
}

// === impl FieldTable ===

impl FieldTable {
    /// Takes a table from the front of `reader`.
    ///
    /// # Errors
    ///
    /// When a value runs past the end, a name is not UTF-8, a type is unknown or the nesting is deeper than [`MAX_DEPTH`].
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        table(reader, 0)
    }
}

fn table(reader: &mut Reader<'_>, depth: usize) -> Result<FieldTable, DecodeError> {
    let mut inner = nested(reader, depth)?;
    let mut values = Vec::new();
    while !inner.is_empty() {
        let name = inner.short_str()?;
        values.push((name.into(), value(&mut inner, depth)?));
    }
    Ok(FieldTable(values))
}

fn array(reader: &mut Reader<'_>, depth: usize) -> Result<Vec<Value>, DecodeError> {
    let mut inner = nested(reader, depth)?;
    let mut values = Vec::new();
    while !inner.is_empty() {
        values.push(value(&mut inner, depth)?);
    }
    Ok(values)
}

fn nested<'a>(reader: &mut Reader<'a>, depth: usize) -> Result<Reader<'a>, DecodeError> {
    if depth >= MAX_DEPTH {
        return Err(DecodeError::TooDeep);
    }
    reader.long_str().map(Reader::new)
}

fn value(reader: &mut Reader<'_>, depth: usize) -> Result<Value, DecodeError> {
    Ok(match reader.u8()? {
        b't' => Value::Bool(reader.u8()? != 0),
        b'b' => Value::I8(reader.u8()? as i8),
        b'B' => Value::U8(reader.u8()?),
        b's' | b'U' => Value::I16(reader.u16()? as i16),
        b'u' => Value::U16(reader.u16()?),
        b'I' => Value::I32(reader.u32()? as i32),
        b'i' => Value::U32(reader.u32()?),
        b'l' | b'L' => Value::I64(reader.u64()? as i64),
        b'f' => Value::F32(reader.u32()?),
        b'd' => Value::F64(reader.u64()?),
        b'D' => Value::Decimal { scale: reader.u8()?, value: reader.u32()? },
        b'S' => Value::String(reader.long_str()?.into()),
        b'x' => Value::Bytes(reader.long_str()?.into()),
        b'T' => Value::Timestamp(reader.u64()?),
        b'A' => Value::Array(array(reader, depth + 1)?),
        b'F' => Value::Table(table(reader, depth + 1)?),
        b'V' => Value::Void,
        other => return Err(DecodeError::UnknownFieldType(other)),
    })
}

fn check_table(reader: &mut Reader<'_>, depth: usize) -> Result<(), DecodeError> {
    let mut inner = nested(reader, depth)?;
    while !inner.is_empty() {
        inner.short_str()?;
        check_value(&mut inner, depth)?;
    }
    Ok(())
}

fn check_array(reader: &mut Reader<'_>, depth: usize) -> Result<(), DecodeError> {
    let mut inner = nested(reader, depth)?;
    while !inner.is_empty() {
        check_value(&mut inner, depth)?;
    }
    Ok(())
}

fn check_value(reader: &mut Reader<'_>, depth: usize) -> Result<(), DecodeError> {
    let fixed = match reader.u8()? {
        b'V' => 0,
        b't' | b'b' | b'B' => 1,
        b's' | b'U' | b'u' => 2,
        b'I' | b'i' | b'f' => 4,
        b'D' => 5,
        b'l' | b'L' | b'd' | b'T' => 8,
        b'S' | b'x' => return reader.long_str().map(drop),
        b'A' => return check_array(reader, depth + 1),
        b'F' => return check_table(reader, depth + 1),
        other => return Err(DecodeError::UnknownFieldType(other)),
    };
    reader.take(fixed).map(drop)
}
