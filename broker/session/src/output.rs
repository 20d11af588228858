//! What waits to be written to the socket.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};

/// Bodies up to this size are copied next to their frames; larger ones are written from where they are.
pub(crate) const INLINE_MAX: usize = 4096;

/// A piece of scratch this long is set aside and a new one begun, so that no buffer grows without bound.
const SCRATCH_MAX: usize = 256 * 1024;

/// Bytes for the socket, in order. A [`Buf`], so that it can be written with vectored writes and
/// advanced by what the socket took.
///
/// Small frames are gathered in one buffer, which is used again and again; large bodies are held
/// by reference.
#[derive(Debug, Default)]
pub struct Output {
    /// Finished pieces, none of them empty, to be written before `scratch`.
    pieces: VecDeque<Bytes>,
    /// Bytes in `pieces`.
    pieces_len: usize,
    /// Where frames are written.
    scratch: BytesMut,
    /// All bytes ever added; tells the heartbeat whether anything was said.
    added: u64,
}

// === impl Output ===

impl Output {
    /// Bytes that wait.
    pub fn len(&self) -> usize {
        self.pieces_len + self.scratch.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes were ever added.
    pub(crate) fn added(&self) -> u64 {
        self.added + self.scratch.len() as u64
    }

    /// Where to append small frames.
    #[inline]
    pub(crate) fn scratch(&mut self) -> &mut BytesMut {
        if self.scratch.len() >= SCRATCH_MAX {
            self.set_scratch_aside();
        }
        &mut self.scratch
    }

    /// Appends bytes, by reference if they are many.
    pub(crate) fn push(&mut self, bytes: Bytes) {
        if bytes.len() <= INLINE_MAX {
            self.scratch().extend_from_slice(&bytes);
        } else {
            self.set_scratch_aside();
            self.added += bytes.len() as u64;
            self.push_piece(bytes);
        }
    }

    /// Gives memory back that a burst needed and silence does not.
    pub(crate) fn shrink(&mut self) {
        if self.is_empty() {
            self.added = self.added();
            self.scratch = BytesMut::new();
            self.pieces = VecDeque::new();
        }
    }

    fn set_scratch_aside(&mut self) {
        if !self.scratch.is_empty() {
            self.added += self.scratch.len() as u64;
            let piece = self.scratch.split().freeze();
            self.push_piece(piece);
        }
    }

    fn push_piece(&mut self, piece: Bytes) {
        self.pieces_len += piece.len();
        self.pieces.push_back(piece);
    }
}

impl Buf for Output {
    fn remaining(&self) -> usize {
        self.len()
    }

    fn chunk(&self) -> &[u8] {
        self.pieces.front().map_or(&self.scratch, |piece| piece)
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let scratch = (!self.scratch.is_empty()).then_some(&self.scratch[..]);
        let waiting = self.pieces.iter().map(|piece| &piece[..]).chain(scratch);
        let mut filled = 0;
        for (slice, bytes) in slices.iter_mut().zip(waiting) {
            *slice = IoSlice::new(bytes);
            filled += 1;
        }
        filled
    }

    fn advance(&mut self, mut count: usize) {
        while let Some(front) = self.pieces.front_mut() {
            if count < front.len() {
                front.advance(count);
                self.pieces_len -= count;
                return;
            }
            count -= front.len();
            self.pieces_len -= front.len();
            self.pieces.pop_front();
        }
        self.added += count as u64;
        if count == self.scratch.len() {
            self.scratch.clear();
        } else {
            self.scratch.advance(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::{Buf, Bytes};
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::{INLINE_MAX, Output};

    proptest! {
        /// However much the socket takes at a time, what comes out is what went in.
        #[test]
        fn bytes_keep_their_order(
            lengths in vec(prop_oneof![0usize..100, INLINE_MAX - 1..INLINE_MAX + 3], 1..20),
            taken in vec(1usize..6_000, 1..10),
        ) {
            let (mut output, mut expected, mut written) = (Output::default(), Vec::new(), Vec::new());
            let mut taken = taken.iter().cycle();
            for (mark, length) in lengths.iter().enumerate() {
                let bytes = vec![mark as u8; *length];
                expected.extend_from_slice(&bytes);
                if mark % 3 == 0 {
                    output.scratch().extend_from_slice(&bytes);
                } else {
                    output.push(Bytes::from(bytes));
                }
                prop_assert_eq!(output.added(), expected.len() as u64);
                let count = output.remaining().min(*taken.next().unwrap());
                let mut slices = [std::io::IoSlice::new(&[]); 64];
                let filled = output.chunks_vectored(&mut slices);
                let waiting: Vec<u8> = slices[..filled].iter().flat_map(|s| s.to_vec()).collect();
                prop_assert_eq!(waiting.len(), output.remaining());
                written.extend_from_slice(&waiting[..count]);
                output.advance(count);
            }
            written.extend_from_slice(&output.copy_to_bytes(output.remaining()));
            prop_assert!(written == expected);
            output.shrink();
            prop_assert_eq!(output.added(), expected.len() as u64);
        }
    }
}
