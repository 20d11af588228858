//! What an exchange does with a message: one kind of matching for each exchange type.

use broker_protocol::table::FieldTable;

use crate::message::Message;
use crate::refusal::Refusal;
use crate::routing::destinations::{Destinations, Target};
use crate::routing::hash::ConsistentHash;
use crate::routing::headers::Headers;
use crate::routing::keyed::Keyed;
use crate::routing::targets::Targets;
use crate::routing::topic::Trie;
use crate::topology::ExchangeKind;

/// The bindings of one exchange, arranged for finding.
#[derive(Debug, Clone)]
pub(crate) enum Router {
    Direct(Keyed<Destinations>),
    Fanout(Destinations),
    Topic(Trie),
    Headers(Headers),
    Hash(ConsistentHash),
}

// === impl Router ===

impl Router {
    /// No bindings yet. `entity` is as in `exchange 'e' in vhost '/'`.
    pub(crate) fn new(
        kind: ExchangeKind,
        arguments: &FieldTable,
        entity: &str,
    ) -> Result<Self, Refusal> {
        Ok(match kind {
            ExchangeKind::Fanout | ExchangeKind::MessageDeduplication => {
                Self::Fanout(Destinations::default())
            }
            ExchangeKind::Topic => Self::Topic(Trie::default()),
            ExchangeKind::Headers => Self::Headers(Headers::default()),
            // One that delays routes as the type that it names.
            ExchangeKind::Direct | ExchangeKind::DelayedMessage => Self::Direct(Keyed::default()),
            ExchangeKind::ConsistentHash => Self::Hash(ConsistentHash::new(arguments, entity)?),
        })
    }

    /// Whether such a binding makes sense here.
    pub(crate) fn check(&self, key: &str, arguments: &FieldTable) -> Result<(), Refusal> {
        match self {
            Self::Headers(_) => Headers::check(arguments),
            Self::Hash(_) => ConsistentHash::check(key),
            Self::Direct(_) | Self::Fanout(_) | Self::Topic(_) => Ok(()),
        }
    }

    pub(crate) fn add(&mut self, key: &str, arguments: &FieldTable, target: Target) {
        match self {
            Self::Direct(keys) => {
                keys.get_or_insert_with(key, Destinations::default).add(target);
            }
            Self::Fanout(all) => all.add(target),
            Self::Topic(trie) => trie.add(key, target),
            Self::Headers(headers) => headers.add(arguments, target),
            Self::Hash(hash) => hash.add(key, target),
        }
    }

    pub(crate) fn remove(&mut self, key: &str, arguments: &FieldTable, target: &Target) {
        match self {
            Self::Direct(keys) => keys.change(key, |destinations| {
                destinations.remove(target);
                destinations.is_empty()
            }),
            Self::Fanout(all) => all.remove(target),
            Self::Topic(trie) => trie.remove(key, target),
            Self::Headers(headers) => headers.remove(arguments, target),
            Self::Hash(hash) => hash.remove(key, target),
        }
    }

    /// Adds every target bound for `message` under `key`; whether there was any.
    pub(crate) fn find(&self, key: &str, message: &Message, targets: &mut Targets) -> bool {
        match self {
            Self::Direct(keys) => keys.get(key).is_some_and(|found| targets.add_all(found)),
            Self::Fanout(all) => targets.add_all(all),
            Self::Topic(trie) => trie.find(key, targets),
            Self::Headers(headers) => headers.find(message, targets),
            Self::Hash(hash) => hash.find(key, message, targets),
        }
    }
}
