//! Bytes read from a socket, taken out frame by frame.

use std::io::{self, Read};

use broker_protocol::{DecodeError, Frame};

/// How much is read at once at most, in bytes.
const SIZE: usize = 512 * 1024;

/// A buffer between reads of any size and whole frames.
#[derive(Debug)]
pub struct Inbox {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

// === impl Inbox ===

impl Default for Inbox {
    fn default() -> Self {
        Self { bytes: vec![0; SIZE].into_boxed_slice(), start: 0, end: 0 }
    }
}

impl Inbox {
    /// Reads once. The count is 0 when the peer has closed.
    ///
    /// # Errors
    ///
    /// What `source` says, and `OutOfMemory` when a frame is larger than the whole buffer.
    pub fn fill(&mut self, source: &mut impl Read) -> io::Result<usize> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.bytes.len() {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end == self.bytes.len() {
            return Err(io::Error::new(io::ErrorKind::OutOfMemory, "a frame over the limit"));
        }
        let count = source.read(&mut self.bytes[self.end..])?;
        self.end += count;
        Ok(count)
    }

    /// The next whole frame, if it is there.
    ///
    /// # Errors
    ///
    /// When what is there is no frame.
    #[inline]
    pub fn frame(&mut self) -> Result<Option<Frame<'_>>, DecodeError> {
        let frame = Frame::first(&self.bytes[self.start..self.end], 0)?;
        if let Some(frame) = &frame {
            self.start += frame.size();
        }
        Ok(frame)
    }
}
