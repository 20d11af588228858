//! How a queue behaves, from its declaration and its policies, in the form in which its rules use it.

use crate::dedup::Rule;
use crate::name::Name;

/// How one queue behaves. Its policies may change the limits while it lives, and where its dead
/// messages go; the rest is fixed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The virtual host.
    pub vhost: Name,
    /// The queue's name.
    pub name: Name,
    /// Survives a restart, with its persistent messages.
    pub durable: bool,
    /// Goes when its last consumer goes.
    pub auto_delete: bool,
    /// How many copies of it there are to be.
    pub kind: Kind,
    /// It goes when nobody has used it for so long, in ms. Use is a consumer, a get, a declare.
    pub expires: Option<u64>,
    /// How long its messages live, in ms; a message's own expiration may make it shorter.
    pub message_ttl: Option<u64>,
    /// How many messages may wait in it.
    pub max_length: Option<u64>,
    /// How many bytes of bodies may wait in it.
    pub max_bytes: Option<u64>,
    /// What happens when more come.
    pub overflow: Overflow,
    /// Where its dead messages go; none: nowhere.
    pub dead_letter: Option<DeadLetterTo>,
    /// The highest priority it tells apart; 0: it tells none apart.
    pub max_priority: u8,
    /// Only one of its consumers gets messages, until that one leaves.
    pub single_active: bool,
    /// How often a message may go back after a delivery before it counts as dead.
    pub delivery_limit: Option<u32>,
    /// How long a client may keep a message unacknowledged before its channel is closed, in ms; none:
    /// for ever.
    pub consumer_timeout: Option<u64>,
    /// How it tells that a message came before; none: it does not look.
    pub dedup: Option<Rule>,
    /// Its messages are delayed ones, which go on to the exchange that has its name; it has no
    /// consumers.
    pub schedule: bool,
}

/// How a queue is kept, from `x-queue-type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// One copy.
    #[default]
    Classic,
    /// Several copies that agree.
    Quorum,
}

/// What a full queue does, from `x-overflow`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overflow {
    /// The message at the head makes room; it is dead.
    #[default]
    DropHead,
    /// The new message is refused: nacked, if its publisher asked for confirms.
    RejectPublish,
    /// The new message is refused, and dead.
    RejectPublishDlx,
}

/// Where dead messages go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterTo {
    /// The exchange; empty for the default exchange. It need not exist.
    pub exchange: Name,
    /// The routing key they get; none: they keep their own.
    pub routing_key: Option<Name>,
}

// === impl Overflow ===

impl Overflow {
    /// What this word in `x-overflow` means.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "drop-head" => Some(Self::DropHead),
            "reject-publish" => Some(Self::RejectPublish),
            "reject-publish-dlx" => Some(Self::RejectPublishDlx),
            _ => None,
        }
    }
}

// === impl Settings ===

impl Settings {
    /// A plain, transient queue.
    #[must_use]
    pub fn new(vhost: Name, name: Name) -> Self {
        Self {
            vhost,
            name,
            durable: false,
            auto_delete: false,
            kind: Kind::Classic,
            expires: None,
            message_ttl: None,
            max_length: None,
            max_bytes: None,
            overflow: Overflow::DropHead,
            dead_letter: None,
            max_priority: 0,
            single_active: false,
            delivery_limit: None,
            consumer_timeout: None,
            dedup: None,
            schedule: false,
        }
    }
}
