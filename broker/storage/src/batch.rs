//! Records that stand or fall together.

use bytes::{Bytes, BytesMut};

use crate::record::Record;

/// Bodies from this size on, in bytes, are kept by reference instead of being copied.
///
/// Below it, copying is cheaper than one more slice in the vectored write.
const BY_REFERENCE: usize = 4096;

/// Records that are written in one piece: after a crash either all of them are there or none.
///
/// A batch is built by the thread that owns the queues, checksums of records included, so that the
/// log thread does little but write.
#[derive(Debug, Default)]
pub struct Batch {
    parts: Vec<Bytes>,
    open: BytesMut,
    len: usize,
    records: usize,
}

/// From this size on, in bytes, a batch brings its checksum along. Combining it with others costs as
/// much as going through so many bytes, which in a small batch the log thread rather does itself.
const CHECKED: usize = 256 << 10;

/// A batch ready to be written: its bytes in order, their number and, of a large one, their checksum.
#[derive(Debug)]
pub struct Sealed {
    pub(crate) parts: Vec<Bytes>,
    pub(crate) len: usize,
    checksum: Option<u32>,
}

// === impl Batch ===

impl Batch {
    /// A batch with no record.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a record whose body is `record.body`, then `more`, then `tail`; returns its byte
    /// offset from the start of the batch.
    ///
    /// A large `tail` is kept by reference; everything else is copied.
    pub fn push(&mut self, record: &Record<'_>, more: &[&[u8]], tail: &Bytes) -> usize {
        let at = self.len;
        let before = self.open.len();
        match *more {
            [] => record.encode_head(&[tail], &mut self.open),
            [one] => record.encode_head(&[one, tail], &mut self.open),
            _ => {
                let parts: Vec<&[u8]> = more.iter().copied().chain([&tail[..]]).collect();
                record.encode_head(&parts, &mut self.open);
            }
        }
        self.open.extend_from_slice(record.body);
        for part in more {
            self.open.extend_from_slice(part);
        }
        self.len += self.open.len() - before + tail.len();
        self.records += 1;
        if tail.len() >= BY_REFERENCE {
            self.parts.push(self.open.split().freeze());
            self.parts.push(tail.clone());
        } else {
            self.open.extend_from_slice(tail);
        }
        at
    }

    /// Bytes the batch takes in the log.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// How many records there are.
    #[must_use]
    pub fn records(&self) -> usize {
        self.records
    }

    /// Whether there is no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Closes the batch, for [`crate::log::Log::append`].
    #[must_use]
    pub fn seal(mut self) -> Sealed {
        if !self.open.is_empty() {
            self.parts.push(self.open.freeze());
        }
        let checksum = (self.len >= CHECKED).then(|| append(0, &self.parts));
        Sealed { parts: self.parts, len: self.len, checksum }
    }
}

// === impl Sealed ===

impl Sealed {
    /// The checksum of what has the checksum `before`, followed by this batch.
    pub(crate) fn checksum_after(&self, before: u32) -> u32 {
        match self.checksum {
            Some(own) => crc32c::crc32c_combine(before, own, self.len),
            None => append(before, &self.parts),
        }
    }

    /// The bytes as they will lie in the log.
    #[must_use]
    pub fn concat(&self) -> Vec<u8> {
        self.parts.concat()
    }
}

fn append(before: u32, parts: &[Bytes]) -> u32 {
    parts.iter().fold(before, |crc, part| crc32c::crc32c_append(crc, part))
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn batches_of_any_size_have_one_checksum_together() {
        let (mut all, mut checksum) = (Vec::new(), 0);
        for len in [10, CHECKED - 100, 300, CHECKED, 5000] {
            let mut batch = Batch::new();
            let (body, metadata) = (vec![7; len].into(), [1]);
            let head =
                Record { kind: 1, group: 7, term: 1, index: 3, metadata: &metadata, body: &[] };
            batch.push(&head, &[], &body);
            let sealed = batch.seal();
            checksum = sealed.checksum_after(checksum);
            all.extend(sealed.concat());
            assert_eq!(checksum, crc32c::crc32c(&all), "{len}");
        }
    }

    proptest! {
        /// Copied or referenced, the bytes on disk are the records one after another.
        #[test]
        fn a_sealed_batch_is_its_records(sizes in vec((0usize..9000, 0usize..30), 0..12)) {
            let mut batch = Batch::new();
            let mut expected = BytesMut::new();
            for (index, (tail, more)) in sizes.iter().enumerate() {
                let more = vec![b'm'; *more];
                let tail = Bytes::from(vec![index as u8; *tail]);
                let body = [b"body", &more[..], b"x", &tail].concat();
                let head = |body| Record { kind: 1, group: 7, term: 1, index: 3, metadata: b"meta", body };
                prop_assert_eq!(batch.push(&head(b"body"), &[&more, b"x"], &tail), expected.len());
                head(&body).encode(&mut expected);
            }
            prop_assert_eq!(batch.records(), sizes.len());
            let sealed = batch.seal();
            prop_assert_eq!(sealed.len, expected.len());
            prop_assert_eq!(sealed.checksum_after(0), crc32c::crc32c(&expected));
            prop_assert_eq!(sealed.concat(), expected.to_vec());
        }
    }
}
