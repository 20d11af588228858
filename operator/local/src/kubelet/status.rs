//! A pod's status, composed from what its containers report. Pure.

use k8s_openapi::api::core::v1::{
    ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting,
    ContainerStatus, HostIP, PodCondition, PodIP, PodStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use crate::kubelet::process::Exit;
use crate::kubelet::waiting::Waiting;

/// What one container says of itself.
///
/// ```text
///  Waiting ──▶ Running ──▶ Ended ──▶ Waiting (back-off) ──▶ Running …
///                            └─▶ stays, when the restart policy says so
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) name: String,
    pub(super) image: String,
    pub(super) state: State,
    /// How the run before this one ended.
    pub(super) last: Option<Ended>,
    pub(super) restarts: i32,
    /// The start-up probe has passed, or there is none and the container runs.
    pub(super) started: bool,
    pub(super) ready: bool,
}

/// Where a container is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    Waiting(Waiting),
    Running { since: Timestamp, pid: i32 },
    Ended(Ended),
}

/// One finished run of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) exit: Exit,
    /// The last lines of its log, when it failed.
    pub(super) message: String,
    pub(super) started: Timestamp,
    pub(super) finished: Timestamp,
    pub(super) pid: i32,
}

/// What `spec.restartPolicy` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RestartPolicy {
    Always,
    OnFailure,
    Never,
}

/// What concerns the pod as a whole.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) pod_ip: String,
    pub(super) host_ip: String,
    pub(super) started: Timestamp,
    pub(super) generation: Option<i64>,
    pub(super) policy: RestartPolicy,
}

// === impl Report ===

impl Report {
    /// A container that was not started yet.
    pub(super) fn new(name: &str, image: &str) -> Self {
        Self {
            name: name.to_owned(),
            image: image.to_owned(),
            state: State::Waiting(Waiting::creating()),
            last: None,
            restarts: 0,
            started: false,
            ready: false,
        }
    }

    fn status(&self) -> ContainerStatus {
        let pid = match &self.state {
            State::Running { pid, .. } => Some(*pid),
            State::Ended(ended) => Some(ended.pid),
            State::Waiting(_) => self.last.as_ref().map(|ended| ended.pid),
        };
        ContainerStatus {
            name: self.name.clone(),
            image: self.image.clone(),
            image_id: String::new(),
            container_id: pid.map(|pid| format!("process://{pid}")),
            ready: self.ready,
            started: Some(self.started),
            restart_count: self.restarts,
            state: Some(self.state.wire()),
            last_state: self.last.as_ref().map(|ended| State::Ended(ended.clone()).wire()),
            ..ContainerStatus::default()
        }
    }

    fn was_started(&self) -> bool {
        !matches!(self.state, State::Waiting(_)) || self.last.is_some()
    }

    fn succeeded(&self) -> bool {
        matches!(&self.state, State::Ended(ended) if ended.exit.code == 0)
    }
}

// === impl State ===

impl State {
    fn wire(&self) -> ContainerState {
        let mut state = ContainerState::default();
        match self {
            Self::Waiting(waiting) => {
                let message = Some(waiting.message.clone()).filter(|message| !message.is_empty());
                state.waiting = Some(ContainerStateWaiting {
                    reason: Some(waiting.reason.to_owned()),
                    message,
                });
            }
            Self::Running { since, .. } => {
                state.running = Some(ContainerStateRunning { started_at: Some(Time(*since)) });
            }
            Self::Ended(ended) => {
                let reason = if ended.exit.code == 0 { "Completed" } else { "Error" };
                state.terminated = Some(ContainerStateTerminated {
                    exit_code: ended.exit.code,
                    signal: ended.exit.signal,
                    reason: Some(reason.to_owned()),
                    message: Some(ended.message.clone()).filter(|message| !message.is_empty()),
                    started_at: Some(Time(ended.started)),
                    finished_at: Some(Time(ended.finished)),
                    container_id: Some(format!("process://{}", ended.pid)),
                });
            }
        }
        state
    }
}

// === impl RestartPolicy ===

impl RestartPolicy {
    /// Reads `spec.restartPolicy`, whose default is `Always`.
    pub(super) fn parse(text: Option<&str>) -> Self {
        match text {
            Some("Never") => Self::Never,
            Some("OnFailure") => Self::OnFailure,
            _ => Self::Always,
        }
    }

    /// Whether a container that ended with `code` is started again.
    pub(super) fn restarts(self, code: i32) -> bool {
        match self {
            Self::Always => true,
            Self::OnFailure => code != 0,
            Self::Never => false,
        }
    }
}

/// The status to write. `previous` lends its transition times to conditions that did not change.
pub(super) fn compose(
    facts: &Facts,
    init: &[Report],
    containers: &[Report],
    previous: Option<&PodStatus>,
    now: Timestamp,
) -> PodStatus {
    let initialized = init.iter().all(Report::succeeded);
    let ready = initialized && containers.iter().all(|container| container.ready);
    let unready: Vec<&str> =
        containers.iter().filter(|c| !c.ready).map(|c| c.name.as_str()).collect();
    let waiting = (!ready)
        .then(|| ("ContainersNotReady", format!("containers with unready status: {unready:?}")));
    let initializing = (!initialized)
        .then(|| ("ContainersNotInitialized", "init containers are running".to_owned()));
    let previous = previous.and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let condition = |kind: &str, reason: Option<(&str, String)>| {
        condition(kind, reason, previous, now, facts.generation)
    };
    PodStatus {
        phase: Some(phase(facts.policy, initialized, init, containers).to_owned()),
        pod_ip: Some(facts.pod_ip.clone()),
        pod_ips: Some(vec![PodIP { ip: facts.pod_ip.clone() }]),
        host_ip: Some(facts.host_ip.clone()),
        host_ips: Some(vec![HostIP { ip: facts.host_ip.clone() }]),
        start_time: Some(Time(facts.started)),
        observed_generation: facts.generation,
        conditions: Some(vec![
            condition("PodScheduled", None),
            condition("Initialized", initializing),
            condition("ContainersReady", waiting.clone()),
            condition("Ready", waiting),
        ]),
        init_container_statuses: (!init.is_empty())
            .then(|| init.iter().map(Report::status).collect()),
        container_statuses: Some(containers.iter().map(Report::status).collect()),
        ..PodStatus::default()
    }
}

fn phase(
    policy: RestartPolicy,
    initialized: bool,
    init: &[Report],
    containers: &[Report],
) -> &'static str {
    let ended_for_good = |report: &Report| match &report.state {
        State::Ended(ended) => !policy.restarts(ended.exit.code),
        _ => false,
    };
    if init.iter().any(|report| ended_for_good(report) && !report.succeeded()) {
        return "Failed";
    }
    if !initialized {
        return "Pending";
    }
    if !containers.is_empty() && containers.iter().all(ended_for_good) {
        return if containers.iter().all(Report::succeeded) { "Succeeded" } else { "Failed" };
    }
    if containers.iter().all(Report::was_started) { "Running" } else { "Pending" }
}

/// A condition that is False for `reason`, or True without one.
fn condition(
    kind: &str,
    reason: Option<(&str, String)>,
    previous: &[PodCondition],
    now: Timestamp,
    generation: Option<i64>,
) -> PodCondition {
    let status = if reason.is_none() { "True" } else { "False" };
    let unchanged = previous.iter().find(|old| old.type_ == kind && old.status == status);
    let since = unchanged.and_then(|old| old.last_transition_time.clone()).unwrap_or(Time(now));
    let (reason, message) = reason.map(|(reason, message)| (reason.to_owned(), message)).unzip();
    PodCondition {
        type_: kind.to_owned(),
        status: status.to_owned(),
        reason,
        message,
        last_transition_time: Some(since),
        observed_generation: generation,
        ..PodCondition::default()
    }
}

#[cfg(test)]
mod tests;
