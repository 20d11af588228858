//! The operator's own figures, in Prometheus' text format.

use std::fmt::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Counters since the start, and whether everything is watched.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    cluster: Counters,
    exchange: Counters,
    queue: Counters,
    binding: Counters,
    ready: AtomicBool,
}

/// Figures of one kind.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    reconciles: AtomicU64,
    errors: AtomicU64,
    status_writes: AtomicU64,
    micros: AtomicU64,
}

// === impl Metrics ===

impl Metrics {
    /// The counters of a kind, by its Kubernetes name.
    pub(crate) fn of(&self, kind: &str) -> &Counters {
        match kind {
            "Exchange" => &self.exchange,
            "Queue" => &self.queue,
            "Binding" => &self.binding,
            _ => &self.cluster,
        }
    }

    /// Whether the operator has seen everything once.
    pub(crate) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    /// The operator has seen everything, or does so no longer.
    pub(crate) fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Relaxed);
    }

    /// Everything, as Prometheus reads it.
    pub(crate) fn render(&self) -> String {
        type Read = fn(&Counters) -> u64;
        #[rustfmt::skip]
        let families: [(&str, &str, Read); 4] = [
            ("warren_operator_reconciles_total", "Attempts to bring a resource about.", |c| c.reconciles.load(Ordering::Relaxed)),
            ("warren_operator_reconcile_errors_total", "Attempts that failed.", |c| c.errors.load(Ordering::Relaxed)),
            ("warren_operator_status_writes_total", "Statuses written.", |c| c.status_writes.load(Ordering::Relaxed)),
            ("warren_operator_reconcile_microseconds_total", "Time spent in attempts.", |c| c.micros.load(Ordering::Relaxed)),
        ];
        let mut text = String::new();
        for (name, help, read) in families {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter");
            for kind in ["BrokerCluster", "Exchange", "Queue", "Binding"] {
                let _ = writeln!(text, "{name}{{kind=\"{kind}\"}} {}", read(self.of(kind)));
            }
        }
        text
    }
}

// === impl Counters ===

impl Counters {
    /// Counts one attempt.
    pub(crate) fn attempted(&self, took: std::time::Duration, failed: bool) {
        self.reconciles.fetch_add(1, Ordering::Relaxed);
        self.errors.fetch_add(u64::from(failed), Ordering::Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// Counts one status written.
    pub(crate) fn wrote_status(&self) {
        self.status_writes.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn figures_are_told_by_kind() {
        let metrics = Metrics::default();
        metrics.of("Queue").attempted(Duration::from_micros(5), true);
        metrics.of("Queue").wrote_status();
        let text = metrics.render();
        for line in [
            "# TYPE warren_operator_reconciles_total counter",
            "warren_operator_reconciles_total{kind=\"Queue\"} 1",
            "warren_operator_reconcile_errors_total{kind=\"Queue\"} 1",
            "warren_operator_status_writes_total{kind=\"Queue\"} 1",
            "warren_operator_reconciles_total{kind=\"BrokerCluster\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing from\n{text}");
        }
    }
}
