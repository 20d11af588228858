//! How long a container that keeps ending waits before it is started again.
//!
//! As in Kubernetes the first restart is immediate and each further one waits twice as long, but
//! in seconds and not in minutes: on a laptop somebody is watching.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);
/// A container that ran this long is taken to be well again.
const HEALED: Duration = Duration::from_secs(60);

/// The delays of one container.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    crashes: u32,
}

// === impl Backoff ===

impl Backoff {
    /// The delay before the next start, after a run that lasted `ran`.
    pub(super) fn after(&mut self, ran: Duration) -> Duration {
        if ran >= HEALED {
            self.crashes = 0;
        }
        let delay = match self.crashes {
            0 => Duration::ZERO,
            crashes => FIRST.saturating_mul(1 << (crashes - 1).min(10)).min(LONGEST),
        };
        self.crashes = self.crashes.saturating_add(1);
        delay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_a_limit_and_a_long_run_heals() {
        let mut backoff = Backoff::default();
        let short = Duration::from_millis(10);
        let seconds: Vec<u64> = (0..8).map(|_| backoff.after(short).as_secs()).collect();
        assert_eq!(seconds, [0, 1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(backoff.after(HEALED), Duration::ZERO);
        assert_eq!(backoff.after(short), FIRST);
    }

    #[test]
    fn a_container_may_crash_for_ever() {
        let mut backoff = Backoff { crashes: u32::MAX };
        assert_eq!(backoff.after(Duration::ZERO), LONGEST);
    }
}
