//! One record of the log: a kind, three numbers and bytes.
//!
//! ```text
//!  0        4        8     9     10         12       20      28       36
//!  ├ length ┼ crc32c ┼ kind┼ 0   ┼ metadata ┼ group  ┼ term  ┼ index  ┼ metadata … body …
//!    u32      u32      u8    u8    length u16  u64      u64     u64
//! ```
//!
//! Integers are little-endian. `length` counts everything after itself; the checksum covers
//! everything after the checksum. Decoding never trusts a length before it has been compared with
//! the bytes that are there.

use bytes::{BufMut, BytesMut};

/// Bytes before a record's metadata.
pub const HEADER_LEN: usize = 36;

/// Bytes of the `length` field, which does not count itself.
const LENGTH_LEN: usize = 4;

/// Where the bytes under the checksum begin.
const CHECKED_FROM: usize = 8;

/// The most metadata a record may carry, in bytes.
pub const MAX_METADATA: usize = u16::MAX as usize;

/// One entry of the log, borrowed from the bytes it was read from or is to be written from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// What the record says; the writer's vocabulary, opaque here.
    pub kind: u8,
    /// The log group: one queue, or the node's metadata.
    pub group: u64,
    /// The term of the leader that wrote it; 1 where nobody is elected.
    pub term: u64,
    /// The place in the group, counted from 1.
    pub index: u64,
    /// Small, always read together with the header; at most [`MAX_METADATA`] bytes.
    pub metadata: &'a [u8],
    /// The payload, which may be read on its own.
    pub body: &'a [u8],
}

/// Why bytes are not a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// The bytes end before the record does.
    Truncated,
    /// The lengths contradict one another.
    Lengths,
    /// The checksum does not match.
    Checksum,
}

impl Malformed {
    /// The reason in words, for an error message.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Truncated => "the record ends early",
            Self::Lengths => "the record's lengths contradict one another",
            Self::Checksum => "the record's checksum does not match",
        }
    }
}

impl<'a> Record<'a> {
    /// Bytes the record takes on disk.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        HEADER_LEN + self.metadata.len() + self.body.len()
    }

    /// Appends the record to `out`.
    ///
    /// # Panics
    ///
    /// When the metadata is over [`MAX_METADATA`] or the record over 4 GiB; callers bound both.
    pub fn encode(&self, out: &mut BytesMut) {
        self.encode_head(&[], out);
        out.extend_from_slice(self.body);
    }

    /// Appends the record without its body, which must follow on disk: `self.body`, then `more`.
    ///
    /// # Panics
    ///
    /// As [`Record::encode`].
    pub fn encode_head(&self, more: &[&[u8]], out: &mut BytesMut) {
        let length = more.iter().fold(self.encoded_len(), |sum, part| sum + part.len());
        assert!(self.metadata.len() <= MAX_METADATA, "metadata is bounded by the caller");
        assert!(u32::try_from(length).is_ok(), "records are bounded by the caller");
        out.reserve(length);
        let start = out.len();
        out.put_u32_le((length - LENGTH_LEN) as u32);
        out.put_u32_le(0);
        out.put_u8(self.kind);
        out.put_u8(0);
        out.put_u16_le(self.metadata.len() as u16);
        out.put_u64_le(self.group);
        out.put_u64_le(self.term);
        out.put_u64_le(self.index);
        out.extend_from_slice(self.metadata);
        let head = crc32c::crc32c(&out[start + CHECKED_FROM..]);
        let body = crc32c::crc32c_append(head, self.body);
        let checksum = more.iter().fold(body, |crc, part| crc32c::crc32c_append(crc, part));
        out[start + LENGTH_LEN..start + CHECKED_FROM].copy_from_slice(&checksum.to_le_bytes());
    }

    /// Reads the record at the start of `bytes`; returns it and the bytes it takes.
    ///
    /// # Errors
    ///
    /// [`Malformed`], when what is there is not a whole, undamaged record.
    pub fn decode(bytes: &'a [u8]) -> Result<(Self, usize), Malformed> {
        let header = bytes.get(..HEADER_LEN).ok_or(Malformed::Truncated)?;
        let length = read_u32(header, 0) as usize;
        let total = length.checked_add(LENGTH_LEN).ok_or(Malformed::Lengths)?;
        let metadata_len = usize::from(u16::from_le_bytes([header[10], header[11]]));
        if total < HEADER_LEN + metadata_len {
            return Err(Malformed::Lengths);
        }
        let whole = bytes.get(..total).ok_or(Malformed::Truncated)?;
        if crc32c::crc32c(&whole[CHECKED_FROM..]) != read_u32(header, LENGTH_LEN) {
            return Err(Malformed::Checksum);
        }
        let record = Self {
            kind: header[8],
            group: read_u64(header, 12),
            term: read_u64(header, 20),
            index: read_u64(header, 28),
            metadata: &whole[HEADER_LEN..HEADER_LEN + metadata_len],
            body: &whole[HEADER_LEN + metadata_len..],
        };
        Ok((record, total))
    }
}

/// Bytes that the record whose first [`HEADER_LEN`] bytes are `head` claims to take.
pub(crate) fn total_len(head: &[u8]) -> usize {
    (read_u32(head, 0) as usize).saturating_add(LENGTH_LEN)
}

/// The little-endian number at `at`; the caller has checked the length.
pub(crate) fn read_u32(bytes: &[u8], at: usize) -> u32 {
    let mut raw = [0; 4];
    raw.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(raw)
}

/// The little-endian number at `at`; the caller has checked the length.
pub(crate) fn read_u64(bytes: &[u8], at: usize) -> u64 {
    let mut raw = [0; 8];
    raw.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(raw)
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        /// What was encoded is what is decoded, and the bytes behind it are left alone.
        #[test]
        fn a_record_comes_back(
            kind: u8, group: u64, term: u64, index: u64,
            metadata in vec(any::<u8>(), 0..300), body in vec(any::<u8>(), 0..3000), tail in vec(any::<u8>(), 0..9),
        ) {
            let record = Record { kind, group, term, index, metadata: &metadata, body: &body };
            let mut bytes = BytesMut::new();
            record.encode(&mut bytes);
            let len = bytes.len();
            prop_assert_eq!(len, record.encoded_len());
            bytes.extend_from_slice(&tail);
            prop_assert_eq!(Record::decode(&bytes), Ok((record, len)));
        }

        /// One flipped bit anywhere is noticed.
        #[test]
        fn a_flipped_bit_is_noticed(body in vec(any::<u8>(), 0..200), bit: prop::sample::Index) {
            let mut bytes = BytesMut::new();
            Record { kind: 1, group: 2, term: 3, index: 4, metadata: b"m", body: &body }.encode(&mut bytes);
            let bit = bit.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(Record::decode(&bytes).is_err());
        }

        /// No bytes make decoding panic.
        #[test]
        fn garbage_is_refused_calmly(bytes in vec(any::<u8>(), 0..200)) {
            let _ = Record::decode(&bytes);
        }
    }
}
