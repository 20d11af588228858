//! The sockets that a node listens on, and what serves each.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use broker_api::Listener;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::accepted::Accepted;
use crate::args::Args;
use crate::listener::{self, Error};
use crate::mailbox::Sender;
use crate::management;
use crate::node::Node;
use crate::tls::Tls;

/// The sockets of a node, bound.
pub(super) struct Sockets {
    amqp: Vec<TcpListener>,
    amqps: Vec<(TcpListener, Arc<Tls>)>,
    management: TcpListener,
    management_tls: Option<(TcpListener, Arc<Tls>)>,
    metrics: TcpListener,
}

/// Hands each accepted socket to the next shard.
#[derive(Clone)]
struct Dealer {
    takers: Arc<[Sender<Accepted>]>,
    turn: Arc<AtomicUsize>,
}

// === impl Sockets ===

impl Sockets {
    /// # Errors
    ///
    /// When an address is in use or not this machine's.
    pub(super) fn bind(args: &Args, tls: Option<Arc<Tls>>) -> Result<Self, Error> {
        let plain = if args.tls.tls_only { &[][..] } else { &args.listen };
        let all = |addresses: &[SocketAddr]| -> Result<Vec<_>, _> {
            addresses.iter().copied().map(listener::bind).collect()
        };
        let management_tls = match (args.tls.management_tls_listen, &tls) {
            (Some(address), Some(tls)) => Some((listener::bind(address)?, Arc::clone(tls))),
            _ => None,
        };
        Ok(Self {
            amqp: all(plain)?,
            amqps: match tls {
                Some(tls) => {
                    let listeners = all(&args.tls.amqps_addresses())?.into_iter();
                    listeners.map(|listener| (listener, Arc::clone(&tls))).collect()
                }
                None => Vec::new(),
            },
            management: listener::bind(args.management_listen)?,
            management_tls,
            metrics: listener::bind(args.metrics_listen)?,
        })
    }

    /// Says on each listener where it really is.
    pub(super) fn describe(&self) -> std::io::Result<Vec<Listener>> {
        let amqp = self.amqp.iter().map(|listener| ("amqp", listener));
        let amqps = self.amqps.iter().map(|(listener, _)| ("amqp/ssl", listener));
        let https = self.management_tls.iter().map(|(listener, _)| ("https", listener));
        let http = [("http", &self.management), ("http/prometheus", &self.metrics)];
        amqp.chain(amqps)
            .chain(http)
            .chain(https)
            .map(|(protocol, listener)| {
                let address = listener.local_addr()?;
                tracing::info!(protocol, %address, "listening");
                let (ip_address, port) = (address.ip().to_string(), address.port());
                let node = String::new();
                Ok(Listener { node, protocol: protocol.to_owned(), ip_address, port })
            })
            .collect()
    }

    /// Serves all of them in the background; the tasks returned are those that accept AMQP clients.
    pub(super) fn serve(
        self,
        node: &Arc<Node>,
        takers: &Arc<[Sender<Accepted>]>,
    ) -> Vec<JoinHandle<()>> {
        tokio::spawn(management::serve(Arc::clone(node), self.management, None));
        if let Some((listener, tls)) = self.management_tls {
            tokio::spawn(management::serve(Arc::clone(node), listener, Some(tls)));
        }
        tokio::spawn(management::serve_metrics(Arc::clone(node), self.metrics));
        let dealer = Dealer { takers: Arc::clone(takers), turn: Arc::default() };
        let plain = self.amqp.into_iter().map(|listener| {
            let dealer = dealer.clone();
            let take = move |stream, peer, ()| dealer.deal(Accepted { stream, peer, offer: None });
            tokio::spawn(listener::accept(listener, async || {}, take))
        });
        let secure = self.amqps.into_iter().map(|(listener, tls)| {
            let (dealer, places) = (dealer.clone(), Arc::clone(&tls));
            let take = move |stream, peer, place| {
                dealer.deal(Accepted { stream, peer, offer: Some(tls.offer(place)) });
            };
            tokio::spawn(listener::accept(listener, async move || places.place().await, take))
        });
        plain.chain(secure).collect()
    }
}

// === impl Dealer ===

impl Dealer {
    fn deal(&self, accepted: Accepted) {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        self.takers[turn % self.takers.len()].send(accepted);
    }
}
