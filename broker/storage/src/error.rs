//! Why the storage engine could not do what was asked.

use std::{io, path::PathBuf};

use thiserror::Error;

use crate::position::Position;

/// A result whose error is a storage [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// Why the storage engine could not do what was asked.
///
/// Every variant names the file or the limit involved, so that one log line is enough to act on.
#[derive(Debug, Error)]
pub enum Error {
    /// The operating system refused; `op` is the verb, as in "sync" or "rename".
    #[error("cannot {op} {}: {source}", path.display())]
    Io {
        /// What was being done, as a verb.
        op: &'static str,
        /// The file or directory it was done to.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },

    /// Bytes on disk are not what was written. Never retried: the file is set aside.
    #[error("corrupt data in {} at byte {offset}: {reason}", path.display())]
    Corrupt {
        /// The damaged file.
        path: PathBuf,
        /// Where the damage begins, in bytes from the start of the file.
        offset: u64,
        /// What did not hold.
        reason: &'static str,
    },

    /// The file was written by a newer format than this program reads.
    #[error("{} has format version {found}; this program reads up to {supported}: run a newer one", path.display())]
    Version {
        /// The file in question.
        path: PathBuf,
        /// The version it carries.
        found: u16,
        /// The newest version this program reads.
        supported: u16,
    },

    /// A batch is larger than one log file can hold.
    #[error("a batch of {bytes} bytes is over the limit of {limit} bytes")]
    TooLarge {
        /// The encoded size of the batch.
        bytes: usize,
        /// The most a batch may have.
        limit: usize,
    },

    /// The position is not, or no longer, in the log.
    #[error("position {0} is not in the log")]
    OutOfRange(Position),

    /// The log thread has stopped, after a failure it reported or because the log was closed.
    #[error("the log is closed")]
    Closed,
}

impl Error {
    /// Whether the disk (or the quota) is full: the only failure that can mend itself.
    #[must_use]
    pub fn is_no_space(&self) -> bool {
        matches!(self, Self::Io { source, .. } if matches!(
            source.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        ))
    }
}
