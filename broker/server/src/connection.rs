//! One client connection: a task that moves bytes between a socket and a session, and carries out
//! what the session asks for.
//!
//! ```text
//!            read                 requests                  batches
//!  socket ─────────▶ session ──────────────▶ route, group ──────────▶ shards
//!         ◀───────── session ◀────────────── events ◀──────────────── shards
//!            write
//! ```
//!
//! Each turn takes what has come (events, a read, a deadline), then sends one batch to each shard and
//! writes what there is to write. Reading pauses while a question is unanswered, while too much of
//! what was published is under way, while the node is out of memory and the client publishes, and
//! while the client does not read; the first three are the shards' to end, the last the client's.

mod budget;
mod events;
mod keeping;
mod login;
mod outgoing;
mod parting;
mod permissions;
mod publish;
mod questions;
mod replies;
mod requests;
mod secure;
mod socket;
mod transactions;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use broker_core::name::Name;
use broker_core::routing::Targets;
use broker_core::time::Timestamp;
use broker_protocol::reply::ReplyCode;
use broker_session::{Answer, Connection, Request};
use broker_storage::position::Position;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep};

use crate::accepted::Accepted;
use crate::clock;
use crate::connection::budget::{Budget, Unwritten};
use crate::connection::outgoing::Outgoing;
use crate::connection::permissions::Permissions;
use crate::connection::publish::Refused;
use crate::connection::questions::Open;
use crate::connection::replies::Inbox;
use crate::connection::socket::Socket;
use crate::link::{Event, Link};
use crate::mailbox::{Receiver, mailbox};
use crate::node::Node;
use crate::registry::Profile;
use crate::tls::stream::Secure;

/// Milliseconds that a session that is over may take to write its last words.
const LAST_WORDS_MS: u64 = 5_000;

/// Unwritten bytes below which consumers are granted more deliveries.
const LITTLE_OUTPUT: usize = 64 << 10;

/// A connection's task.
struct Task {
    node: Arc<Node>,
    profile: Arc<Profile>,
    link: Link,
    session: Connection,
    socket: Socket,
    mailbox: Receiver<Event>,
    outgoing: Outgoing,
    budget: Budget,
    /// Unwritten and unfinished bytes that count against the node's memory.
    unwritten: Unwritten,
    /// Of these, the unfinished ones, which have a limit of their own.
    unfinished: Unwritten,
    inbox: Inbox,
    /// The question under way, whose answer the session waits for.
    question: Option<Open>,
    /// Nothing is written before the log has what lies before this place: an answer speaks of it.
    held: Option<Position>,
    /// Changes whose answers are held.
    ahead: usize,
    /// One more, whose answer the session waits for: it is far enough ahead of the log.
    recording: Option<(Position, Answer)>,
    /// Whether the session was answered and has to go on with what was parked.
    answered: bool,
    refused: Refused,
    permissions: Permissions,
    /// A login that is checked slowly: given up with the connection, so that a flood of clients that
    /// do not wait leaves nothing to do behind.
    login: Option<JoinSet<()>>,
    /// Virtual host in use; empty before.
    vhost: Name,
    /// Whether the client published while the node was out of memory, and so is not read from.
    blocked: bool,
    /// Whether the client was found to have gone while it was not read from.
    client_is_gone: bool,
    /// When to look for that.
    look_at: Option<Timestamp>,
    /// Shards that have yet to say that nothing more comes from them. None before the end.
    farewells: Option<usize>,
    timer: Pin<Box<Sleep>>,
    /// When the timer goes off; the session's own deadline may be later.
    alarm: Option<Timestamp>,
    /// When a session that is over is cut off.
    cut: Option<Timestamp>,
    /// Whether it is not counted any more.
    has_left: bool,
    now: Timestamp,
    // Empty between turns; kept for their memory.
    events: Vec<Event>,
    requests: Vec<Request>,
    targets: Targets,
}

/// Serves a client from its first byte to its last.
pub(crate) async fn serve(node: Arc<Node>, accepted: Accepted) {
    let peer = accepted.peer;
    match Task::begin(node, accepted) {
        Ok(Some(task)) => task.run().await,
        Ok(None) => tracing::warn!(%peer, "connection refused, there are as many as there may be"),
        Err(error) => tracing::debug!(%peer, %error, "connection lost before it began"),
    }
}

// === impl Task ===

impl Task {
    /// None when there are too many connections.
    fn begin(node: Arc<Node>, accepted: Accepted) -> io::Result<Option<Self>> {
        let Accepted { stream, peer, offer } = accepted;
        stream.set_nodelay(true)?;
        let local = stream.local_addr()?;
        let stream = TcpStream::from_std(stream)?;
        let secure = offer.map(Secure::new).transpose().map_err(io::Error::other)?;
        let socket = Socket::new(stream, secure, node.write_stall);
        socket.look_after()?;
        let (sender, mailbox) = mailbox();
        let id = node.registry.next();
        let link = Link::new(id, sender);
        let now = clock::now();
        let profile = Arc::new(Profile {
            link: link.clone(),
            peer,
            local,
            since: now,
            user: OnceLock::new(),
            client: OnceLock::new(),
            vhost: OnceLock::new(),
            limits: OnceLock::new(),
            tls: OnceLock::new(),
            channels: AtomicU64::new(0),
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            blocked: AtomicBool::new(false),
            entered: AtomicBool::new(false),
            dismissed: AtomicBool::new(false),
        });
        if !node.registry.add(Arc::clone(&profile)) {
            return Ok(None);
        }
        node.metrics.connections_opened.inc();
        tracing::debug!(connection = id.0, %peer, "connection accepted");
        Ok(Some(Self {
            session: Connection::new(id, Arc::clone(&node.session), now),
            socket,
            outgoing: Outgoing::new(node.shards.len()),
            budget: Budget::default(),
            unwritten: Unwritten::default(),
            unfinished: Unwritten::default(),
            inbox: Inbox::default(),
            question: None,
            held: None,
            ahead: 0,
            recording: None,
            answered: false,
            refused: Refused::default(),
            permissions: Permissions::default(),
            login: None,
            vhost: Name::new(""),
            blocked: false,
            client_is_gone: false,
            look_at: None,
            farewells: None,
            timer: Box::pin(tokio::time::sleep(Duration::ZERO)),
            alarm: None,
            cut: None,
            has_left: false,
            now,
            events: Vec::new(),
            requests: Vec::new(),
            targets: Targets::new(),
            node,
            profile,
            link,
            mailbox,
        }))
    }

    async fn run(mut self) {
        while !self.is_over() {
            std::future::poll_fn(|cx| self.poll_wake(cx)).await;
            self.turn();
            // Others on this thread get their turn however busy this client is.
            tokio::task::yield_now().await;
        }
        self.leave();
        self.see_off().await;
        self.socket.close();
        tracing::debug!(connection = self.session.id().0, "connection ended");
    }

    /// Over once the session has ended, every shard has said farewell, and the last words are
    /// written or cannot be.
    fn is_over(&mut self) -> bool {
        let written = self.socket.is_lost()
            || (self.session.output().is_empty() && !self.socket.has_unwritten())
            || self.cut.is_some_and(|cut| cut <= self.now);
        self.farewells == Some(0) && written
    }

    /// Ready as soon as there is something to do.
    fn poll_wake(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut poll = self.mailbox.poll_receive(cx, &mut self.events);
        if self.may_read() && self.socket.poll_readable(cx).is_ready() {
            poll = Poll::Ready(());
        }
        let has_output = !self.session.output().is_empty() || self.socket.has_unwritten();
        let writes = has_output && self.held.is_none();
        if writes && self.socket.poll_writable(cx).is_ready() {
            poll = Poll::Ready(());
        }
        if self.poll_timer(cx).is_ready() {
            poll = Poll::Ready(());
        }
        poll
    }

    /// Does everything there is to do, once.
    fn turn(&mut self) {
        self.now = clock::now();
        self.session.tick(self.now);
        self.handle_events();
        self.refresh_permissions();
        self.look_for_client();
        if self.may_read() {
            self.read();
        } else {
            self.session.not_listening(self.now);
        }
        self.session.handle_timeout(self.now, &mut self.requests);
        self.perform();
        self.outgoing.send(&self.node, &self.link, &mut self.budget);
        self.write();
        if self.answered {
            self.perform();
        }
        if self.session.output().len() < LITTLE_OUTPUT {
            self.clear_inbox();
        }
        if self.session.is_thirsty() && self.session.output().len() < LITTLE_OUTPUT {
            self.session.replenish(&mut self.requests);
            self.perform();
        }
        self.socket.release_idle(self.now);
        self.profile.channels.store(self.session.channels() as u64, Ordering::Relaxed);
        self.outgoing.send(&self.node, &self.link, &mut self.budget);
        if self.session.is_closed() && self.farewells.is_none() && self.question.is_none() {
            self.say_farewell();
        }
        self.count_kept();
    }

    fn may_read(&mut self) -> bool {
        !self.socket.is_lost()
            && !self.session.is_parked()
            && !self.session.is_closed()
            && self.budget.has_room()
            && (!self.blocked || self.client_is_gone)
            && self.session.output().len() < Socket::BACKLOG
    }

    fn read(&mut self) {
        let read = self.socket.read(self.now);
        if let Some(established) = self.socket.established() {
            self.established(established);
        }
        match read {
            Ok(0) => {}
            Ok(count) => {
                let before = self.profile.received.fetch_add(count as u64, Ordering::Relaxed);
                if before == 0 {
                    self.look_at_first_bytes();
                }
                self.receive();
            }
            Err(error) => self.lost(&error),
        }
    }

    /// Lets the session go on with what was read.
    fn receive(&mut self) {
        self.session.receive(self.socket.input(), self.now, &mut self.requests);
        self.perform();
    }

    fn write(&mut self) {
        if self.held.is_some() {
            return;
        }
        match self.socket.write(self.session.output(), self.now) {
            Ok(0) => {}
            Ok(count) => {
                self.profile.sent.fetch_add(count as u64, Ordering::Relaxed);
            }
            Err(error) => self.lost(&error),
        }
    }

    /// Closes the connection though the client did nothing wrong, and tells it why.
    fn close(&mut self, reason: &str) {
        self.session.close(ReplyCode::ConnectionForced, reason, &mut self.requests);
    }

    /// The socket is of no more use.
    fn lost(&mut self, error: &io::Error) {
        let (connection, peer) = (self.session.id().0, self.profile.peer);
        if error.kind() == io::ErrorKind::InvalidData {
            tracing::warn!(connection, %peer, %error, "connection closed, TLS with the client failed");
        } else {
            tracing::debug!(connection, %peer, %error, "connection lost");
        }
        self.socket.lose();
        self.session.disconnected(&mut self.requests);
        self.perform();
    }

    /// Ready when the earliest deadline has come: the session's, the stalled socket's, the last words'.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let socket = [self.socket.stalls_at(), self.socket.idle_at(), self.look_at];
        let deadlines = [self.session.next_timeout(), self.cut].into_iter().chain(socket);
        let Some(next) = deadlines.flatten().min() else {
            self.alarm = None;
            return Poll::Pending;
        };
        // Setting a timer costs; one that goes off early costs less, once in a while.
        if self.alarm.is_none_or(|alarm| next < alarm) {
            let wait = Duration::from_millis(next.since(clock::now()).max(1));
            self.timer.as_mut().reset(Instant::now() + wait);
            self.alarm = Some(next);
        }
        match self.timer.as_mut().poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => {
                self.alarm = None;
                Poll::Ready(())
            }
        }
    }
}
