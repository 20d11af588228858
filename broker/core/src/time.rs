//! Time as the broker's rules see it: an argument, never a clock that is read.

/// A moment, in milliseconds since the Unix epoch.
///
/// Callers pass it in; the same commands with the same timestamps give the same effects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

// === impl Timestamp ===

impl Timestamp {
    /// The moment `millis` milliseconds later, or the end of time if there is no such moment.
    #[must_use]
    pub fn after(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Milliseconds from `earlier` to this moment; 0 if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}
