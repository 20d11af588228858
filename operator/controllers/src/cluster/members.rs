//! The broker pods of a cluster, reduced to what matters.

use std::net::{IpAddr, SocketAddr};

use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod};
use kube::ResourceExt;
use operator_api::cluster::status::MemberState;
use operator_resources::pod::CONTAINER;
use operator_resources::ports::MANAGEMENT;

/// One broker pod as Kubernetes describes it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) name: String,
    /// Changes with every pod and every start of its container.
    pub(crate) run: String,
    pub(crate) ip: Option<IpAddr>,
    pub(crate) state: MemberState,
    pub(crate) restarts: i32,
    /// How its container ended last.
    pub(crate) ended: Option<Ended>,
    /// Why it is not running, in Kubernetes' words.
    pub(crate) waits: Option<String>,
}

/// How a container ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) reason: Option<String>,
    pub(crate) exit_code: i32,
}

// === impl Seen ===

impl Seen {
    /// Reduces a pod.
    pub(crate) fn from_pod(pod: &Pod) -> Self {
        let status = pod.status.as_ref();
        let containers = status.and_then(|status| status.container_statuses.as_deref());
        let container =
            containers.unwrap_or_default().iter().find(|container| container.name == CONTAINER);
        let restarts = container.map_or(0, |container| container.restart_count);
        let id = container.and_then(|container| container.container_id.as_deref());
        Self {
            name: pod.name_any(),
            run: format!("{}/{restarts}/{}", pod.uid().unwrap_or_default(), id.unwrap_or_default()),
            ip: status.and_then(|status| status.pod_ip.as_deref()?.parse().ok()),
            state: state(pod, container),
            restarts,
            ended: container.and_then(last_end),
            waits: container.and_then(waits).or_else(|| unscheduled(pod)),
        }
    }

    /// Whether it answers, as its readiness probe has it.
    pub(crate) fn is_ready(&self) -> bool {
        self.state == MemberState::Running
    }

    /// Where its management API listens.
    pub(crate) fn management(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.ip?, MANAGEMENT.number))
    }

    /// What keeps it from answering, for people.
    pub(crate) fn trouble(&self) -> String {
        let name = &self.name;
        match (self.state, &self.ended, &self.waits) {
            (MemberState::CrashLooping, Some(ended), _) => {
                format!(
                    "broker {name} ends again and again, last {ended}; see kubectl logs {name} --previous"
                )
            }
            (MemberState::Terminating, ..) => format!("broker {name} is being stopped"),
            (_, Some(ended), _) if self.restarts > 0 => {
                format!("broker {name} is starting again; it ended {ended}")
            }
            (MemberState::Pending, _, Some(why)) => format!("broker {name} waits: {why}"),
            (MemberState::Pending, ..) => format!("broker {name} waits for its node and volume"),
            _ => format!("broker {name} is starting"),
        }
    }
}

fn state(pod: &Pod, container: Option<&ContainerStatus>) -> MemberState {
    let Some(container) = container else {
        return if pod.metadata.deletion_timestamp.is_some() {
            MemberState::Terminating
        } else {
            MemberState::Pending
        };
    };
    let current = container.state.clone().unwrap_or_default();
    let waiting = current.waiting.as_ref().and_then(|waiting| waiting.reason.as_deref());
    let running = current.running.is_some();
    match waiting {
        _ if pod.metadata.deletion_timestamp.is_some() => MemberState::Terminating,
        Some("CrashLoopBackOff") => MemberState::CrashLooping,
        _ if running && container.ready && has_condition(pod, "Ready") => MemberState::Running,
        _ if running || current.terminated.is_some() || container.restart_count > 0 => {
            MemberState::Starting
        }
        _ => MemberState::Pending,
    }
}

fn has_condition(pod: &Pod, type_: &str) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_deref());
    conditions
        .unwrap_or_default()
        .iter()
        .any(|condition| condition.type_ == type_ && condition.status == "True")
}

fn last_end(container: &ContainerStatus) -> Option<Ended> {
    let state = |state: &Option<k8s_openapi::api::core::v1::ContainerState>| {
        state.as_ref().and_then(|state| state.terminated.clone())
    };
    state(&container.state).or_else(|| state(&container.last_state)).map(Ended::from)
}

fn waits(container: &ContainerStatus) -> Option<String> {
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    let words: Vec<_> =
        [waiting.reason.as_deref(), waiting.message.as_deref()].into_iter().flatten().collect();
    (!words.is_empty()).then(|| words.join(": "))
}

fn unscheduled(pod: &Pod) -> Option<String> {
    let conditions = pod.status.as_ref()?.conditions.as_deref()?;
    let scheduled = conditions.iter().find(|condition| condition.type_ == "PodScheduled")?;
    (scheduled.status == "False").then(|| scheduled.message.clone()).flatten()
}

// === impl Ended ===

impl From<ContainerStateTerminated> for Ended {
    fn from(terminated: ContainerStateTerminated) -> Self {
        let reason = terminated.reason.filter(|reason| !reason.is_empty());
        Self { reason, exit_code: terminated.exit_code }
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "with exit code {}", self.exit_code)?;
        match &self.reason {
            Some(reason) => write!(f, " ({reason})"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
