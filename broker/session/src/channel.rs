//! One channel of a connection: its deliveries, confirms, consumers and unfinished content.
//!
//! ```text
//!            channel.open           fault: channel.close sent
//!  (absent) ─────────────▶ Open ───────────────────────────────▶ Closing
//!     ▲                     │ channel.close received                │
//!     └─────────────────────┴───────────────────────────────────────┘ channel.close-ok
//! ```

pub(crate) mod confirms;
pub(crate) mod content;
pub(crate) mod replies;
pub(crate) mod timeouts;
pub(crate) mod transaction;
pub(crate) mod unacked;

use std::collections::{BTreeMap, VecDeque};

use broker_core::id::ConsumerId;
use broker_core::name::Name;

use crate::channel::confirms::Confirms;
use crate::channel::content::Unfinished;
use crate::channel::replies::Replies;
use crate::channel::timeouts::Timeouts;
use crate::channel::transaction::Transaction;
use crate::channel::unacked::Unacked;
use crate::request::Delivery;

/// What a channel remembers.
#[derive(Debug)]
pub(crate) struct Channel {
    /// Tells it from earlier channels of the same number.
    pub(crate) opened: u32,
    /// The broker has closed it and waits for the client to agree; all else is ignored until then.
    pub(crate) closing: bool,
    /// A publish whose content is not all there.
    pub(crate) content: Option<Unfinished>,
    /// In confirm mode, what is to be confirmed.
    pub(crate) confirms: Option<Confirms>,
    /// In tx mode, what waits for a commit.
    pub(crate) transaction: Option<Box<Transaction>>,
    /// What was delivered and not acknowledged.
    pub(crate) unacked: Unacked,
    /// How many of those, in a transaction or not, the client fetched.
    pub(crate) got: usize,
    /// How long that may stay so, where it is limited.
    pub(crate) timeouts: Option<Box<Timeouts>>,
    /// The prefetch of consumers to come; 0 is no limit.
    pub(crate) prefetch: u32,
    /// How many deliveries may be unacknowledged on the whole channel; 0 is no limit.
    pub(crate) shared_prefetch: u32,
    /// Deliveries that the shared prefetch holds back, oldest first.
    pub(crate) held: VecDeque<Delivery>,
    /// Its consumers, by name.
    pub(crate) consumers: BTreeMap<Box<str>, ConsumerId>,
    /// Its consumer of replies, one of those above.
    pub(crate) replies: Option<Replies>,
    /// The queue declared last, which an empty name stands for.
    pub(crate) last_queue: Option<Name>,
}

// === impl Channel ===

impl Channel {
    pub(crate) fn new(opened: u32) -> Self {
        Self {
            opened,
            closing: false,
            content: None,
            confirms: None,
            transaction: None,
            unacked: Unacked::default(),
            timeouts: None,
            got: 0,
            prefetch: 0,
            shared_prefetch: 0,
            held: VecDeque::new(),
            consumers: BTreeMap::new(),
            replies: None,
            last_queue: None,
        }
    }

    /// The limit that a consumer's queue keeps, given the consumer's own: with a shared prefetch, no
    /// consumer alone may hold more than all together, or it would starve those of other channels.
    pub(crate) fn prefetch_of(&self, own: u32) -> u32 {
        match (own, self.shared_prefetch) {
            (0, shared) => shared,
            (own, 0) => own,
            (own, shared) => own.min(shared),
        }
    }

    /// Whether a consumer that need not acknowledge keeps to the shared prefetch all the same, as in
    /// RabbitMQ: it counts nothing itself, but waits while the others have used it up.
    pub(crate) fn limits(&self, no_ack: bool) -> bool {
        no_ack && self.shared_prefetch > 0
    }

    /// Whether the shared prefetch lets another delivery out.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        if self.shared_prefetch == 0 {
            return true;
        }
        // What is acknowledged in a transaction is with the client until the commit.
        let uncommitted = self.transaction.as_ref().map_or(0, |tx| tx.settlements.len());
        self.unacked.len() + uncommitted - self.got < self.shared_prefetch as usize
    }
}
