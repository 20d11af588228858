//! The connections that are open, for management and for telling all of them something.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use broker_core::id::ConnectionId;
use broker_core::refusal::Refusal;
use broker_core::time::Timestamp;
use broker_protocol::reply::ReplyCode;
use broker_protocol::table::FieldTable;
use hashbrown::HashMap;

use crate::link::{Event, Link};
use crate::lock::lock;
use crate::tls::stream::Established;

/// All open connections. Touched when one comes or goes, never for a message.
#[derive(Debug)]
pub(crate) struct Registry {
    open: Mutex<Open>,
    next: AtomicU64,
    /// How many have ended and keep their socket for a little longer.
    seen_off: AtomicUsize,
    most: usize,
}

/// The place of a connection that has ended and keeps its socket, until it is dropped.
#[derive(Debug)]
pub(crate) struct SeenOff<'a>(&'a AtomicUsize);

#[derive(Debug, Default)]
struct Open {
    profiles: HashMap<ConnectionId, Arc<Profile>>,
    /// How many have entered each vhost.
    in_vhosts: HashMap<String, u32>,
    /// How many of each user have.
    of_users: HashMap<String, u32>,
}

/// A name and how many connections it may have, if that is limited.
pub(crate) type Limited<'a> = (&'a str, Option<u32>);

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
    /// What was agreed on with the client. Set with the vhost.
    pub(crate) limits: OnceLock<Limits>,
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
    /// Whether it is counted for its user and its vhost.
    pub(crate) entered: AtomicBool,
    /// Whether somebody has asked for its end, so that it is not listed any more.
    pub(crate) dismissed: AtomicBool,
}

/// What a client agreed to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Limits {
    /// Bytes of a frame, at most.
    pub(crate) frame_max: u32,
    /// Channels, at most.
    pub(crate) channel_max: u16,
    /// Seconds between heartbeats; 0 is none.
    pub(crate) heartbeat: u64,
}

// === impl Registry ===

impl Registry {
    /// For at most `most` connections at a time.
    pub(crate) fn new(most: usize) -> Self {
        let (next, seen_off) = (AtomicU64::new(1), AtomicUsize::new(0));
        Self { open: Mutex::default(), next, seen_off, most }
    }

    /// A number no connection has had.
    pub(crate) fn next(&self) -> ConnectionId {
        ConnectionId(self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// Adds a connection; false when there are as many as there may be.
    pub(crate) fn add(&self, profile: Arc<Profile>) -> bool {
        let mut open = lock(&self.open);
        if open.profiles.len() + self.seen_off.load(Ordering::Relaxed) >= self.most {
            return false;
        }
        open.profiles.insert(profile.link.connection(), profile);
        true
    }

    /// A connection wants to enter a vhost, and is counted from now on.
    ///
    /// # Errors
    ///
    /// 530 when the vhost or the user has as many as it may have.
    pub(crate) fn enter(
        &self,
        profile: &Profile,
        (vhost, of_vhost): Limited<'_>,
        (user, of_user): Limited<'_>,
    ) -> Result<(), Refusal> {
        let mut open = lock(&self.open);
        let reached = |counts: &HashMap<String, u32>, name: &str, limit: Option<u32>| {
            limit
                .filter(|limit| counts.get(name).is_some_and(|count| count >= limit) || *limit == 0)
        };
        if let Some(limit) = reached(&open.in_vhosts, vhost, of_vhost) {
            return Err(not_allowed(format_args!(
                "access to vhost '{vhost}' refused for user '{user}': connection limit ({limit}) is \
                 reached"
            )));
        }
        if let Some(limit) = reached(&open.of_users, user, of_user) {
            return Err(not_allowed(format_args!(
                "connection refused for user '{user}': user connection limit ({limit}) is reached"
            )));
        }
        *open.in_vhosts.entry_ref(vhost).or_default() += 1;
        *open.of_users.entry_ref(user).or_default() += 1;
        profile.entered.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Counts one more channel of a connection; false if its user then had more than `limit`.
    pub(crate) fn open_channel(&self, profile: &Profile, limit: u64) -> bool {
        let open = lock(&self.open);
        let same = open.profiles.values().filter(|other| other.user.get() == profile.user.get());
        let count: u64 = same.map(|other| other.channels.load(Ordering::Relaxed)).sum();
        if count < limit {
            profile.channels.fetch_add(1, Ordering::Relaxed);
        }
        count < limit
    }

    /// Asks connections to close, for a reason. Returns how many.
    pub(crate) fn close(&self, reason: &str, which: impl Fn(&Profile) -> bool) -> usize {
        let reason: Arc<str> = reason.into();
        let open = lock(&self.open);
        let found = open.profiles.values().filter(|profile| which(profile));
        found.map(|profile| profile.link.send(Event::Close(Arc::clone(&reason)))).count()
    }

    /// A connection has ended.
    pub(crate) fn remove(&self, connection: ConnectionId) {
        let mut open = lock(&self.open);
        let Some(profile) = open.profiles.remove(&connection) else { return };
        if profile.entered.load(Ordering::Relaxed)
            && let (Some(vhost), Some(user)) = (profile.vhost.get(), profile.user.get())
        {
            count_down(&mut open.in_vhosts, vhost);
            count_down(&mut open.of_users, user);
        }
        if open.profiles.is_empty() {
            *open = Open::default();
        }
    }

    /// A place for a connection that was removed and keeps its socket, while less than half of all places are
    /// taken: clients that take their time keep nobody out.
    pub(crate) fn see_off(&self) -> Option<SeenOff<'_>> {
        let open = lock(&self.open);
        let room = open.profiles.len() + self.seen_off.load(Ordering::Relaxed) < self.most / 2;
        room.then(|| {
            self.seen_off.fetch_add(1, Ordering::Relaxed);
            SeenOff(&self.seen_off)
        })
    }

    /// Whether a connection has not ended.
    pub(crate) fn holds(&self, connection: ConnectionId) -> bool {
        lock(&self.open).profiles.contains_key(&connection)
    }

    /// How many there may be.
    pub(crate) fn most(&self) -> usize {
        self.most
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        lock(&self.open).profiles.len()
    }

    /// All of them, oldest first.
    pub(crate) fn all(&self) -> Vec<Arc<Profile>> {
        let mut all: Vec<_> = lock(&self.open).profiles.values().cloned().collect();
        all.sort_by_key(|profile| profile.link.connection());
        all
    }

    /// Tells every connection something.
    pub(crate) fn tell(&self, event: impl Fn() -> Event) {
        for profile in lock(&self.open).profiles.values() {
            profile.link.send(event());
        }
    }
}

// === impl SeenOff ===

impl Drop for SeenOff<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn count_down(counts: &mut HashMap<String, u32>, name: &str) {
    if let Some(count) = counts.get_mut(name) {
        *count -= 1;
        if *count == 0 {
            counts.remove(name);
        }
    }
}

fn not_allowed(detail: impl fmt::Display) -> Refusal {
    Refusal::new(ReplyCode::NotAllowed, detail)
}

// === impl Profile ===

impl Profile {
    /// `PEER -> LOCAL`, as RabbitMQ names connections.
    pub(crate) fn name(&self) -> String {
        format!("{} -> {}", self.peer, self.local)
    }
}
