//! The protobuf wire format: numbered fields.

/// One field of a message.
pub(super) struct Field<'a> {
    /// Its number.
    pub(super) number: u32,
    /// A varint or a fixed number as bits; 0 for what has a length.
    pub(super) varint: u64,
    /// What has a length; empty for numbers.
    pub(super) bytes: &'a [u8],
}

// === impl Field ===

impl Field<'_> {
    /// The number as Go's signed integers are sent.
    pub(super) fn signed(&self) -> i64 {
        self.varint.cast_signed()
    }
}

/// Splits a message into its fields, in order.
pub(super) fn fields(mut bytes: &[u8]) -> Result<Vec<Field<'_>>, String> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        let number = u32::try_from(tag >> 3).map_err(|_| "a field number is too large")?;
        let mut field = Field { number, varint: 0, bytes: &[] };
        match tag & 7 {
            0 => field.varint = varint(&mut bytes)?,
            1 => field.varint = fixed(&mut bytes, 8)?,
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).unwrap_or(usize::MAX);
                field.bytes = take(&mut bytes, length)?;
            }
            5 => field.varint = fixed(&mut bytes, 4)?,
            other => return Err(format!("wire type {other} is not known")),
        }
        found.push(field);
    }
    Ok(found)
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Result<&'a [u8], String> {
    let (head, tail) = bytes.split_at_checked(length).ok_or("a field is cut short")?;
    *bytes = tail;
    Ok(head)
}

fn fixed(bytes: &mut &[u8], length: usize) -> Result<u64, String> {
    let taken = take(bytes, length)?;
    Ok(taken.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn varint(bytes: &mut &[u8]) -> Result<u64, String> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(bytes, 1)?[0];
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err("a number is too long".to_owned())
}
