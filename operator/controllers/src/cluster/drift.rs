//! Noticing early that somebody deleted what a resource stands for.
//!
//! The answer that tells a broker's epoch also says how many exchanges and queues it has. Once these numbers are
//! not what they were, the names are read, and the resources whose objects are missing are woken. A deletion
//! that a creation hides from the numbers is found at the resync, as is a binding's.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::cluster::assessment::Totals;
use crate::named::Named;

/// The pause for each object before names are read again: clients that come and go with queues of their own change the
/// numbers all the time, and reading the names of ten thousand queues takes a broker some tens of milliseconds.
const PAUSE_PER_OBJECT: Duration = Duration::from_millis(5);

/// What the numbers were when the names were read last, cluster by cluster.
#[derive(Debug, Default)]
pub(crate) struct Drift(Mutex<HashMap<Named, Look>>);

#[derive(Debug)]
struct Look {
    totals: Totals,
    at: Instant,
}

// === impl Drift ===

impl Drift {
    /// Whether the names should be read, now that the numbers are these. Nobody knows what was there before the
    /// first time, when everything is checked anyway.
    pub(crate) fn is_due(&self, cluster: &Named, totals: Totals, now: Instant) -> bool {
        let mut looks = self.lock();
        let look = looks.entry(cluster.clone()).or_insert(Look { totals, at: now });
        let objects = u32::try_from(totals.exchanges + totals.queues).unwrap_or(u32::MAX);
        let pause = PAUSE_PER_OBJECT.saturating_mul(objects);
        look.totals != totals && now.saturating_duration_since(look.at) >= pause
    }

    /// The names were read, when the numbers were these.
    pub(crate) fn looked(&self, cluster: &Named, totals: Totals, now: Instant) {
        self.lock().insert(cluster.clone(), Look { totals, at: now });
    }

    /// The cluster is gone.
    pub(crate) fn forget(&self, cluster: &Named) {
        self.lock().remove(cluster);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Named, Look>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_when_numbers_changed_and_not_too_often() {
        let (drift, key, start) = (Drift::default(), Named::new("shop", "orders"), Instant::now());
        let totals = |queues| Totals { exchanges: 1000, queues };
        let due = |queues, second| {
            drift.is_due(&key, totals(queues), start + Duration::from_secs(second))
        };
        assert!(!due(1000, 0), "the first time");
        assert!(!due(1000, 100), "nothing changed");
        assert!(due(999, 100), "one went");
        assert!(due(999, 115), "until somebody looked");
        drift.looked(&key, totals(999), start + Duration::from_secs(115));
        assert!(!due(999, 130), "this is known");
        assert!(!due(1000, 121), "two thousand objects are not read every few seconds");
        assert!(due(1000, 130));
        drift.forget(&key);
        assert!(!due(1, 200), "another cluster of that name");
    }
}
