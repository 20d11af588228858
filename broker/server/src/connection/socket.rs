//! A socket with its read buffer: adaptive reads, vectored writes, patience with an end, and TLS if
//! the client came for it.

use std::io::{self, IoSlice};
use std::task::{Context, Poll};
use std::time::Duration;

use broker_core::time::Timestamp;
use bytes::{Buf, BytesMut};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::net::sockopt;
use tokio::net::TcpStream;

use crate::tls::stream::{Established, Secure};

/// The smallest buffer. An idle connection holds none at all.
const MIN_READ: usize = 4 << 10;
/// The least room to read into that is worth a system call.
const MIN_ROOM: usize = 1 << 10;
/// Milliseconds without a byte after which a connection is idle.
const IDLE_MS: u64 = 1_000;
/// The largest buffer.
const MAX_READ: usize = 256 << 10;
/// Pieces in one vectored write.
const MAX_SLICES: usize = 64;
/// Writes in one turn.
const MAX_WRITES: usize = 4;

/// Silence after which the system asks whether the client's machine is there.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
/// How often it asks then.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// How many questions may stay unanswered.
const KEEPALIVE_PROBES: u32 = 6;

/// A client's socket.
#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    /// None where bytes go as they are.
    secure: Option<Box<Secure>>,
    input: BytesMut,
    /// How much the next read asks for: grows while reads fill it, shrinks when they do not.
    chunk: usize,
    /// Milliseconds that the client may leave output unread.
    patience: u64,
    /// When the client last took something, or there was nothing to take.
    took: Option<Timestamp>,
    /// When the read buffer goes unless more has come.
    idle_at: Option<Timestamp>,
    lost: bool,
}

// === impl Socket ===

impl Socket {
    /// Bytes of unwritten output above which nothing more is read: a client that does not listen
    /// is not listened to.
    pub(super) const BACKLOG: usize = 1 << 20;

    /// `patience`: milliseconds that the client may leave output unread.
    pub(super) fn new(stream: TcpStream, secure: Option<Secure>, patience: u64) -> Self {
        Self {
            stream,
            secure: secure.map(Box::new),
            input: BytesMut::new(),
            chunk: MIN_READ,
            patience,
            took: None,
            idle_at: None,
            lost: false,
        }
    }

    /// What was read and not consumed.
    pub(super) fn input(&mut self) -> &mut BytesMut {
        &mut self.input
    }

    /// Whether the client speaks TLS.
    pub(super) fn is_secure(&self) -> bool {
        self.secure.is_some()
    }

    /// What a handshake has settled; once, when it has just ended.
    pub(super) fn established(&mut self) -> Option<Established> {
        self.secure.as_mut()?.established()
    }

    /// Whether something waits to be written that is not in the session's output any more.
    pub(super) fn has_unwritten(&self) -> bool {
        self.secure.as_ref().is_some_and(|secure| secure.has_unwritten())
    }

    /// Nothing more is to be written.
    pub(super) fn close(&mut self) {
        if let Some(secure) = self.secure.as_mut().filter(|_| !self.lost) {
            secure.close(&self.stream);
        }
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost
    }

    /// The socket is of no more use.
    pub(super) fn lose(&mut self) {
        self.lost = true;
        self.took = None;
        self.idle_at = None;
        self.input = BytesMut::new();
    }

    pub(super) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.stream.poll_read_ready(cx).map(drop)
    }

    pub(super) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.lost { Poll::Pending } else { self.stream.poll_write_ready(cx).map(drop) }
    }

    /// Whether the client has closed its side or is gone altogether, whatever it sent before.
    pub(super) fn is_client_gone(&self) -> bool {
        let ends = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR;
        let mut socket = [PollFd::new(&self.stream, ends)];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        rustix::event::poll(&mut socket, Some(&at_once)).is_ok_and(|count| count > 0)
    }

    /// Waits until the client has closed its side; what it says meanwhile is dropped.
    pub(super) async fn client_gone(&self) {
        loop {
            if self.stream.readable().await.is_err() {
                return;
            }
            match self.drop_some() {
                Ok(0) => return,
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return,
                _ => tokio::task::yield_now().await,
            }
        }
    }

    fn drop_some(&self) -> io::Result<usize> {
        self.stream.try_read(&mut [0; MIN_READ])
    }

    /// Has the system look for a client that says nothing, and give up on one that has not taken
    /// what it was sent for longer than patience lasts: its machine may be gone.
    ///
    /// # Errors
    ///
    /// When the system does not know how.
    pub(super) fn look_after(&self) -> io::Result<()> {
        let patience = u32::try_from(self.patience).unwrap_or(u32::MAX);
        sockopt::set_socket_keepalive(&self.stream, true)?;
        sockopt::set_tcp_keepidle(&self.stream, KEEPALIVE_IDLE)?;
        sockopt::set_tcp_keepintvl(&self.stream, KEEPALIVE_INTERVAL)?;
        sockopt::set_tcp_keepcnt(&self.stream, KEEPALIVE_PROBES)?;
        Ok(sockopt::set_tcp_user_timeout(&self.stream, patience)?)
    }

    /// Reads once. 0 when there is nothing now.
    ///
    /// One buffer serves many reads, until little of it is left: a message keeps alive the buffer
    /// that it was read into, so the buffers had better be full.
    ///
    /// # Errors
    ///
    /// When the client has gone, in an orderly way or not.
    pub(super) fn read(&mut self, now: Timestamp) -> io::Result<usize> {
        if self.input.capacity() - self.input.len() < (self.chunk / 8).max(MIN_ROOM) {
            self.input.reserve(self.chunk);
        }
        let room = self.input.capacity() - self.input.len();
        let read = match &mut self.secure {
            None => self.stream.try_read_buf(&mut self.input),
            Some(secure) => secure.read(&self.stream, &mut self.input),
        };
        match read {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                self.adapt(count.min(room), room);
                self.idle_at = Some(now.after(IDLE_MS));
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(error),
        }
    }

    fn adapt(&mut self, count: usize, room: usize) {
        if count == room && room >= self.chunk / 2 {
            self.chunk = (self.chunk * 4).min(MAX_READ);
        } else if count < self.chunk / 4 && room >= self.chunk / 4 {
            self.chunk = (self.chunk / 2).max(MIN_READ);
        }
    }

    /// Lets go of the buffer when nothing has come for a while.
    pub(super) fn release_idle(&mut self, now: Timestamp) {
        if self.idle_at.is_some_and(|idle| idle <= now) {
            self.idle_at = None;
            self.chunk = MIN_READ;
            if self.input.is_empty() {
                self.input = BytesMut::new();
            }
        }
    }

    /// When to look whether the buffer can go.
    pub(super) fn idle_at(&self) -> Option<Timestamp> {
        self.idle_at
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
            let taken = match &mut self.secure {
                None => self.stream.try_write_vectored(&slices[..filled]),
                Some(secure) => secure.write(&self.stream, &slices[..filled]),
            };
            match taken {
                Ok(count) => {
                    output.advance(count);
                    written += count;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        if let Some(secure) = self.secure.as_mut().filter(|_| !self.lost) {
            secure.flush(&self.stream)?;
        }
        if !output.has_remaining() && !self.has_unwritten() {
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
