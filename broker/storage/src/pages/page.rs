//! One page: a header and bytes.

use bytes::Bytes;

use crate::record::read_u32;

const MAGIC: &[u8; 4] = b"WRPG";
const VERSION: u16 = 2;

/// Bytes before a page's contents.
pub(super) const HEADER_LEN: usize = 16;

/// Where a page lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageRef {
    /// The segment's number.
    pub segment: u32,
    /// The byte in the segment where the page's header begins.
    pub offset: u32,
    /// Bytes of contents.
    pub length: u32,
}

// === impl PageRef ===

impl PageRef {
    /// Bytes the page takes on disk.
    #[must_use]
    pub fn disk_len(self) -> u64 {
        HEADER_LEN as u64 + u64::from(self.length)
    }
}

/// The header of a page with these contents, which are shorter than 4 GiB.
pub(super) fn header(contents: &[u8]) -> [u8; HEADER_LEN] {
    let mut header = [0; HEADER_LEN];
    header[..4].copy_from_slice(MAGIC);
    header[4..6].copy_from_slice(&VERSION.to_le_bytes());
    header[8..12].copy_from_slice(&(contents.len() as u32).to_le_bytes());
    header[12..].copy_from_slice(&crc32c::crc32c(contents).to_le_bytes());
    header
}

/// The contents of the page that `raw` should be; if it is not, why.
pub(super) fn contents(raw: Vec<u8>) -> Result<Bytes, &'static str> {
    if raw.len() < HEADER_LEN {
        return Err("the segment ends early");
    }
    let (head, rest) = raw.split_at(HEADER_LEN);
    if &head[..4] != MAGIC || read_u32(head, 8) as usize != rest.len() {
        return Err("no page where one should begin");
    }
    if u16::from_le_bytes([head[4], head[5]]) > VERSION {
        return Err("the page was written by a newer program");
    }
    if head[4..8] != [VERSION as u8, 0, 0, 0] {
        return Err("no page where one should begin");
    }
    if crc32c::crc32c(rest) != read_u32(head, 12) {
        return Err("the page's checksum does not match");
    }
    Ok(Bytes::from(raw).slice(HEADER_LEN..))
}
