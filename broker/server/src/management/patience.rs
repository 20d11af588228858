//! HTTP connections that cannot be held for ever, nor be so many that none is left for AMQP.
//!
//! A request has to be there in full soon after its connection was accepted or the last answer was
//! written, and an answer has to be taken; whoever is slower is cut off. So neither idle connections
//! nor requests sent a byte at a time use up the process's file descriptors. When there is no place
//! for a newcomer, whoever has been idle longest leaves: a probe is not kept waiting.

mod places;

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpListener;
use tokio::time::{Instant, Sleep};

use crate::management::carrier::Carrier;
use crate::management::patience::places::{Place, Places};
use crate::tls::Tls;

/// A listener with a limit, whose connections are [`Impatient`].
pub(super) struct Limited {
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    places: Arc<Places>,
    patience: Duration,
}

/// A connection that fails when nothing was written for too long.
pub(super) struct Impatient {
    stream: Carrier,
    patience: Duration,
    deadline: Pin<Box<Sleep>>,
    /// Given back when the connection ends.
    place: Option<Place>,
}

/// Where a connection comes from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) SocketAddr);

// === impl Limited ===

impl Limited {
    /// At most `most` connections at a time; each may take `patience` for a request or an answer.
    pub(super) fn new(listener: TcpListener, most: usize, patience: Duration) -> Self {
        Self { listener, tls: None, places: Places::new(most), patience }
    }

    /// The same over TLS, if there is one.
    pub(super) fn over(self, tls: Option<Arc<Tls>>) -> Self {
        Self { tls, ..self }
    }
}

impl Listener for Limited {
    type Io = Impatient;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Impatient, SocketAddr) {
        let (stream, peer) = Listener::accept(&mut self.listener).await;
        // Places are never closed, so there is always one in the end.
        let place = self.places.take().await;
        let deadline = Box::pin(tokio::time::sleep(self.patience));
        let stream = Carrier::new(stream, self.tls.as_ref().map(|tls| tls.management()));
        (Impatient { stream, patience: self.patience, deadline, place }, peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

// === impl Impatient ===

impl Impatient {
    /// What comes of an attempt: one that has to wait fails once the deadline has passed.
    fn in_time<T>(
        &mut self,
        cx: &mut Context<'_>,
        attempt: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if attempt.is_ready() {
            return attempt;
        }
        if self.place.as_mut().is_some_and(|place| place.poll_leave(cx).is_ready()) {
            let reason = "another needs the place";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionAborted, reason)));
        }
        ready!(self.deadline.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client is too slow")))
    }

    fn wrote(
        &mut self,
        cx: &mut Context<'_>,
        attempt: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if matches!(attempt, Poll::Ready(Ok(_))) {
            self.deadline.as_mut().reset(Instant::now() + self.patience);
            self.place.iter().for_each(Place::answered);
        }
        self.in_time(cx, attempt)
    }
}

impl AsyncRead for Impatient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let attempt = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.place.iter().for_each(Place::asks);
        }
        self.in_time(cx, attempt)
    }
}

impl AsyncWrite for Impatient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let attempt = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(cx, attempt)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let attempt = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.wrote(cx, attempt)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

// === impl Peer ===

impl Connected<IncomingStream<'_, Limited>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Limited>) -> Self {
        Self(*stream.remote_addr())
    }
}

#[cfg(test)]
mod tests;
