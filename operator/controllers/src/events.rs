//! Kubernetes events: what `kubectl describe` shows of the past. Transitions only, and never a storm.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use tracing::{debug, info, warn};

/// Events that may be written at once.
const BURST: f64 = 100.0;
/// Events a second after that.
const RATE: f64 = 20.0;
/// Longest text that the API takes, in bytes.
const MAX_NOTE: usize = 1000;

/// Writes events, within a budget: a broker with ten thousand queues that restarts is one story, not ten
/// thousand. What is over the budget is logged only.
pub(crate) struct Events {
    recorder: Recorder,
    budget: Mutex<Budget>,
}

/// A token bucket.
#[derive(Debug)]
struct Budget {
    tokens: f64,
    last: Instant,
}

// === impl Events ===

impl Events {
    pub(crate) fn new(client: Client, instance: Option<String>) -> Self {
        let reporter = Reporter { controller: "warren-operator".into(), instance };
        Self {
            recorder: Recorder::new(client, reporter),
            budget: Mutex::new(Budget { tokens: BURST, last: Instant::now() }),
        }
    }

    /// Something happened as it should.
    pub(crate) async fn normal(
        &self,
        of: &ObjectReference,
        reason: &str,
        action: &str,
        note: &str,
    ) {
        info!(kind = of.kind, namespace = of.namespace, name = of.name, reason, "{note}");
        self.write(of, EventType::Normal, reason, action, note).await;
    }

    /// Something needs somebody's eye.
    pub(crate) async fn warning(
        &self,
        of: &ObjectReference,
        reason: &str,
        action: &str,
        note: &str,
    ) {
        warn!(kind = of.kind, namespace = of.namespace, name = of.name, reason, "{note}");
        self.write(of, EventType::Warning, reason, action, note).await;
    }

    /// An event that cannot be written is no reason to stop.
    async fn write(
        &self,
        of: &ObjectReference,
        type_: EventType,
        reason: &str,
        action: &str,
        note: &str,
    ) {
        if !self.budget.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now()) {
            return;
        }
        let event = Event {
            type_,
            reason: reason.to_owned(),
            note: Some(shorten(note).to_owned()),
            action: action.to_owned(),
            secondary: None,
        };
        if let Err(error) = self.recorder.publish(&event, of).await {
            debug!(%error, reason, "cannot write an event");
        }
    }
}

// === impl Budget ===

impl Budget {
    fn take(&mut self, now: Instant) -> bool {
        let earned = now.saturating_duration_since(self.last).as_secs_f64() * RATE;
        self.tokens = (self.tokens + earned).min(BURST);
        self.last = now;
        let granted = self.tokens >= 1.0;
        if granted {
            self.tokens -= 1.0;
        }
        granted
    }
}

fn shorten(note: &str) -> &str {
    let end = (0..=MAX_NOTE.min(note.len())).rev().find(|end| note.is_char_boundary(*end));
    &note[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_budget_refills() {
        let start = Instant::now();
        let mut budget = Budget { tokens: BURST, last: start };
        let granted = (0..1000).filter(|_| budget.take(start)).count();
        assert_eq!(granted, 100);
        let later = start + Duration::from_millis(500);
        assert_eq!((0..1000).filter(|_| budget.take(later)).count(), 10);
    }

    #[test]
    fn a_long_note_ends_at_a_character() {
        let note = "ü".repeat(600);
        assert_eq!(shorten(&note).len(), 1000);
        assert_eq!(shorten(&note[..10]), &note[..10]);
        assert!(shorten(&format!("a{note}")).len() == 999);
    }
}
