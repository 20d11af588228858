//! The state machine of one connection.

mod answers;
mod basic;
mod channels;
mod closing;
mod delivery;
mod frames;
mod handshake;
mod heartbeat;
mod outcomes;
mod overdue;
mod publish;
pub(crate) mod replies;
pub(crate) mod report;
mod tags;
mod topology;
mod transactions;

use std::sync::Arc;

use broker_core::id::{ConnectionId, ConsumerId, MessageId, QueueId};
use broker_core::name::Name;
use broker_core::time::Timestamp;
use broker_protocol::frame;
use broker_protocol::table::FieldTable;
use bytes::{Bytes, BytesMut};
use hashbrown::HashMap;

use crate::channel::Channel;
use crate::channel::transaction::Uncommitted;
use crate::connection::answers::Awaited;
use crate::connection::delivery::Consumer;
use crate::output::Output;
use crate::request::{Outcome, Request};
use crate::settings::Settings;

/// The largest frame in bytes before limits are agreed on: enough for any credentials, and not for
/// a stranger to make the broker hold much.
const HANDSHAKE_FRAME_MAX: u32 = 8_192;

/// How far a connection has come.
///
/// ```text
///  Header ─▶ StartOk ─▶ TuneOk ─▶ Open ─▶ Running
///    │          │          │        │        │  fault or shutdown: connection.close sent
///    │          └──────────┴────────┴────────┴────────▶ Closing
///    │ not AMQP, or too late                 │ connection.close received   │ close-ok, or too late
///    └───────────────────────────────────────┴──────────────▶ Closed ◀──────┘
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The client has to send the protocol header.
    Header,
    /// The client has to log in.
    StartOk,
    /// The client has to agree on limits.
    TuneOk,
    /// The client has to choose a virtual host.
    Open,
    /// Open for business.
    Running,
    /// The broker has closed and waits for the client to agree.
    Closing,
    /// Over.
    Closed,
}

/// What both sides agreed on.
#[derive(Debug, Clone, Copy)]
struct Limits {
    frame_max: u32,
    channel_max: u16,
    /// Milliseconds between heartbeats; 0 is none.
    heartbeat_ms: u64,
}

/// What the client said that it can do.
#[derive(Debug, Clone, Copy, Default)]
struct Capabilities {
    cancel_notify: bool,
    blocked: bool,
    authentication_failure_close: bool,
}

/// One client's connection. See the [crate] for how it is driven.
///
/// # Guarantees
///
/// - Requests come in the order of the client's methods, and none that needs an answer before the last was answered.
/// - What a client can make it hold is bounded by [`Settings`], save deliveries that it does not acknowledge.
/// - Each delivered message that needs an acknowledgement is settled by exactly one [`Request::Settle`]
///   or [`Request::Commit`],
///   at the latest when the connection ends; [`Request::Closed`] comes exactly once, as the last request.
/// - No input makes it panic.
#[derive(Debug)]
pub struct Connection {
    id: ConnectionId,
    settings: Arc<Settings>,
    phase: Phase,
    /// The client asked for the end.
    closed_by_client: bool,
    limits: Limits,
    capabilities: Capabilities,
    client_properties: FieldTable,
    /// Who the connection itself has proved the client to be.
    certified: Option<Box<str>>,
    user: Name,
    vhost: Name,
    channels: HashMap<u16, Box<Channel>>,
    consumers: HashMap<ConsumerId, Consumer>,
    /// Nothing is kept unacknowledged for too long before this moment.
    overdue_from: Option<Timestamp>,
    /// Consumers that have used up half their window.
    thirsty: Vec<ConsumerId>,
    consumers_made: u64,
    channels_made: u32,
    /// Bytes of unfinished content over all channels.
    unfinished: u64,
    /// Publishes that wait for a commit, over all channels.
    uncommitted: Uncommitted,
    /// Channels that have confirms to send, perhaps twice.
    confirming: Vec<u16>,
    awaited: Option<Awaited>,
    /// Whole frames that were read and not looked at.
    unread: Bytes,
    /// Whether the first of those waits for the requests before it to be carried out.
    paused: bool,
    /// Consumers to be told that their queue has gone, once the client's deletion is answered.
    late_cancels: Vec<(u16, Box<str>)>,
    /// Acknowledgements gathered until the next request of another kind.
    settling: Vec<(QueueId, Outcome, Vec<MessageId>)>,
    output: Output,
    times: heartbeat::Times,
    /// Whether messages may name another user as their author.
    impersonates: bool,
    /// Whether the caller wants to be asked before a channel is opened.
    asks_for_channels: bool,
}

// === impl Connection ===

impl Connection {
    /// A connection that was accepted `now`. `id` must not have been used before by this node.
    pub fn new(id: ConnectionId, settings: Arc<Settings>, now: Timestamp) -> Self {
        let limits = Limits {
            frame_max: HANDSHAKE_FRAME_MAX,
            channel_max: settings.channel_max,
            heartbeat_ms: 0,
        };
        let times = heartbeat::Times::new(now, now.after(settings.handshake_ms));
        Self {
            id,
            settings,
            phase: Phase::Header,
            closed_by_client: false,
            limits,
            capabilities: Capabilities::default(),
            client_properties: FieldTable::new(),
            certified: None,
            user: Name::new(""),
            vhost: Name::new(""),
            channels: HashMap::new(),
            consumers: HashMap::new(),
            overdue_from: None,
            thirsty: Vec::new(),
            consumers_made: 0,
            channels_made: 0,
            unfinished: 0,
            uncommitted: Uncommitted::default(),
            confirming: Vec::new(),
            awaited: None,
            unread: Bytes::new(),
            paused: false,
            late_cancels: Vec::new(),
            settling: Vec::new(),
            output: Output::default(),
            times,
            impersonates: false,
            asks_for_channels: false,
        }
    }

    /// Takes what was read from the socket and carries on with it.
    ///
    /// Whole frames are removed from the front of `input`; what is left is the beginning of a
    /// frame, or all that came while parked. What comes out is added to `requests`. Call it again,
    /// perhaps with nothing new, after each [`Connection::answer`], and once the requests are carried
    /// out if it [is paused](Connection::is_paused).
    pub fn receive(&mut self, input: &mut BytesMut, now: Timestamp, requests: &mut Vec<Request>) {
        self.times.heard(now, input.len());
        if self.phase == Phase::Header && !self.protocol_header(input, requests) {
            return;
        }
        loop {
            self.read_frames(requests);
            if self.phase == Phase::Closed {
                input.clear();
            }
            if self.is_parked() || self.paused || input.is_empty() {
                break;
            }
            let (length, error) = frame::whole(input, self.limits.frame_max);
            if length > 0 {
                self.unread = input.split_to(length).freeze();
            } else {
                if let Some(error) = error {
                    input.clear();
                    self.fail(error.into(), (0, 0), requests);
                }
                break;
            }
        }
        self.flush_settling(requests);
    }

    /// Whether input waits for an answer. Reading more from the socket is then of no use.
    pub fn is_parked(&self) -> bool {
        self.awaited.is_some()
    }

    /// Whether input goes on as soon as the requests so far are carried out.
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// Whether the connection is over. What is in the output should still be written.
    pub fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    /// Whether the client asked for the end: it closes the socket once it has read the answer.
    pub fn is_closed_by_client(&self) -> bool {
        self.closed_by_client
    }

    /// Whether the client is through the handshake and neither side has closed.
    pub fn is_running(&self) -> bool {
        self.phase == Phase::Running
    }

    /// What waits to be written; confirms that are due are added first.
    pub fn output(&mut self) -> &mut Output {
        self.write_confirms();
        &mut self.output
    }

    /// The connection's id.
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// The user who is logging in or has; empty before.
    pub fn user(&self) -> &Name {
        &self.user
    }

    /// The virtual host in use; empty before it was chosen.
    pub fn vhost(&self) -> &Name {
        &self.vhost
    }

    /// What the client said about itself in `connection.start-ok`; to be taken once.
    pub fn take_client_properties(&mut self) -> FieldTable {
        std::mem::take(&mut self.client_properties)
    }

    /// Bytes of content that has not all come, over all channels.
    pub fn unfinished(&self) -> u64 {
        self.unfinished
    }

    /// How many channels are open.
    pub fn channels(&self) -> usize {
        self.channels.len()
    }

    /// Lets messages name another user as their author, or no longer.
    pub fn set_impersonator(&mut self, impersonates: bool) {
        self.impersonates = impersonates;
    }

    /// Asks with [`Request::OpenChannel`] before a channel is opened, or no longer.
    pub fn ask_for_channels(&mut self, ask: bool) {
        self.asks_for_channels = ask;
    }

    /// The largest frame in bytes that was agreed on.
    pub fn frame_max(&self) -> u32 {
        self.limits.frame_max
    }

    /// How many channels there may be, as was agreed on.
    pub fn channel_max(&self) -> u16 {
        self.limits.channel_max
    }

    /// Seconds between heartbeats that were agreed on; 0 is none.
    pub fn heartbeat_secs(&self) -> u64 {
        self.limits.heartbeat_ms / 1000
    }

    fn channel(&mut self, number: u16) -> Option<&mut Channel> {
        self.channels.get_mut(&number).map(|channel| &mut **channel)
    }
}

#[cfg(test)]
mod tests;
