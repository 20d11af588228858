//! The policies of a vhost, and which of them apply to what.

use std::cmp::Reverse;
use std::sync::Arc;

use imbl::OrdMap;

use crate::name::Name;
use crate::policy::{Governed, Policy, Rank};
use crate::queue::Kind;

/// All policies and operator policies of one vhost. Cloning is cheap.
#[derive(Debug, Clone, Default)]
pub struct Policies {
    all: OrdMap<(Rank, Name), Arc<Policy>>,
}

// === impl Policies ===

impl Policies {
    /// The policies of a rank, by name.
    pub fn of(&self, rank: Rank) -> impl Iterator<Item = &Arc<Policy>> {
        self.all.iter().filter(move |((other, _), _)| *other == rank).map(|(_, policy)| policy)
    }

    /// The policy of this name.
    #[must_use]
    pub fn get(&self, rank: Rank, name: &Name) -> Option<&Arc<Policy>> {
        self.all.get(&(rank, name.clone()))
    }

    /// Adds or replaces a policy; false if it was there, the same.
    pub(crate) fn set(&mut self, rank: Rank, policy: Arc<Policy>) -> bool {
        let key = (rank, policy.name.clone());
        if self.all.get(&key).is_some_and(|old| *old == policy) {
            return false;
        }
        self.all.insert(key, policy);
        true
    }

    /// Removes a policy; false if there was none.
    pub(crate) fn remove(&mut self, rank: Rank, name: &Name) -> bool {
        self.all.remove(&(rank, name.clone())).is_some()
    }

    /// What applies to a queue.
    #[must_use]
    pub fn of_queue(&self, name: &str, kind: Kind) -> Governed {
        self.governed(|policy| policy.apply_to.takes_queue(kind) && policy.pattern.matches(name))
    }

    /// What applies to an exchange.
    #[must_use]
    pub fn of_exchange(&self, name: &str) -> Governed {
        self.governed(|policy| policy.apply_to.takes_exchanges() && policy.pattern.matches(name))
    }

    fn governed(&self, applies: impl Fn(&Policy) -> bool) -> Governed {
        if self.all.is_empty() {
            return Governed::default();
        }
        let first = |rank| {
            let all = self.of(rank).filter(|policy| applies(policy));
            all.min_by_key(|policy| Reverse(policy.priority)).cloned()
        };
        Governed { policy: first(Rank::User), operator: first(Rank::Operator) }
    }
}
