//! How many messages may be written now, given a rate, a count and an end.

use std::time::{Duration, Instant};

/// The shortest sleep of a producer that is held to a rate: below it, wake-ups cost more than they tell.
const TICK: Duration = Duration::from_micros(500);

/// One producer's permission to publish.
#[derive(Debug)]
pub(crate) struct Pace {
    began: Instant,
    /// Messages a second; 0 is no limit.
    rate: u64,
    end: End,
}

#[derive(Debug)]
enum End {
    Count(u64),
    Time(Duration),
}

/// What a producer may do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Permit {
    /// Write up to so many.
    Write(u64),
    /// Nothing for so long.
    Wait(Duration),
    /// It is over.
    Done,
}

// === impl Pace ===

impl Pace {
    pub(crate) const fn new(
        began: Instant,
        rate: u64,
        count: Option<u64>,
        duration: Duration,
    ) -> Self {
        let end = match count {
            Some(count) => End::Count(count),
            None => End::Time(duration),
        };
        Self { began, rate, end }
    }

    /// What may be done at `now` by a producer that has written `written`.
    pub(crate) fn permit(&self, now: Instant, written: u64) -> Permit {
        let elapsed = now.duration_since(self.began);
        let left = match self.end {
            End::Count(count) => count.saturating_sub(written),
            End::Time(duration) if elapsed >= duration => 0,
            End::Time(_) => u64::MAX,
        };
        if left == 0 {
            return Permit::Done;
        }
        if self.rate == 0 {
            return Permit::Write(left);
        }
        let due = (elapsed.as_secs_f64() * self.rate as f64) as u64 + 1;
        match due.saturating_sub(written) {
            0 => Permit::Wait(self.until(written, elapsed)),
            ready => Permit::Write(ready.min(left)),
        }
    }

    /// How long until one more than `written` is due.
    fn until(&self, written: u64, elapsed: Duration) -> Duration {
        let due = Duration::from_secs_f64(written as f64 / self.rate as f64);
        due.saturating_sub(elapsed).max(TICK)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Pace, Permit};

    #[test]
    fn a_rate_is_kept_and_ends_are_ends() {
        let began = Instant::now();
        let at = |seconds| began + Duration::from_secs(seconds);
        let counted = Pace::new(began, 0, Some(10), Duration::ZERO);
        assert_eq!(counted.permit(at(0), 4), Permit::Write(6));
        assert_eq!(counted.permit(at(0), 10), Permit::Done);
        let timed = Pace::new(began, 100, None, Duration::from_secs(2));
        assert_eq!(timed.permit(at(1), 60), Permit::Write(41));
        assert_eq!(timed.permit(at(1), 120), Permit::Wait(Duration::from_millis(200)));
        assert_eq!(timed.permit(at(2), 120), Permit::Done);
    }
}
