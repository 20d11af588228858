//! One client's TLS: what the socket carries on one side, what AMQP says on the other.
//!
//! Driven by the connection's task like a plain socket, without waiting: the handshake is nothing
//! but reads that give no plaintext and writes that take none. What a client can make it hold is
//! bounded: rustls buffers one record or handshake message (64 KiB) inward and 64 KiB outward.

use std::cell::RefCell;
use std::io::{self, BufRead, IoSlice, Write};

use bytes::BytesMut;
use rustls::{ProtocolVersion, ServerConnection};
use tokio::net::TcpStream;

use crate::tls::Offer;
use crate::tls::certificate::Certificate;

/// Bytes that one read takes from the socket.
const READ: usize = 64 << 10;

thread_local! {
    /// What was read and not yet decrypted: never anything between two reads, so that all
    /// connections of a thread can share it.
    static CIPHERTEXT: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ].into());
}

/// TLS on a client's socket.
#[derive(Debug)]
pub(crate) struct Secure {
    tls: ServerConnection,
    /// What was offered, until the client has taken it.
    offer: Option<Offer>,
    established: Option<Established>,
    /// Whether anything has been read.
    begun: bool,
    /// Whether the client has said that nothing more comes.
    ended: bool,
}

/// What the handshake has settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Established {
    /// As in `tlsv1.3`.
    pub(crate) version: &'static str,
    /// As in `TLS13_AES_256_GCM_SHA384`.
    pub(crate) cipher_suite: String,
    /// What the client's certificate says, if it has shown one.
    pub(crate) peer: Option<Peer>,
}

/// A client as its certificate, which was verified, tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Peer {
    /// The user that it is for.
    pub(crate) user: Option<String>,
    pub(crate) subject: String,
    pub(crate) issuer: String,
    pub(crate) validity: String,
}

/// A socket as something that reads and writes without waiting.
struct Unwaiting<'a>(&'a TcpStream);

// === impl Secure ===

impl Secure {
    /// # Errors
    ///
    /// When the configuration cannot be used.
    pub(crate) fn new(offer: Offer) -> Result<Self, rustls::Error> {
        let tls = ServerConnection::new(offer.config.clone())?;
        Ok(Self { tls, offer: Some(offer), established: None, begun: false, ended: false })
    }

    /// What the handshake has settled; once, when it has just ended.
    pub(crate) fn established(&mut self) -> Option<Established> {
        self.established.take()
    }

    /// Whether something encrypted waits to be written.
    pub(crate) fn has_unwritten(&self) -> bool {
        self.tls.wants_write()
    }

    /// Reads once from `stream` and adds what that says to `input`. Returns the bytes read from the
    /// socket, which may say nothing yet; 0 at the end.
    ///
    /// # Errors
    ///
    /// As the socket says, `WouldBlock` when there is nothing now; `InvalidData` when the client
    /// breaks the rules of TLS.
    pub(crate) fn read(&mut self, stream: &TcpStream, input: &mut BytesMut) -> io::Result<usize> {
        if self.ended {
            return Ok(0);
        }
        CIPHERTEXT.with_borrow_mut(|buffer| {
            let count = stream.try_read(buffer)?;
            let first = !std::mem::replace(&mut self.begun, true);
            self.decrypt(&buffer[..count], input).map(|()| count).map_err(|error| {
                // The client is told in TLS's own words, if it listens.
                let _ = self.tls.write_tls(&mut Unwaiting(stream));
                explain(error, first && buffer.starts_with(b"AMQP"))
            })
        })
    }

    fn decrypt(
        &mut self,
        mut ciphertext: &[u8],
        input: &mut BytesMut,
    ) -> Result<(), rustls::Error> {
        while !ciphertext.is_empty() && !self.ended {
            let taken = self.tls.read_tls(&mut ciphertext);
            let state = self.tls.process_new_packets()?;
            let mut plaintext = self.tls.reader();
            while let Ok(chunk @ [_, ..]) = plaintext.fill_buf() {
                let count = chunk.len();
                input.extend_from_slice(chunk);
                plaintext.consume(count);
            }
            self.ended = state.peer_has_closed() || !matches!(taken, Ok(1..));
        }
        self.settle();
        Ok(())
    }

    /// Notes what the handshake has settled, once it has.
    fn settle(&mut self) {
        if self.tls.is_handshaking() {
            return;
        }
        let Some(offer) = self.offer.take() else { return };
        let certificate = self.tls.peer_certificates().and_then(<[_]>::first);
        let certificate = certificate.and_then(|certificate| Certificate::parse(certificate));
        let peer = certificate.map(|certificate| Peer {
            user: offer.user(&certificate),
            subject: certificate.subject(),
            issuer: certificate.issuer(),
            validity: certificate.validity(),
        });
        let suite = self.tls.negotiated_cipher_suite();
        let suite = suite.and_then(|suite| suite.suite().as_str().map(str::to_owned));
        let version = match self.tls.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "tlsv1.3",
            _ => "tlsv1.2",
        };
        let cipher_suite = suite.unwrap_or_default();
        self.established = Some(Established { version, cipher_suite, peer });
    }

    /// Encrypts as much of `output` as there is room for, writes it as far as the socket takes it now
    /// and keeps the rest. Returns how much of `output` that is.
    ///
    /// # Errors
    ///
    /// As the socket says; `WouldBlock` when there is no room.
    pub(crate) fn write(
        &mut self,
        stream: &TcpStream,
        output: &[IoSlice<'_>],
    ) -> io::Result<usize> {
        self.flush(stream)?;
        if self.tls.is_handshaking() || self.tls.wants_write() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let taken = self.tls.writer().write_vectored(output)?;
        self.flush(stream)?;
        Ok(taken)
    }

    /// Writes what was kept, as far as the socket takes it now.
    ///
    /// # Errors
    ///
    /// When the client has gone.
    pub(crate) fn flush(&mut self, stream: &TcpStream) -> io::Result<()> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut Unwaiting(stream)) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Tells the client that nothing more comes, so that it can tell an end from a cut.
    pub(crate) fn close(&mut self, stream: &TcpStream) {
        if !self.begun {
            return;
        }
        self.tls.send_close_notify();
        // Whoever does not read now has said goodbye already.
        let _ = self.tls.write_tls(&mut Unwaiting(stream));
    }
}

/// What went wrong, in words that help whoever reads the log.
fn explain(error: rustls::Error, is_plain: bool) -> io::Error {
    let kind = io::ErrorKind::InvalidData;
    if is_plain {
        return io::Error::new(kind, "it speaks AMQP without TLS on a port for TLS");
    }
    io::Error::new(kind, error)
}

// === impl Unwaiting ===

impl Write for Unwaiting<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(pieces)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
