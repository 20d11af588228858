//! Whether an object has become what its author asked for. Pure.
//!
//! The rules are kstatus's, which Argo CD, Flux and `kubectl wait` follow: a status that is not of
//! this generation says nothing; `Stalled` is a failure and `Reconciling` is work; `Ready` decides.
//! One thing is stricter: a custom resource that has a status but no conditions yet is not
//! ready, because its controller has not looked at it.

use kube::ResourceExt;
use kube::core::DynamicObject;
use serde_json::Value;

/// Where an object stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Ready,
    InProgress,
    Failed,
    Terminating,
}

/// A state and what its object says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Readiness {
    pub(super) state: State,
    pub(super) reason: String,
    pub(super) message: String,
}

/// Judges `object`. `has_status` tells whether its kind has a status that a controller writes.
pub(super) fn assess(object: &DynamicObject, has_status: bool) -> Readiness {
    if object.metadata.deletion_timestamp.is_some() {
        let holders = object.finalizers().join(", ");
        let message = if holders.is_empty() { holders } else { format!("waits for {holders}") };
        return Readiness::new(State::Terminating, "Terminating", message);
    }
    let status = &object.data["status"];
    let observed = status["observedGeneration"].as_i64();
    if let (Some(observed), Some(generation)) = (observed, object.metadata.generation)
        && observed != generation
    {
        let message = "the controller has not seen the newest version";
        return Readiness::new(State::InProgress, "Outdated", message);
    }
    match object.types.as_ref().map(|types| (types.api_version.as_str(), types.kind.as_str())) {
        Some(("apps/v1", "StatefulSet")) => stateful_set(object),
        Some(("v1", "Pod")) => pod(status),
        Some(("v1", "PersistentVolumeClaim")) => phase(status, "Bound"),
        Some(("v1", "Namespace")) => phase(status, "Active"),
        Some(("apiextensions.k8s.io/v1", _)) => by_condition(status, "Established", true),
        Some((version, _)) => by_condition(status, "Ready", has_status && is_custom(version)),
        None => Readiness::new(State::InProgress, "Unknown", ""),
    }
}

// === impl Readiness ===

impl Readiness {
    /// A state with its reason.
    pub(super) fn new(state: State, reason: &str, message: impl Into<String>) -> Self {
        Self { state, reason: reason.to_owned(), message: message.into() }
    }

    fn ready() -> Self {
        Self::new(State::Ready, "", "")
    }

    fn from(state: State, condition: &Value) -> Self {
        let text = |field: &str| condition[field].as_str().unwrap_or_default();
        Self::new(state, text("reason"), text("message"))
    }
}

/// Kubernetes' own groups have no dot, or end in `k8s.io`.
fn is_custom(api_version: &str) -> bool {
    api_version
        .split_once('/')
        .is_some_and(|(group, _)| group.contains('.') && !group.ends_with("k8s.io"))
}

fn find<'a>(status: &'a Value, kind: &str) -> Option<&'a Value> {
    status["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

fn by_condition(status: &Value, decides: &str, needed: bool) -> Readiness {
    let holds = |kind: &str| find(status, kind).filter(|condition| condition["status"] == "True");
    if let Some(stalled) = holds("Stalled") {
        return Readiness::from(State::Failed, stalled);
    }
    match find(status, decides) {
        Some(condition) if condition["status"] == "True" => match holds("Reconciling") {
            Some(working) => Readiness::from(State::InProgress, working),
            None => Readiness::from(State::Ready, condition),
        },
        Some(condition) => Readiness::from(State::InProgress, condition),
        None if needed => {
            Readiness::new(State::InProgress, "Pending", "no controller has reported on it yet")
        }
        None => Readiness::ready(),
    }
}

fn phase(status: &Value, good: &str) -> Readiness {
    match status["phase"].as_str() {
        Some(phase) if phase == good => Readiness::ready(),
        phase => Readiness::new(State::InProgress, phase.unwrap_or("Pending"), ""),
    }
}

fn stateful_set(object: &DynamicObject) -> Readiness {
    let (spec, status) = (&object.data["spec"], &object.data["status"]);
    let wanted = spec["replicas"].as_i64().unwrap_or(1);
    let count = |field: &str| status[field].as_i64().unwrap_or(0);
    if status["observedGeneration"].is_null() {
        return Readiness::new(
            State::InProgress,
            "Pending",
            "no controller has reported on it yet",
        );
    }
    for (field, what) in
        [("replicas", "created"), ("readyReplicas", "ready"), ("updatedReplicas", "updated")]
    {
        if count(field) != wanted {
            let message = format!("{} of {wanted} pods are {what}", count(field));
            return Readiness::new(State::InProgress, "PodsNotReady", message);
        }
    }
    Readiness::ready()
}

/// A pod is told by what its containers wait for, which says more than its conditions.
fn pod(status: &Value) -> Readiness {
    if find(status, "Ready").is_some_and(|condition| condition["status"] == "True") {
        return Readiness::ready();
    }
    let statuses =
        ["initContainerStatuses", "containerStatuses"].map(|field| status[field].as_array());
    for container in statuses.into_iter().flatten().flatten() {
        let waiting = &container["state"]["waiting"];
        if waiting["reason"].as_str().is_some_and(|reason| reason != "ContainerCreating")
            || waiting["message"].is_string()
        {
            return Readiness::from(State::InProgress, waiting);
        }
        let ended = &container["state"]["terminated"];
        if ended.is_object() {
            return Readiness::from(State::InProgress, ended);
        }
    }
    match status["phase"].as_str() {
        Some("Succeeded") => Readiness::ready(),
        Some("Failed") => Readiness::new(State::Failed, "Failed", ""),
        Some("Running") => Readiness::new(State::InProgress, "NotReady", ""),
        _ => Readiness::new(State::InProgress, "Pending", ""),
    }
}

#[cfg(test)]
mod tests;
