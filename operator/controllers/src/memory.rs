//! What a reconciler remembers of an object between attempts. Lost at a restart without harm.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::backoff;
use crate::named::Named;

/// How long the cache is given at first to catch up with our own write.
const CATCH_UP: Duration = Duration::from_millis(20);

/// Failures in a row and the last write, object by object; objects without either take no room.
#[derive(Debug, Default)]
pub(crate) struct Memory(Mutex<HashMap<Named, Note>>);

#[derive(Debug, Default)]
struct Note {
    failures: u32,
    rounds: u64,
    written: u64,
    waits: u32,
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

    /// When to look again, if `version`, from the cache, is older than what was written: the watch has not caught up, and
    /// a decision made now would be made on the past. Nearly always it does at once; one that is interrupted takes longer,
    /// and is not waited for by ten thousand objects fifty times a second.
    ///
    /// Resource versions are decimal numbers that grow (Kubernetes 1.35 promises it, older versions do it).
    pub(crate) fn lag(&self, key: &Named, version: Option<&str>) -> Option<Duration> {
        let version = parse(version)?;
        let mut notes = self.lock();
        let note = notes.get_mut(key)?;
        if version >= note.written {
            note.waits = 0;
            return None;
        }
        note.waits = note.waits.saturating_add(1);
        Some(CATCH_UP.saturating_mul(1 << (note.waits - 1).min(6)))
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
        assert_eq!(memory.lag(&key, Some("1")), None);
        memory.wrote(&key, Some("10"));
        #[rustfmt::skip]
        let cases = [(Some("9"), true), (Some("10"), false), (Some("11"), false), (Some("x"), false), (None, false)];
        for (version, stale) in cases {
            assert_eq!(memory.lag(&key, version).is_some(), stale, "{version:?}");
        }
        let waits: Vec<_> = (0..9).filter_map(|_| memory.lag(&key, Some("9"))).collect();
        assert_eq!((waits[0], waits[1]), (CATCH_UP, 2 * CATCH_UP));
        assert_eq!(
            (waits.len(), waits[8]),
            (9, 64 * CATCH_UP),
            "a watch that is away is no reason to hurry"
        );
        assert_eq!(memory.lag(&key, Some("10")), None);
        assert_eq!(memory.lag(&key, Some("9")), Some(CATCH_UP));
        memory.forget(&key);
        assert_eq!(memory.lag(&key, Some("9")), None);
    }
}
