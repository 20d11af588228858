//! A TCP proxy: listens for a Service and passes each connection to one of its ready pods.
//!
//! Pods take turns. A connection that is open stays with its pod, also after the pod stopped
//! being ready. Without a ready pod a connection is reset at once, which a client sees as it
//! would see a refusal.

use std::io;
use std::net::{SocketAddr, SocketAddrV4};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How long a pod may take to accept.
const CONNECT: Duration = Duration::from_secs(5);
/// How long to wait after the system had no room for another connection.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// Where connections go. Shared between the proxy and whoever knows the pods.
#[derive(Debug, Default)]
pub(crate) struct Targets {
    addresses: RwLock<Vec<SocketAddrV4>>,
    next: AtomicUsize,
}

/// A listening proxy. Dropping it closes the port and every connection through it.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    targets: Arc<Targets>,
    _accepting: JoinSet<()>,
}

// === impl Targets ===

impl Targets {
    /// Sends new connections to `addresses` from now on.
    pub(crate) fn set(&self, addresses: Vec<SocketAddrV4>) {
        *self.addresses.write().unwrap_or_else(PoisonError::into_inner) = addresses;
    }

    fn take_turn(&self) -> Option<SocketAddrV4> {
        let addresses = self.addresses.read().unwrap_or_else(PoisonError::into_inner);
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        addresses.get(turn.checked_rem(addresses.len())?).copied()
    }
}

// === impl Proxy ===

impl Proxy {
    /// Listens on `address`; port 0 picks a free one.
    pub(crate) async fn listen(address: SocketAddrV4) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let targets = Arc::new(Targets::default());
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, Arc::clone(&targets)));
        Ok(Self { address, targets, _accepting: accepting })
    }

    /// Where clients connect.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where their connections go.
    pub(crate) fn targets(&self) -> &Arc<Targets> {
        &self.targets
    }
}

async fn accept(listener: TcpListener, targets: Arc<Targets>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((client, _)) => drop(connections.spawn(pass(client, targets.take_turn()))),
                Err(error) => {
                    tracing::debug!(%error, "a proxy could not accept a connection");
                    sleep(EXHAUSTED).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn pass(mut client: TcpStream, target: Option<SocketAddrV4>) {
    let server = match target {
        Some(target) => {
            timeout(CONNECT, TcpStream::connect(target)).await.ok().and_then(Result::ok)
        }
        None => None,
    };
    let Some(mut server) = server else {
        // Closing with unread or unsent data pending would do; a zero linger always resets.
        let _ = client.set_zero_linger();
        return;
    };
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    // An error ends both directions, as it would without a proxy.
    let _ = copy_bidirectional(&mut client, &mut server).await;
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const ANY: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);

    /// A server that answers every connection with its name, then echoes.
    async fn server(name: &'static str) -> SocketAddrV4 {
        let listener = TcpListener::bind(ANY).await.unwrap();
        let SocketAddr::V4(address) = listener.local_addr().unwrap() else { panic!("not IPv4") };
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    stream.write_all(name.as_bytes()).await.unwrap();
                    let (mut reader, mut writer) = stream.split();
                    let _ = tokio::io::copy(&mut reader, &mut writer).await;
                });
            }
        });
        address
    }

    async fn answer(proxy: &Proxy) -> io::Result<String> {
        let mut stream = TcpStream::connect(proxy.address()).await?;
        let mut name = [0; 1];
        stream.read_exact(&mut name).await?;
        Ok(String::from_utf8_lossy(&name).into_owned())
    }

    #[tokio::test]
    async fn pods_take_turns_and_nobody_is_a_reset() {
        let proxy = Proxy::listen(ANY).await.unwrap();
        assert!(answer(&proxy).await.is_err());
        proxy.targets().set(vec![server("a").await, server("b").await]);
        let mut names = Vec::new();
        for _ in 0..4 {
            names.push(answer(&proxy).await.unwrap());
        }
        names.sort();
        assert_eq!(names, ["a", "a", "b", "b"]);
        proxy.targets().set(Vec::new());
        assert!(answer(&proxy).await.is_err());
    }

    #[tokio::test]
    async fn bytes_pass_both_ways_and_the_end_is_passed_on() {
        let proxy = Proxy::listen(ANY).await.unwrap();
        proxy.targets().set(vec![server("a").await]);
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        let sent = vec![7_u8; 300_000];
        let (mut reader, mut writer) = stream.split();
        let writing = async {
            writer.write_all(&sent).await.unwrap();
            writer.shutdown().await.unwrap();
        };
        let mut received = Vec::new();
        let (outcome, ()) = tokio::join!(reader.read_to_end(&mut received), writing);
        outcome.unwrap();
        assert_eq!(received.len(), 1 + sent.len());
    }

    #[tokio::test]
    async fn a_dropped_proxy_frees_its_port() {
        let proxy = Proxy::listen(ANY).await.unwrap();
        let address = proxy.address();
        drop(proxy);
        for _ in 0..100 {
            if TcpStream::connect(address).await.is_err() {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("{address} still accepts");
    }
}
