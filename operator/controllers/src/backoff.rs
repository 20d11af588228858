//! When to try again: exponential, bounded, and different for each object.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// First delay; broker and network hiccups are over by then.
const FIRST: Duration = Duration::from_millis(250);
/// Longest delay.
const LAST: Duration = Duration::from_secs(300);

/// The delay before attempt `attempt + 1` for the object `key`, `attempt` counting failures from 1.
///
/// Doubles from 250 ms to 5 minutes, ±25 %. The spread is a function of the arguments, so that ten
/// thousand objects that failed together do not come back together, and a test can foresee it.
pub(crate) fn retry(key: &impl Hash, attempt: u32) -> Duration {
    let doubled = FIRST.saturating_mul(1 << attempt.saturating_sub(1).min(16));
    spread(doubled.min(LAST), 25, &(key, attempt))
}

/// `period` ± 10 % for the object `key`, different each `round`.
pub(crate) fn resync(key: &impl Hash, period: Duration, round: u64) -> Duration {
    spread(period, 10, &(key, round))
}

fn spread(delay: Duration, percent: u64, seed: &impl Hash) -> Duration {
    let mut hasher = DefaultHasher::new();
    seed.hash(&mut hasher);
    let milli_percent = 1000 * (100 - percent) + hasher.finish() % (2000 * percent + 1);
    let nanos = delay.as_nanos() * u128::from(milli_percent) / 100_000;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_a_bound() {
        let ms = |attempt| u64::try_from(retry(&"queue", attempt).as_millis()).unwrap();
        #[rustfmt::skip]
        let cases = [
            (1, 187, 313), (2, 375, 625), (3, 750, 1250),
            (11, 192_000, 320_000), (12, 225_000, 375_000), (u32::MAX, 225_000, 375_000),
        ];
        for (attempt, low, high) in cases {
            assert!((low..=high).contains(&ms(attempt)), "attempt {attempt}: {} ms", ms(attempt));
        }
    }

    #[test]
    fn objects_spread_out() {
        let delays: std::collections::HashSet<_> =
            (0..100).map(|key| resync(&key, Duration::from_secs(600), 0)).collect();
        assert!(delays.len() > 90);
        let (low, high) = (Duration::from_secs(540), Duration::from_secs(660));
        assert!(delays.iter().all(|delay| (low..=high).contains(delay)));
    }
}
