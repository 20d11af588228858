//! Start-up, liveness and readiness probes.
//!
//! A [`Gauge`] counts results as Kubernetes does. One thing differs: while a probe is not
//! passing it is tried several times a second and not once a period, because somebody is waiting
//! for the first success. Failures are still counted once a period, so a threshold means the
//! same time as it does in a cluster.

mod handler;

use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Probe};

pub(super) use handler::Handler;

/// How often a probe that is not passing is tried.
const EAGER: Duration = Duration::from_millis(200);

/// What a probe has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Neither threshold has been reached yet.
    Undecided,
    Passing,
    Failing,
}

/// The count of one probe.
#[derive(Debug)]
pub(super) struct Gauge {
    initial_delay: Duration,
    period: Duration,
    timeout: Duration,
    success_threshold: u32,
    failure_threshold: u32,
    successes: u32,
    failures: u32,
    counted: Option<Duration>,
    verdict: Verdict,
}

/// A probe that can be carried out.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) handler: Handler,
    pub(super) gauge: Gauge,
}

/// The three probes of a container, those that it has.
#[derive(Debug)]
pub(super) struct Checks {
    pub(super) startup: Option<Check>,
    pub(super) liveness: Option<Check>,
    pub(super) readiness: Option<Check>,
}

// === impl Gauge ===

impl Gauge {
    /// Takes thresholds and times from `probe`, with Kubernetes' defaults.
    pub(super) fn new(probe: &Probe) -> Self {
        let count = |value: Option<i32>, default: u32| {
            value
                .and_then(|value| u32::try_from(value).ok())
                .filter(|value| *value > 0)
                .unwrap_or(default)
        };
        let seconds = |value, default| Duration::from_secs(u64::from(count(value, default)));
        Self {
            initial_delay: seconds(probe.initial_delay_seconds, 0),
            period: seconds(probe.period_seconds, 10),
            timeout: seconds(probe.timeout_seconds, 1),
            success_threshold: count(probe.success_threshold, 1),
            failure_threshold: count(probe.failure_threshold, 3),
            successes: 0,
            failures: 0,
            counted: None,
            verdict: Verdict::Undecided,
        }
    }

    /// How long an attempt may take.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// How long to wait before the next attempt, `since_start` after the container was started.
    pub(super) fn pause(&self, since_start: Duration) -> Duration {
        let before_first = self.initial_delay.saturating_sub(since_start);
        if !before_first.is_zero() {
            return before_first;
        }
        if self.verdict == Verdict::Passing { self.period } else { self.period.min(EAGER) }
    }

    /// Counts a result that came `since_start` after the container was started.
    pub(super) fn record(&mut self, passed: bool, since_start: Duration) -> Verdict {
        if passed {
            self.failures = 0;
            self.counted = None;
            self.successes = self.successes.saturating_add(1);
            if self.successes >= self.success_threshold {
                self.verdict = Verdict::Passing;
            }
        } else {
            self.successes = 0;
            if self.counted.is_none_or(|counted| since_start.saturating_sub(counted) >= self.period)
            {
                self.counted = Some(since_start);
                self.failures = self.failures.saturating_add(1);
            }
            if self.failures >= self.failure_threshold {
                self.verdict = Verdict::Failing;
            }
        }
        self.verdict
    }
}

// === impl Checks ===

impl Checks {
    /// The probes of `container`, carried out against `address` unless they name a host.
    pub(super) fn new(container: &Container, address: std::net::Ipv4Addr) -> Self {
        let check = |probe: &Option<Probe>| {
            let probe = probe.as_ref()?;
            Some(Check {
                handler: Handler::new(probe, container, address),
                gauge: Gauge::new(probe),
            })
        };
        Self {
            startup: check(&container.startup_probe),
            liveness: check(&container.liveness_probe),
            readiness: check(&container.readiness_probe),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gauge(failure: i32, success: i32, period: i32) -> Gauge {
        Gauge::new(&Probe {
            failure_threshold: Some(failure),
            success_threshold: Some(success),
            period_seconds: Some(period),
            initial_delay_seconds: Some(1),
            ..Probe::default()
        })
    }

    #[test]
    fn eager_failures_count_once_a_period() {
        let mut gauge = gauge(3, 1, 2);
        let at = Duration::from_millis;
        let verdicts: Vec<_> =
            [0, 200, 400, 1900, 2000, 3900, 4000].map(|ms| gauge.record(false, at(ms))).into();
        assert_eq!(verdicts[..6], [Verdict::Undecided; 6]);
        assert_eq!(verdicts[6], Verdict::Failing);
    }

    #[test]
    fn a_failure_between_successes_starts_the_count_again() {
        let mut gauge = gauge(2, 2, 1);
        let at = Duration::from_secs;
        assert_eq!(gauge.record(true, at(0)), Verdict::Undecided);
        assert_eq!(gauge.record(false, at(1)), Verdict::Undecided);
        assert_eq!(gauge.record(true, at(2)), Verdict::Undecided);
        assert_eq!(gauge.record(true, at(3)), Verdict::Passing);
        assert_eq!(gauge.record(false, at(4)), Verdict::Passing);
        assert_eq!(gauge.record(false, at(5)), Verdict::Failing);
    }

    #[test]
    fn attempts_are_eager_until_they_pass() {
        let mut gauge = gauge(3, 1, 10);
        assert_eq!(gauge.pause(Duration::ZERO), Duration::from_secs(1));
        assert_eq!(gauge.pause(Duration::from_secs(1)), EAGER);
        gauge.record(true, Duration::from_secs(1));
        assert_eq!(gauge.pause(Duration::from_secs(1)), Duration::from_secs(10));
    }

    #[test]
    fn absent_and_senseless_numbers_take_the_defaults() {
        let gauge = Gauge::new(&Probe {
            period_seconds: Some(0),
            timeout_seconds: Some(-1),
            ..Probe::default()
        });
        assert_eq!((gauge.period.as_secs(), gauge.timeout.as_secs()), (10, 1));
        assert_eq!((gauge.failure_threshold, gauge.success_threshold), (3, 1));
    }
}
