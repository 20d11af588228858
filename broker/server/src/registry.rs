//! The connections that are open, for management and for telling all of them something.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use broker_core::id::ConnectionId;
use broker_core::time::Timestamp;
use broker_protocol::table::FieldTable;
use hashbrown::HashMap;

use crate::link::{Event, Link};
use crate::lock::lock;
use crate::tls::stream::Established;

/// All open connections. Touched when one comes or goes, never for a message.
#[derive(Debug)]
pub(crate) struct Registry {
    open: Mutex<HashMap<ConnectionId, Arc<Profile>>>,
    next: AtomicU64,
    most: usize,
}

/// What is known of one connection.
#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) link: Link,
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
    pub(crate) since: Timestamp,
    /// Set once the client has logged in.
    pub(crate) user: OnceLock<String>,
    /// What the client said of itself. Set with the user.
    pub(crate) client: OnceLock<FieldTable>,
    /// Set once the client has opened one.
    pub(crate) vhost: OnceLock<String>,
    /// Set once TLS is agreed on.
    pub(crate) tls: OnceLock<Established>,
    /// Open channels.
    pub(crate) channels: AtomicU64,
    /// Bytes received.
    pub(crate) received: AtomicU64,
    /// Bytes sent.
    pub(crate) sent: AtomicU64,
    /// Whether the client is kept from publishing.
    pub(crate) blocked: AtomicBool,
}

// === impl Registry ===

impl Registry {
    /// For at most `most` connections at a time.
    pub(crate) fn new(most: usize) -> Self {
        Self { open: Mutex::default(), next: AtomicU64::new(1), most }
    }

    /// A number no connection has had.
    pub(crate) fn next(&self) -> ConnectionId {
        ConnectionId(self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// Adds a connection; false when there are as many as there may be.
    pub(crate) fn add(&self, profile: Arc<Profile>) -> bool {
        let mut open = lock(&self.open);
        if open.len() >= self.most {
            return false;
        }
        open.insert(profile.link.connection(), profile);
        true
    }

    /// A connection has ended.
    pub(crate) fn remove(&self, connection: ConnectionId) {
        let mut open = lock(&self.open);
        open.remove(&connection);
        if open.is_empty() {
            open.shrink_to(0);
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        lock(&self.open).len()
    }

    /// All of them, oldest first.
    pub(crate) fn all(&self) -> Vec<Arc<Profile>> {
        let mut all: Vec<_> = lock(&self.open).values().cloned().collect();
        all.sort_by_key(|profile| profile.link.connection());
        all
    }

    /// Tells every connection something.
    pub(crate) fn tell(&self, event: impl Fn() -> Event) {
        for profile in lock(&self.open).values() {
            profile.link.send(event());
        }
    }
}

// === impl Profile ===

impl Profile {
    /// `PEER -> LOCAL`, as RabbitMQ names connections.
    pub(crate) fn name(&self) -> String {
        format!("{} -> {}", self.peer, self.local)
    }
}
