//! A shard's way back to a connection: what happened to its publishes, what its consumers get.

use std::sync::Arc;

use broker_core::access::Actor;
use broker_core::id::{ConnectionId, ConsumerId, MessageId};
use broker_core::message::Message;
use broker_core::queue::Counts;
use broker_core::refusal::Refusal;
use broker_session::{ChannelReport, Delivery, PublishId, Requester};
use tokio::sync::oneshot;

use crate::mailbox::Sender;

/// One connection as the shards see it. Cloning counts a reference.
#[derive(Debug, Clone)]
pub(crate) struct Link(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    connection: ConnectionId,
    mailbox: Sender<Event>,
}

/// What a connection is told.
#[derive(Debug)]
pub(crate) enum Event {
    /// Messages for its consumers, in order.
    Deliveries(Vec<Delivery>),
    /// A reply that came without a queue.
    Answered(Requester, Message),
    /// Publishes that were dealt with.
    Settled(Settled),
    /// Its transaction survives a crash; whether a queue refused one of the messages.
    Committed { refused: bool },
    /// The answer to the one question it asked.
    Reply(Reply),
    /// The change of the topology that it waits for survives a crash.
    Recorded,
    /// A login was checked: who it is, or nobody who may come in.
    LoginChecked(Option<Actor>),
    /// A consumer has this many ms to acknowledge from now on.
    TimeoutChanged(ConsumerId, Option<u64>),
    /// A consumer's queue has gone.
    ConsumerGone(ConsumerId),
    /// The node has again what it was short of: whoever was kept from publishing may go on.
    Relieved,
    /// The node stops.
    Stop,
    /// Somebody wants to look at the channels.
    Report(oneshot::Sender<Vec<ChannelReport>>),
    /// Somebody wants the connection closed, for this reason.
    Close(Arc<str>),
    /// Nothing that was under way to the connection from one shard comes any more.
    Farewell,
}

/// Publishes that the shard answers for: they no longer count against the connection's budget.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    /// How many copies of messages, as counted when they were sent to the shard.
    pub(crate) messages: usize,
    /// Their bytes, likewise.
    pub(crate) bytes: usize,
    /// Of these, the ones that have to be confirmed.
    pub(crate) outcomes: Vec<(PublishId, bool)>,
}

/// The answer to a question to a queue.
#[derive(Debug)]
pub(crate) enum Reply {
    /// To `Declared`.
    Counts(Counts),
    /// To `Subscribe`.
    Subscribed { timeout: Option<u64> },
    /// To `Unsubscribe`: all deliveries there were came before it.
    Unsubscribed,
    /// To `Get`.
    Got { id: MessageId, redelivered: bool, message: Message, remaining: u64, timeout: Option<u64> },
    /// To `Get`, on an empty queue.
    GotNothing,
    /// To `Purge`.
    Purged(u64),
    /// To `Delete`.
    Deleted(u64),
    /// No, and why.
    Refused(Refusal),
    /// The queue went while the question was on its way.
    NoQueue,
}

// === impl Link ===

impl Link {
    pub(crate) fn new(connection: ConnectionId, mailbox: Sender<Event>) -> Self {
        Self(Arc::new(Inner { connection, mailbox }))
    }

    pub(crate) fn connection(&self) -> ConnectionId {
        self.0.connection
    }

    /// Sends one event; dropped when the connection has ended.
    pub(crate) fn send(&self, event: Event) {
        self.0.mailbox.send(event);
    }
}
