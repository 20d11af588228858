//! Policies: arguments that whoever runs the broker gives to all queues and exchanges of a name.
//!
//! ```text
//!  policies of the vhost ──── highest priority that matches ──▶ one policy ───────────┐
//!  operator policies ──────── highest priority that matches ──▶ one operator policy ──┤
//!  declared arguments ────────────────────────────────────────────────────────────────┴▶ Governed
//! ```
//!
//! A declaration is compared with declared arguments alone: what a policy adds is never a difference.
//! Among policies of one priority the one whose name comes first in the order of bytes applies;
//! RabbitMQ leaves that open.

mod definition;
mod governed;
mod pattern;
mod set;

use broker_protocol::table::FieldTable;

use crate::name::Name;
pub use crate::policy::governed::Governed;
pub use crate::policy::pattern::Pattern;
pub use crate::policy::set::Policies;
use crate::queue::Kind;

/// Whose policy it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rank {
    /// A policy, which replaces arguments that clients do not give.
    User,
    /// An operator policy, which limits what clients and policies ask for.
    Operator,
}

/// What a policy may apply to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ApplyTo {
    /// Queues of any kind, and exchanges.
    All,
    /// Queues of any kind.
    Queues,
    /// Queues with one copy.
    ClassicQueues,
    /// Queues with several copies.
    QuorumQueues,
    /// Streams, of which there are none here.
    Streams,
    /// Exchanges.
    Exchanges,
}

/// One policy or operator policy, valid in itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Its name, one of a kind within its vhost and rank.
    pub name: Name,
    /// Which names it applies to.
    pub pattern: Pattern,
    /// What it applies to.
    pub apply_to: ApplyTo,
    /// The highest wins.
    pub priority: i64,
    definition: FieldTable,
}

/// Why something is no policy: a sentence that names what is wrong and says what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub String);

// === impl ApplyTo ===

impl ApplyTo {
    const ALL: [Self; 6] = [
        Self::All,
        Self::Queues,
        Self::ClassicQueues,
        Self::QuorumQueues,
        Self::Streams,
        Self::Exchanges,
    ];

    /// The name in the management API, as in `classic_queues`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Queues => "queues",
            Self::ClassicQueues => "classic_queues",
            Self::QuorumQueues => "quorum_queues",
            Self::Streams => "streams",
            Self::Exchanges => "exchanges",
        }
    }

    /// What this name means.
    ///
    /// # Errors
    ///
    /// When it means nothing.
    pub fn from_name(name: &str) -> Result<Self, Invalid> {
        let found = Self::ALL.into_iter().find(|known| known.name() == name);
        found.ok_or_else(|| {
            Invalid(format!(
                "apply-to '{name}' unrecognised; should be one of: 'queues', 'classic_queues', \
                 'quorum_queues', 'streams', 'exchanges', or 'all'"
            ))
        })
    }

    fn takes_queue(self, kind: Kind) -> bool {
        match self {
            Self::All | Self::Queues => true,
            Self::ClassicQueues => kind == Kind::Classic,
            Self::QuorumQueues => kind == Kind::Quorum,
            Self::Streams | Self::Exchanges => false,
        }
    }

    fn takes_exchanges(self) -> bool {
        matches!(self, Self::All | Self::Exchanges)
    }
}

// === impl Policy ===

impl Policy {
    /// A policy with this definition.
    ///
    /// # Errors
    ///
    /// When the definition is empty, has a key that a policy of this rank cannot have, or a value
    /// that makes no sense.
    pub fn new(
        rank: Rank,
        name: Name,
        pattern: Pattern,
        apply_to: ApplyTo,
        priority: i64,
        definition: FieldTable,
    ) -> Result<Self, Invalid> {
        definition::check(rank, &definition)?;
        Ok(Self { name, pattern, apply_to, priority, definition: definition.sorted() })
    }

    /// Its keys and values, by key.
    #[must_use]
    pub fn definition(&self) -> &FieldTable {
        &self.definition
    }
}

#[cfg(test)]
mod tests;
