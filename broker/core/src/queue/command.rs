//! What can be asked of a queue.

use std::sync::Arc;

use crate::dedup::Key;
use crate::id::{ConnectionId, ConsumerId, MessageId};
use crate::message::Message;
use crate::queue::settings::Settings;

/// One command to one queue. Applying the same commands at the same times gives the same effects.
///
/// Commands that change what must survive a restart (see [`Command::is_durable`]) are what a
/// write-ahead log records; the rest concern consumers, which do not outlive their connections.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each variant's text says what its fields are")]
pub enum Command {
    /// Appends a message. Answered with [`Effect::PublishRefused`](crate::queue::Effect) if the
    /// queue is full and refuses; no answer means accepted.
    Publish(Message),
    /// As `Publish`, unless a message with one of the keys came before: then answered with
    /// [`Effect::Duplicate`](crate::queue::Effect), and there is nothing more to it.
    PublishOnce(Box<Once>),
    /// Adds a consumer. Answered with `Subscribed` or `Refused`.
    Subscribe(Subscription),
    /// Removes a consumer. What it holds unacknowledged stays held until settled. Unknown: ignored.
    Unsubscribe { consumer: ConsumerId },
    /// The consumer's connection can take this many more deliveries, of which a large message counts
    /// as several (see [`Message::weight`]). Holds for every consumer, whatever its prefetch or ack
    /// mode, and keeps a slow reader from piling up output.
    Grant { consumer: ConsumerId, deliveries: u32 },
    /// Sets how many unacknowledged messages the consumer may hold; 0: no limit.
    SetPrefetch { consumer: ConsumerId, prefetch: u32 },
    /// The messages were dealt with and go away for good. Ids not held are ignored.
    Ack { ids: Vec<MessageId> },
    /// The messages go back to their places, flagged redelivered. Ids not held are ignored.
    Requeue { ids: Vec<MessageId> },
    /// The messages are refused without requeueing: dead-lettered if the queue says so, else dropped.
    Reject { ids: Vec<MessageId> },
    /// Takes one message, without subscribing. Answered with `Got` or `GotNothing`.
    /// Unless `no_ack`, the message is held until settled.
    Get { no_ack: bool },
    /// Removes every message that waits, leaving the held ones. Answered with `Purged`.
    Purge,
    /// Removes the queue. Answered with `Deleted` or, when a condition fails, `Refused`.
    Delete { if_unused: bool, if_empty: bool },
    /// Somebody declared the queue again, which counts as using it. No answer.
    Touch,
    /// The queue's policies have changed: from now on it behaves so. No answer.
    Reconfigure(Arc<Settings>),
    /// Time has passed: acts on what is due. Send it when [`Queue::next_deadline`] has come;
    /// sending it early or twice does no harm.
    ///
    /// [`Queue::next_deadline`]: crate::queue::Queue::next_deadline
    Expire,
}

/// A message, and the keys that decide whether it came before: those of the exchanges on its way.
#[derive(Debug, Clone)]
pub struct Once {
    /// The message.
    pub message: Message,
    /// Its keys.
    pub keys: Arc<[Key]>,
}

/// The terms on which a consumer takes messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The consumer's number; must not be in use in this queue.
    pub consumer: ConsumerId,
    /// The connection it belongs to.
    pub connection: ConnectionId,
    /// Deliveries need no acknowledgement and are gone once delivered.
    pub no_ack: bool,
    /// No other consumer may be on the queue, now or later.
    pub exclusive: bool,
    /// Unacknowledged messages it may hold; 0: no limit. Meaningless with `no_ack`.
    pub prefetch: u32,
    /// Higher ones are served first while they have credit; 0 unless `x-priority` says otherwise.
    pub priority: i32,
    /// Deliveries its connection can take right now; more come with [`Command::Grant`].
    pub window: u32,
}

// === impl Command ===

impl Command {
    /// Whether the command changes which messages a durable queue holds.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        match self {
            Self::Publish(_)
            | Self::PublishOnce(_)
            | Self::Ack { .. }
            | Self::Reject { .. }
            | Self::Purge
            | Self::Delete { .. }
            | Self::Reconfigure(_)
            | Self::Expire => true,
            Self::Get { no_ack } => *no_ack,
            Self::Subscribe(_)
            | Self::Unsubscribe { .. }
            | Self::Grant { .. }
            | Self::SetPrefetch { .. }
            | Self::Requeue { .. }
            | Self::Touch => false,
        }
    }
}
