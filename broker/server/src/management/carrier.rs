//! What carries HTTP: a socket, or TLS on one.
//!
//! The handshake is part of the first read, so that whoever is slow at it holds up nobody else.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};

/// One client's bytes, however they come.
pub(super) enum Carrier {
    Plain(TcpStream),
    Handshake(Box<Accept<TcpStream>>),
    Secure(Box<TlsStream<TcpStream>>),
    /// The handshake has failed.
    Failed,
}

// === impl Carrier ===

impl Carrier {
    /// With TLS if there is a configuration for it.
    pub(super) fn new(stream: TcpStream, tls: Option<Arc<ServerConfig>>) -> Self {
        match tls {
            Some(config) => Self::Handshake(Box::new(TlsAcceptor::from(config).accept(stream))),
            None => Self::Plain(stream),
        }
    }

    /// Ends the handshake, if it is not over.
    fn poll_established(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Self::Handshake(accept) = self {
            match ready!(Pin::new(accept).poll(cx)) {
                Ok(stream) => *self = Self::Secure(Box::new(stream)),
                Err(error) => {
                    tracing::debug!(%error, "TLS with a client of the management API failed");
                    *self = Self::Failed;
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// What there is before and after the handshake, during which nothing is read or written.
macro_rules! established {
    ($carrier:expr, $cx:expr, $stream:ident => $action:expr) => {{
        let carrier = $carrier.get_mut();
        ready!(carrier.poll_established($cx))?;
        match carrier {
            Carrier::Plain($stream) => $action,
            Carrier::Secure($stream) => $action,
            Carrier::Handshake(_) | Carrier::Failed => {
                Poll::Ready(Err(io::ErrorKind::NotConnected.into()))
            }
        }
    }};
}

impl AsyncRead for Carrier {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        established!(self, cx, stream => Pin::new(stream).poll_read(cx, buffer))
    }
}

impl AsyncWrite for Carrier {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        established!(self, cx, stream => Pin::new(stream).poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        established!(self, cx, stream => Pin::new(stream).poll_write_vectored(cx, pieces))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        established!(self, cx, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        established!(self, cx, stream => Pin::new(stream).poll_shutdown(cx))
    }
}
