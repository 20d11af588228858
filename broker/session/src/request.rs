//! What a connection asks of the broker, and what it is told.

use broker_core::id::{ConsumerId, MessageId, QueueId};
use broker_core::message::Message;
use broker_core::name::Name;
use broker_core::queue::Subscription;
use broker_core::refusal::Refusal;
use broker_core::topology::{Binding, DeclareExchange};
use broker_protocol::table::FieldTable;

use crate::login::Login;

/// The pseudo-queue that replies are consumed from, and that a request names as its `reply-to`. What
/// the requests then say is this name, a dot and a secret.
pub const REPLY_TO: &str = "amq.rabbitmq.reply-to";

/// One thing to do for the client. To be carried out in the order in which they come.
///
/// Those that need an [`Answer`] say which; there is at most one of them under way, and none
/// comes after it until [`Connection::answer`](crate::Connection::answer) was called. Permissions
/// are the caller's to check.
#[derive(Debug)]
pub enum Request {
    /// Log in. [`Answer::Done`], or [`Answer::Refused`] whatever the cause: the client is told no more
    /// than that it was refused.
    Authenticate(Login),
    /// Whether one more channel may be opened. [`Answer::Done`] or [`Answer::Refused`]. Comes only if the
    /// caller wants to be asked: see [`Connection::ask_for_channels`](crate::Connection::ask_for_channels).
    OpenChannel,
    /// Use this virtual host from now on. [`Answer::Done`] or [`Answer::Refused`].
    OpenVhost(Name),
    /// [`Answer::Done`] or [`Answer::Refused`].
    DeclareExchange(Box<DeclareExchange>),
    /// [`Answer::Done`] (also if it did not exist) or [`Answer::Refused`].
    DeleteExchange {
        /// The exchange.
        name: Name,
        /// Only if nothing is bound to it.
        if_unused: bool,
    },
    /// [`Answer::Queue`] or [`Answer::Refused`].
    DeclareQueue(Box<QueueDeclaration>),
    /// [`Answer::Removed`] (0 if it did not exist) or [`Answer::Refused`].
    DeleteQueue {
        /// The queue.
        name: Name,
        /// Only if it has no consumers.
        if_unused: bool,
        /// Only if it has no messages.
        if_empty: bool,
    },
    /// [`Answer::Removed`] or [`Answer::Refused`].
    PurgeQueue {
        /// The queue.
        name: Name,
    },
    /// [`Answer::Done`] or [`Answer::Refused`].
    Bind(Box<Binding>),
    /// [`Answer::Done`] or [`Answer::Refused`].
    Unbind(Box<Binding>),
    /// [`Answer::Consuming`] or [`Answer::Refused`]. Deliveries must come after the answer.
    Consume {
        /// The queue.
        queue: Name,
        /// The terms, with the consumer's id.
        subscription: Box<Subscription>,
        /// Options that the terms do not cover.
        arguments: FieldTable,
    },
    /// Give the channel an address, [`REPLY_TO`] with a dot and a secret after it, and from then on
    /// what is published to that address. [`Answer::AwaitingReplies`] or [`Answer::Refused`].
    AwaitReplies(Requester),
    /// Nothing more is to come for this address. No answer.
    ForgoReplies {
        /// The address.
        address: Name,
    },
    /// [`Answer::Got`], [`Answer::Empty`] or [`Answer::Refused`].
    Get {
        /// The queue.
        queue: Name,
        /// The message counts as acknowledged once taken.
        no_ack: bool,
    },
    /// Route a message. Answered by the `routed`, `settled`, `returned` and `refuse` methods of
    /// [`Connection`](crate::Connection); input does not wait for them.
    Publish(Publish),
    /// End a subscription; what the consumer holds stays held. [`Answer::Done`], also when the queue
    /// has gone, once all that was on its way to the consumer has come.
    Cancel {
        /// The queue.
        queue: QueueId,
        /// The consumer.
        consumer: ConsumerId,
    },
    /// As [`Request::Cancel`], for a consumer that takes no more deliveries. No answer.
    Unsubscribe {
        /// The queue.
        queue: QueueId,
        /// The consumer.
        consumer: ConsumerId,
    },
    /// The connection can take more deliveries for a consumer. No answer.
    Grant {
        /// The queue.
        queue: QueueId,
        /// The consumer.
        consumer: ConsumerId,
        /// How many more.
        deliveries: u32,
    },
    /// Change how many unacknowledged messages a consumer may hold. No answer.
    SetPrefetch {
        /// The queue.
        queue: QueueId,
        /// The consumer.
        consumer: ConsumerId,
        /// The limit; 0 is none.
        prefetch: u32,
    },
    /// Whether a message may be published, which is kept for a commit: if not, say so with
    /// [`Connection::refuse`](crate::Connection::refuse). No answer.
    Check(Publish),
    /// Carry out a transaction, all of it or nothing. [`Answer::Done`] once that survives a crash, or
    /// [`Answer::Refused`]; what was to be settled is the caller's to put back then.
    Commit(Box<Commit>),
    /// Messages were dealt with, or not. No answer.
    Settle {
        /// The queue that they came from, which may be gone.
        queue: QueueId,
        /// What is to become of them.
        outcome: Outcome,
        /// The messages, each of them held by this connection until now.
        ids: Vec<MessageId>,
    },
    /// The connection is over: nothing more comes. Its consumers and held messages were given up
    /// before. Its exclusive queues have to go, and the socket once the output is written.
    Closed,
}

/// A channel that waits for replies, as its connection knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requester {
    /// The channel.
    pub(crate) channel: u16,
    /// Its consumer of replies.
    pub(crate) consumer: ConsumerId,
}

/// What is to become of a message that was delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Dealt with: it goes away.
    Ack,
    /// Back to its place in the queue.
    Requeue,
    /// Refused: dead-lettered or dropped.
    Reject,
}

/// A message to route.
#[derive(Debug)]
pub struct Publish {
    /// How its outcome is reported.
    pub id: PublishId,
    /// To be returned if no queue takes it.
    pub mandatory: bool,
    /// Whether the client waits for a confirm: only then are `routed` and `settled` needed.
    pub confirm: bool,
    /// Exchange, routing key, properties and body.
    pub message: Message,
}

/// What a channel gathered since the last commit or rollback.
#[derive(Debug)]
pub struct Commit {
    /// Names the channel.
    pub id: PublishId,
    /// Messages to route, in order.
    pub publishes: Vec<Publish>,
    /// Deliveries that were acknowledged or refused, as in [`Request::Settle`].
    pub settlements: Vec<(QueueId, Outcome, Vec<MessageId>)>,
}

/// Names one publish of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublishId {
    /// The number within the channel, from 1; 0 without confirms.
    pub seq: u64,
    /// Tells the channel from an earlier one of the same number.
    pub(crate) opened: u32,
    /// The channel.
    pub channel: u16,
}

// === impl PublishId ===

impl PublishId {
    /// Names a publish that came on no channel, for whoever publishes without a connection.
    #[must_use]
    pub fn without_channel(seq: u64) -> Self {
        Self { seq, opened: 0, channel: 0 }
    }
}

/// A queue as a client asks for it.
#[derive(Debug, Clone)]
pub struct QueueDeclaration {
    /// The name; empty to be given one.
    pub name: Name,
    /// Only check that it exists.
    pub passive: bool,
    /// To survive a restart.
    pub durable: bool,
    /// For this connection only.
    pub exclusive: bool,
    /// To go with its last consumer.
    pub auto_delete: bool,
    /// Options, as in `x-max-length`.
    pub arguments: FieldTable,
}

/// What came of the one request under way.
#[derive(Debug)]
pub enum Answer {
    /// It was done.
    Done,
    /// It was not done, and closes the channel or the connection.
    Refused(Refusal),
    /// The queue exists.
    Queue {
        /// Its name, which may have been given by the broker.
        name: Name,
        /// How many messages are ready.
        messages: u64,
        /// How many consumers there are.
        consumers: u64,
    },
    /// So many messages went, with their queue or out of it.
    Removed {
        /// How many.
        messages: u64,
    },
    /// The consumer is subscribed to this incarnation of the queue.
    Consuming {
        /// The queue.
        queue: QueueId,
        /// How long it lets a client keep a delivery unacknowledged, in ms; none: for ever. Later on
        /// [`Connection::set_timeout`](crate::Connection::set_timeout) tells of changes.
        timeout: Option<u64>,
    },
    /// What is published to this address reaches the channel.
    AwaitingReplies {
        /// The address.
        address: Name,
    },
    /// A message was taken.
    Got {
        /// The queue.
        queue: QueueId,
        /// The message's id in the queue.
        id: MessageId,
        /// Whether it may have been delivered before.
        redelivered: bool,
        /// The message.
        message: Message,
        /// How many are left.
        remaining: u64,
        /// How long the queue lets a client keep it unacknowledged, in ms; none: for ever.
        timeout: Option<u64>,
    },
    /// There was no message to take.
    Empty,
}

/// A message on its way to a consumer.
#[derive(Debug)]
pub struct Delivery {
    /// The consumer.
    pub consumer: ConsumerId,
    /// The queue that it comes from.
    pub queue: QueueId,
    /// The message's id in the queue.
    pub id: MessageId,
    /// Whether it may have been delivered before.
    pub redelivered: bool,
    /// The message.
    pub message: Message,
}
