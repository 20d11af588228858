//! How Kubernetes learns whether a broker has started, answers, and is still alive.
//!
//! Both questions are asked on the management port, without credentials. `ready` takes the pod out
//! of the client Service; `live` restarts it, and so is slow to judge: a busy broker is not a dead one.

use k8s_openapi::{
    api::core::v1::{HTTPGetAction, Probe},
    apimachinery::pkg::util::intstr::IntOrString,
};

use crate::ports::MANAGEMENT;

/// Up to five minutes to recover what is on disk; the other probes wait for it.
pub fn startup() -> Probe {
    probe("/health/live", Pace { period: 1, timeout: 2, failures: 300 })
}

/// Out of the Service after six seconds of silence, back in after one answer.
pub fn readiness() -> Probe {
    probe("/health/ready", Pace { period: 2, timeout: 2, failures: 3 })
}

/// Restarted after a minute of silence.
pub fn liveness() -> Probe {
    probe("/health/live", Pace { period: 10, timeout: 5, failures: 6 })
}

/// How often to ask and how much silence to bear; times in seconds.
struct Pace {
    period: i32,
    timeout: i32,
    failures: i32,
}

fn probe(path: &str, pace: Pace) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String(MANAGEMENT.name.to_owned()),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(pace.period),
        timeout_seconds: Some(pace.timeout),
        failure_threshold: Some(pace.failures),
        ..Probe::default()
    }
}
