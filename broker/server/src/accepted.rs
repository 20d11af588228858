//! A client that has just come: what is handed to the shard that is to serve it.

use std::net::{SocketAddr, TcpStream};

use crate::tls::Offer;

/// An accepted socket, not yet registered with any runtime.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) stream: TcpStream,
    pub(crate) peer: SocketAddr,
    /// TLS, if the client came to a port for it.
    pub(crate) offer: Option<Offer>,
}
