//! Direct reply-to across the node: which address leads to which channel of which connection.
//!
//! An address ends in a secret from the kernel, drawn for each consumer of replies; whoever was not
//! told cannot answer. The way is looked up only for a routing key that begins as an address does,
//! so ordinary publishes know nothing of it.
//!
//! # Bounds
//!
//! A connection that does not read what it asked for holds at most so many replies; what comes then is
//! treated as unroutable. The one who answers is not held up: a server of many clients must not wait
//! for one that is slow, and a reply is worth nothing without the one who asked.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use broker_core::message::Message;
use broker_core::name::Name;
use broker_session::{REPLY_TO, Requester};
use hashbrown::HashMap;

use crate::link::{Event, Link};
use crate::lock::lock;
use crate::random;

/// All addresses that lead somewhere.
#[derive(Debug, Default)]
pub(crate) struct Replies {
    open: Mutex<HashMap<Name, Way>>,
}

/// The way to a channel that waits for replies.
#[derive(Debug, Clone)]
pub(crate) struct Way {
    /// Addresses are names of this vhost.
    pub(crate) vhost: Name,
    pub(crate) link: Link,
    pub(crate) requester: Requester,
    pub(crate) backlog: Arc<Backlog>,
}

/// Replies on their way to one connection that its socket has not taken.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    messages: AtomicUsize,
    bytes: AtomicUsize,
}

// === impl Replies ===

impl Replies {
    /// A new address, which leads there from now on.
    pub(crate) fn open(&self, way: Way) -> Name {
        let address = Name::from(random::address(REPLY_TO));
        lock(&self.open).insert(address.clone(), way);
        address
    }

    /// The address leads nowhere from now on.
    pub(crate) fn close(&self, address: &str) {
        let mut open = lock(&self.open);
        open.remove(address);
        if open.is_empty() {
            open.shrink_to(0);
        }
    }

    /// Whether a name is one of those that no queue can have.
    #[inline]
    pub(crate) fn is_address(name: &str) -> bool {
        name.as_bytes().starts_with(REPLY_TO.as_bytes())
    }

    /// Whether a queue of such a name seems to be there: the pseudo-queue always is, an address as
    /// long as somebody waits.
    pub(crate) fn is_open(&self, vhost: &Name, name: &str) -> bool {
        name == REPLY_TO || lock(&self.open).get(name).is_some_and(|way| way.vhost == *vhost)
    }

    /// Sends a reply. False if nobody waits at this address, or too much is under way to them.
    pub(crate) fn send(&self, vhost: &Name, address: &str, message: &Message) -> bool {
        let way = lock(&self.open).get(address).filter(|way| way.vhost == *vhost).cloned();
        let Some(way) = way else { return false };
        // Whoever waits may be slow, and should not hold on to what the other connection read.
        let mut message = message.without_blind_copies().unwrap_or_else(|| message.clone());
        message.compact();
        let has_room = way.backlog.take(message.size());
        if has_room {
            way.link.send(Event::Answered(way.requester, message));
        }
        has_room
    }
}

// === impl Backlog ===

impl Backlog {
    /// Replies that may be under way.
    const MESSAGES: usize = 32_768;
    /// Their bytes. The last one can go beyond it.
    const BYTES: usize = 8 << 20;

    /// Makes room for one reply of this size, if there is any.
    fn take(&self, bytes: usize) -> bool {
        // Two at once may both find the last room: the bound is one of memory, not exact.
        let has_room = self.messages.load(Ordering::Relaxed) < Self::MESSAGES
            && self.bytes.load(Ordering::Relaxed) < Self::BYTES;
        if has_room {
            self.messages.fetch_add(1, Ordering::Relaxed);
            self.bytes.fetch_add(bytes, Ordering::Relaxed);
        }
        has_room
    }

    /// The socket has taken so many replies of so many bytes.
    pub(crate) fn give_back(&self, messages: usize, bytes: usize) {
        self.messages.fetch_sub(messages, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_addresses() {
        for (name, expected) in [
            ("amq.rabbitmq.reply-to", true),
            ("amq.rabbitmq.reply-to.x", true),
            ("amq.rabbitmq.reply", false),
            ("orders", false),
            ("", false),
        ] {
            assert_eq!(Replies::is_address(name), expected, "{name}");
        }
    }

    #[test]
    fn the_pseudo_queue_is_there_and_unknown_addresses_are_not() {
        let replies = Replies::default();
        assert!(replies.is_open(&"/".into(), REPLY_TO));
        assert!(!replies.is_open(&"/".into(), "amq.rabbitmq.reply-to.guess"));
    }

    #[test]
    fn messages_and_bytes_are_both_bounded() {
        let backlog = Backlog::default();
        assert!(backlog.take(Backlog::BYTES + 1), "one reply of any size");
        assert!(!backlog.take(0));
        backlog.give_back(1, Backlog::BYTES + 1);
        for _ in 0..Backlog::MESSAGES {
            assert!(backlog.take(1));
        }
        assert!(!backlog.take(1));
        backlog.give_back(1, 1);
        assert!(backlog.take(1));
    }
}
