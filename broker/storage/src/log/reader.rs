//! Reading back what was appended.

use bytes::{Bytes, BytesMut};

use crate::{
    error::{Error, Result},
    fs::{self, File, FileSystem},
    log::Log,
    position::Position,
    record::{self, Malformed, Record},
};

/// Read at once before the length of a record is known, in bytes; spares most records a second read.
const FIRST_READ: usize = 4096;

/// A record with the bytes it lives in.
#[derive(Debug, Clone)]
pub struct OwnedRecord {
    bytes: Bytes,
}

// === impl OwnedRecord ===

impl OwnedRecord {
    /// The record.
    #[must_use]
    pub fn record(&self) -> Record<'_> {
        Record::decode(&self.bytes).expect("checked when it was read").0
    }

    /// The record's body, sharing memory with the record.
    #[must_use]
    pub fn body(&self) -> Bytes {
        self.bytes.slice(self.bytes.len() - self.record().body.len()..)
    }
}

impl<F: FileSystem> Log<F> {
    /// Reads the record that begins at `position`, which must be durable.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`] when the file was released or the position is not durable yet;
    /// [`Error::Corrupt`] when what lies there is not a whole record; [`Error::Io`].
    pub fn read(&self, position: Position) -> Result<OwnedRecord> {
        let shared = self.shared();
        if position >= shared.durable() {
            return Err(Error::OutOfRange(position));
        }
        let file = shared.files.get(position.file()).ok_or(Error::OutOfRange(position))?;
        let offset = u64::from(position.offset());
        let path = || shared.files.path(position.file());
        let io = |source| Error::Io { op: "read", path: path(), source };
        let corrupt = |m: Malformed| Error::Corrupt { path: path(), offset, reason: m.reason() };

        let mut bytes = BytesMut::zeroed(FIRST_READ);
        let got = fs::read_full(&*file, &mut bytes, offset).map_err(io)?;
        bytes.truncate(got);
        let head = bytes.get(..record::HEADER_LEN).ok_or_else(|| corrupt(Malformed::Truncated))?;
        let total = record::total_len(head);
        if total as u64 > file.size().map_err(io)? {
            return Err(corrupt(Malformed::Lengths));
        }
        if total > bytes.len() {
            bytes.resize(total, 0);
            let more = fs::read_full(&*file, &mut bytes[got..], offset + got as u64).map_err(io)?;
            bytes.truncate(got + more);
        }
        let (_, len) = Record::decode(&bytes).map_err(corrupt)?;
        bytes.truncate(len);
        Ok(OwnedRecord { bytes: bytes.freeze() })
    }
}
