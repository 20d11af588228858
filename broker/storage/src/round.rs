//! What one sync makes durable: a header and the batches behind it.
//!
//! ```text
//!  0       4         6    8        12        20         28         36        40
//!  ├ magic ┼ version ┼ 0  ┼ length ┼ log id  ┼ position ┼ frontier ┼ crc32c  ┼ crc32c  … 44
//!    WRND    u16       u16  u32      u64       u64        u64        payload   of header
//! ```
//!
//! A round begins on a [`ALIGNMENT`]-byte boundary, so that writing one never touches a block
//! that an earlier sync made durable, and a reader that lost the thread can find the next one.
//! `position` is where the round lies: a round left over from the file's former life names another
//! file and is not mistaken for a new one. `log id` is a random number that no client ever sees, so
//! that nobody can smuggle in a round inside a message body. `frontier` is the end of what was
//! durable when this round was written: damage below a frontier is corruption, damage above all of
//! them is a torn tail.

use bytes::{BufMut, BytesMut};

use crate::{
    position::Position,
    record::{read_u32, read_u64},
};

/// Bytes of a round's header.
pub const HEADER_LEN: usize = 44;

/// Where the header's own checksum lies.
const CHECKSUM_AT: usize = 40;

/// Rounds begin at multiples of this many bytes, the block size of every disk we know.
pub const ALIGNMENT: usize = 4096;

/// The newest format this program reads, and the one it writes.
pub const VERSION: u16 = 1;

const MAGIC: &[u8; 4] = b"WRND";

/// The header of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Bytes of records behind the header, padding not counted.
    pub length: u32,
    /// The log the round belongs to.
    pub log_id: u64,
    /// Where the header itself lies.
    pub position: Position,
    /// Everything before this was durable when the round was written.
    pub frontier: Position,
    /// CRC32C of the records.
    pub checksum: u32,
}

/// Why a round's header could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotARound {
    /// There is no header here: never written, overwritten or damaged.
    Absent,
    /// A whole header, of a version this program does not know.
    Version(u16),
}

// === impl Header ===

impl Header {
    /// Appends the header to `out`.
    pub fn encode(&self, out: &mut BytesMut) {
        let start = out.len();
        out.extend_from_slice(MAGIC);
        out.put_u16_le(VERSION);
        out.put_u16_le(0);
        out.put_u32_le(self.length);
        out.put_u64_le(self.log_id);
        out.put_u64_le(self.position.to_bits());
        out.put_u64_le(self.frontier.to_bits());
        out.put_u32_le(self.checksum);
        let checksum = crc32c::crc32c(&out[start..]);
        out.put_u32_le(checksum);
    }

    /// Reads the header at the start of `bytes`.
    ///
    /// # Errors
    ///
    /// [`NotARound`], when there is none that can be trusted.
    pub fn decode(bytes: &[u8]) -> Result<Self, NotARound> {
        let raw = bytes.get(..HEADER_LEN).ok_or(NotARound::Absent)?;
        if &raw[..4] != MAGIC || crc32c::crc32c(&raw[..CHECKSUM_AT]) != read_u32(raw, CHECKSUM_AT) {
            return Err(NotARound::Absent);
        }
        let version = u16::from_le_bytes([raw[4], raw[5]]);
        if version != VERSION {
            return Err(NotARound::Version(version));
        }
        Ok(Self {
            length: read_u32(raw, 8),
            log_id: read_u64(raw, 12),
            position: Position::from_bits(read_u64(raw, 20)),
            frontier: Position::from_bits(read_u64(raw, 28)),
            checksum: read_u32(raw, 36),
        })
    }
}

/// Whether a header, of whatever version, is this log's and made for this place.
///
/// These two fields stay where they are in every version. `bytes` holds a whole header.
pub(crate) fn belongs(bytes: &[u8], log_id: u64, at: Position) -> bool {
    read_u64(bytes, 12) == log_id && read_u64(bytes, 20) == at.to_bits()
}

/// Bytes that a round with `length` bytes of records takes on disk, padding included.
#[must_use]
pub fn padded(length: usize) -> usize {
    (HEADER_LEN + length).next_multiple_of(ALIGNMENT)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EMPTY: Header = Header {
        length: 0,
        log_id: 7,
        position: Position::ZERO,
        frontier: Position::ZERO,
        checksum: 0,
    };

    proptest! {
        #[test]
        fn a_header_comes_back(length: u32, log_id: u64, position: u64, frontier: u64, checksum: u32) {
            let header = Header {
                length,
                log_id,
                position: Position::from_bits(position),
                frontier: Position::from_bits(frontier),
                checksum,
            };
            let mut bytes = BytesMut::new();
            header.encode(&mut bytes);
            prop_assert_eq!(bytes.len(), HEADER_LEN);
            prop_assert_eq!(Header::decode(&bytes), Ok(header));
        }

        #[test]
        fn a_flipped_bit_is_noticed(bit in 0usize..HEADER_LEN * 8) {

            let mut bytes = BytesMut::new();
            EMPTY.encode(&mut bytes);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(Header::decode(&bytes), Err(NotARound::Absent));
        }
    }

    #[test]
    fn a_newer_version_is_named() {
        let mut bytes = BytesMut::new();
        EMPTY.encode(&mut bytes);
        bytes[4] = 9;
        let checksum = crc32c::crc32c(&bytes[..CHECKSUM_AT]);
        bytes[CHECKSUM_AT..HEADER_LEN].copy_from_slice(&checksum.to_le_bytes());
        assert_eq!(Header::decode(&bytes), Err(NotARound::Version(9)));
    }
}
