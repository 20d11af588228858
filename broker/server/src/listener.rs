//! Listening sockets, and handing what they accept to the shards in turn.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

/// Connections the kernel keeps for us until they are accepted.
const BACKLOG: i32 = 1024;

/// How long accepting rests when the process has run out of file descriptors.
const REST: Duration = Duration::from_millis(100);

/// An address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct Error {
    /// The address asked for.
    pub address: SocketAddr,
    /// Why not.
    pub source: io::Error,
}

/// Binds `address` on the current runtime. An IPv6 address is bound for IPv6 only, so that the same
/// port can be bound for IPv4 beside it.
///
/// # Errors
///
/// When the address is in use or not this machine's.
pub(crate) fn bind(address: SocketAddr) -> Result<TcpListener, Error> {
    let bind = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        TcpListener::from_std(socket.into())
    };
    bind().map_err(|source| Error { address, source })
}

/// Accepts for ever and gives each connection to `take`, along with what it was let in for by `ready`.
pub(crate) async fn accept<T>(
    listener: TcpListener,
    ready: impl AsyncFn() -> T,
    take: impl Fn(std::net::TcpStream, SocketAddr, T),
) {
    loop {
        let place = ready().await;
        match listener.accept().await {
            Ok((stream, peer)) => match stream.into_std() {
                Ok(stream) => take(stream, peer, place),
                Err(error) => tracing::debug!(%peer, %error, "connection lost before it began"),
            },
            Err(error) if is_of_the_peer(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection, trying again shortly");
                tokio::time::sleep(REST).await;
            }
        }
    }
}

/// The connection went before it was accepted: nothing of ours is wrong.
fn is_of_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
