//! What a reconciler remembers of an object between attempts. Lost at a restart without harm.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::backoff;
use crate::named::Named;

/// Failures in a row and the last write, object by object; objects without either take no room.
#[derive(Debug, Default)]
pub(crate) struct Memory(Mutex<HashMap<Named, Note>>);

#[derive(Debug, Default)]
struct Note {
    failures: u32,
    rounds: u64,
    written: u64,
}

// === impl Memory ===

impl Memory {
    /// Counts a failure and returns when to try again.
    pub(crate) fn failed(&self, key: &Named) -> Duration {
        let mut notes = self.lock();
        let note = notes.entry(key.clone()).or_default();
        note.failures = note.failures.saturating_add(1);
        backoff::retry(key, note.failures)
    }

    /// Ends a row of failures and returns when to look again.
    pub(crate) fn succeeded(&self, key: &Named, resync: Duration) -> Duration {
        let mut notes = self.lock();
        let note = notes.entry(key.clone()).or_default();
        note.failures = 0;
        note.rounds = note.rounds.wrapping_add(1);
        backoff::resync(key, resync, note.rounds)
    }

    /// The object was written, and is now at `version`.
    pub(crate) fn wrote(&self, key: &Named, version: Option<&str>) {
        if let Some(version) = parse(version) {
            self.lock().entry(key.clone()).or_default().written = version;
        }
    }

    /// Whether `version`, from the cache, is older than what was written: the watch has not caught up, and a
    /// decision made now would be made on the past.
    ///
    /// Resource versions are decimal numbers that grow (Kubernetes 1.35 promises it, older versions do it).
    pub(crate) fn is_stale(&self, key: &Named, version: Option<&str>) -> bool {
        parse(version)
            .is_some_and(|version| self.lock().get(key).is_some_and(|note| version < note.written))
    }

    /// The object is gone.
    pub(crate) fn forget(&self, key: &Named) {
        self.lock().remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Named, Note>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn parse(version: Option<&str>) -> Option<u64> {
    version?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_success_ends_the_row() {
        let (memory, key) = (Memory::default(), Named::new("shop", "billing"));
        let first = memory.failed(&key);
        assert!(memory.failed(&key) > first);
        memory.succeeded(&key, Duration::from_secs(600));
        assert_eq!(memory.failed(&key), first);
    }

    #[test]
    fn a_cache_that_lags_is_noticed() {
        let (memory, key) = (Memory::default(), Named::new("shop", "billing"));
        assert!(!memory.is_stale(&key, Some("1")));
        memory.wrote(&key, Some("10"));
        #[rustfmt::skip]
        let cases = [(Some("9"), true), (Some("10"), false), (Some("11"), false), (Some("x"), false), (None, false)];
        for (version, stale) in cases {
            assert_eq!(memory.is_stale(&key, version), stale, "{version:?}");
        }
        memory.forget(&key);
        assert!(!memory.is_stale(&key, Some("9")));
    }
}
