//! A socket with its read buffer: adaptive reads, vectored writes, and patience with an end.

use std::io::{self, IoSlice};
use std::task::{Context, Poll};

use broker_core::time::Timestamp;
use bytes::{Buf, BytesMut};
use tokio::net::TcpStream;

/// The smallest read. An idle connection holds no buffer at all.
const MIN_READ: usize = 4 << 10;
/// The largest read.
const MAX_READ: usize = 256 << 10;
/// Pieces in one vectored write.
const MAX_SLICES: usize = 64;
/// Writes in one turn.
const MAX_WRITES: usize = 4;

/// A client's socket.
#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    input: BytesMut,
    /// How much the next read asks for: grows while reads fill it, shrinks when they do not.
    chunk: usize,
    /// Milliseconds that the client may leave output unread.
    patience: u64,
    /// When the client last took something, or there was nothing to take.
    took: Option<Timestamp>,
    lost: bool,
}

// === impl Socket ===

impl Socket {
    /// Bytes of unwritten output above which nothing more is read: a client that does not listen
    /// is not listened to.
    pub(super) const BACKLOG: usize = 1 << 20;

    /// `patience`: milliseconds that the client may leave output unread.
    pub(super) fn new(stream: TcpStream, patience: u64) -> Self {
        let input = BytesMut::new();
        Self { stream, input, chunk: MIN_READ, patience, took: None, lost: false }
    }

    /// What was read and not consumed.
    pub(super) fn input(&mut self) -> &mut BytesMut {
        &mut self.input
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost
    }

    /// The socket is of no more use.
    pub(super) fn lose(&mut self) {
        self.lost = true;
        self.took = None;
        self.input = BytesMut::new();
    }

    pub(super) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.stream.poll_read_ready(cx).map(drop)
    }

    pub(super) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.lost { Poll::Pending } else { self.stream.poll_write_ready(cx).map(drop) }
    }

    /// Reads once. 0 when there is nothing now.
    ///
    /// # Errors
    ///
    /// When the client has gone, in an orderly way or not.
    pub(super) fn read(&mut self) -> io::Result<usize> {
        self.input.reserve(self.chunk);
        let room = self.input.capacity() - self.input.len();
        match self.stream.try_read_buf(&mut self.input) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                self.adapt(count, room);
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.settle_input();
                Ok(0)
            }
            Err(error) => Err(error),
        }
    }

    fn adapt(&mut self, count: usize, room: usize) {
        if count == room {
            self.chunk = (self.chunk * 4).min(MAX_READ);
        } else if count < self.chunk / 4 {
            self.chunk = (self.chunk / 2).max(MIN_READ);
        }
    }

    /// Lets go of the buffer when everything in it was consumed.
    pub(super) fn settle_input(&mut self) {
        if self.input.is_empty() {
            self.input = BytesMut::new();
        }
    }

    /// Writes as much of `output` as the socket takes now, and returns how much that was.
    ///
    /// # Errors
    ///
    /// When the client has gone, or has left its output unread for too long.
    pub(super) fn write(&mut self, output: &mut impl Buf, now: Timestamp) -> io::Result<usize> {
        let mut written = 0;
        for _ in 0..MAX_WRITES {
            if self.lost || !output.has_remaining() {
                break;
            }
            let mut slices = [IoSlice::new(&[]); MAX_SLICES];
            let filled = output.chunks_vectored(&mut slices);
            match self.stream.try_write_vectored(&slices[..filled]) {
                Ok(count) => {
                    output.advance(count);
                    written += count;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        if !output.has_remaining() {
            self.took = None;
        } else if written > 0 || self.took.is_none() {
            self.took = Some(now);
        } else if self.stalls_at().is_some_and(|stalls| stalls <= now) {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read"));
        }
        Ok(written)
    }

    /// When patience with a client that does not read ends.
    pub(super) fn stalls_at(&self) -> Option<Timestamp> {
        self.took.map(|took| took.after(self.patience))
    }
}
