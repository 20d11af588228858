//! De-duplication: telling that a message has come before, by a key that its publisher gave it.
//!
//! A queue, or an exchange, remembers the keys of the messages that it took in a [`Window`], bounded
//! by their number and by time. A message whose key is in the window is a duplicate: it is confirmed
//! like any other and goes no further. The window outlives consumption, so a key does its work also
//! when the first copy was acknowledged long ago.
//!
//! # Where windows live
//!
//! In queues, all of them. A queue's own rule has one window in it; an exchange with a rule has a
//! window of its own in every queue that it leads to. So whether a key is known and whether the
//! message is in the queue is one decision by one owner and one record in the log; and a publisher
//! that sends again what reached only some of the queues before a crash reaches the others.
//!
//! # Collisions
//!
//! A key is kept as 128 bits of BLAKE2s. Two different keys in a window of a billion have the same
//! bits with a chance of less than one in 10^20; to find a second key for the bits of a given one
//! takes some 2^128 attempts, without any secret that would have to be kept or agreed upon.
//!
//! [`Window`]: crate::dedup::window::Window

pub(crate) mod rule;
pub(crate) mod window;

use blake2::{Blake2s128, Digest};

pub use crate::dedup::rule::Rule;
use crate::message::Message;

/// Bytes of memory that a key in a window takes, at most: an entry, which a growing list may hold
/// twice the room for, and its place in a table.
pub const BYTES_PER_KEY: u64 = 76;

/// What is known of a key: its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u64; 2]);

/// Which of a queue's windows: its own, or that of one of the exchanges that lead to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowId(pub u64);

/// The rule of an exchange, and the window that it has in every queue.
#[derive(Debug, Clone)]
pub(crate) struct Judge {
    rule: Rule,
    window: WindowId,
}

/// A key that a message is judged by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The window it is looked for in.
    pub window: WindowId,
    /// The key's hash.
    pub fingerprint: Fingerprint,
    /// How long it is to be remembered, in ms.
    pub life: u64,
    /// How many keys the window may hold.
    pub limit: u32,
}

// === impl Judge ===

impl Judge {
    pub(crate) fn new(exchange: &str, rule: Rule) -> Self {
        Self { rule, window: WindowId::of_exchange(exchange) }
    }

    /// What to judge the message by; none if it has no key.
    pub(crate) fn key(&self, message: &Message) -> Option<Key> {
        self.rule.key(self.window, message)
    }
}

// === impl Fingerprint ===

impl Fingerprint {
    /// Of a value and the kind of value it is: a number is never the text that looks like it.
    fn of(kind: u8, value: &[u8]) -> Self {
        let hash: [u8; 16] =
            Blake2s128::new().chain_update([kind]).chain_update(value).finalize().into();
        let (words, _) = hash.as_chunks::<8>();
        Self([u64::from_le_bytes(words[0]), u64::from_le_bytes(words[1])])
    }
}

// === impl WindowId ===

impl WindowId {
    /// A queue's own.
    pub const OWN: Self = Self(0);

    /// That of the exchange `name`, which keeps it when it is deleted and declared again.
    #[must_use]
    pub fn of_exchange(name: &str) -> Self {
        Self(Fingerprint::of(b'E', name.as_bytes()).0[0].max(1))
    }
}
