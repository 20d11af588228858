//! What a message carries: who wrote it, its number, and when.
//!
//! ```text
//!  0          2                8                     16        size
//!  +----------+----------------+---------------------+---------+
//!  | producer | number (u48)   | written at, ns      | zeros   |
//!  +----------+----------------+---------------------+---------+
//! ```

/// The smallest message, in bytes.
pub(crate) const MIN_SIZE: usize = 16;

/// The stamp at the front of every message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) producer: u16,
    /// 0, 1, 2, … for each producer.
    pub(crate) number: u64,
    /// Nanoseconds since the run began.
    pub(crate) written_at: u64,
}

// === impl Stamp ===

impl Stamp {
    /// Writes the stamp over the front of `message`.
    #[inline]
    pub(crate) fn write(self, message: &mut [u8]) {
        let key = u64::from(self.producer) << 48 | self.number;
        message[..8].copy_from_slice(&key.to_be_bytes());
        message[8..16].copy_from_slice(&self.written_at.to_be_bytes());
    }

    /// Reads the stamp of a message, if it is long enough to have one.
    #[inline]
    pub(crate) fn read(message: &[u8]) -> Option<Self> {
        let (key, rest) = message.split_first_chunk::<8>()?;
        let written_at = u64::from_be_bytes(*rest.first_chunk::<8>()?);
        let key = u64::from_be_bytes(*key);
        Some(Self { producer: (key >> 48) as u16, number: key & ((1 << 48) - 1), written_at })
    }
}

#[cfg(test)]
mod tests {
    use super::Stamp;

    #[test]
    fn a_stamp_comes_back_as_it_was_written() {
        let stamp = Stamp { producer: 65_535, number: (1 << 48) - 1, written_at: u64::MAX };
        let mut message = [0; 20];
        stamp.write(&mut message);
        assert_eq!(Stamp::read(&message), Some(stamp));
        assert_eq!(Stamp::read(&message[..15]), None);
    }
}
