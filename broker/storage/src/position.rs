//! Where something lies in the log.

use std::fmt;

/// A place in the log: the number of the file and the byte inside it, packed so that a later place
/// is a larger number.
///
/// The file number takes the upper 32 bits and the offset in bytes the lower 32. At 64 MiB a file
/// and 1 GB/s, file numbers last for nine years of uninterrupted writing; opening a log whose
/// numbers are used up is an error, never a wrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position(u64);

impl Position {
    /// The place before everything.
    pub const ZERO: Self = Self(0);

    /// The place after everything.
    pub const MAX: Self = Self(u64::MAX);

    /// The place `offset` bytes into file `file`.
    #[must_use]
    pub const fn new(file: u32, offset: u32) -> Self {
        Self(((file as u64) << 32) | offset as u64)
    }

    /// The place as one number, for writing down.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// The place that [`Position::to_bits`] wrote down.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The number of the log file.
    #[must_use]
    pub const fn file(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// The byte within the file.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the lower half is what is wanted")]
    pub const fn offset(self) -> u32 {
        self.0 as u32
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file(), self.offset())
    }
}
