//! Events about pods, as `kubectl describe pod` shows them.

use k8s_openapi::api::core::v1::Pod;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Client, Resource};

/// Publishes events; a refusal is only logged, because an event is a courtesy.
#[derive(Clone)]
pub(super) struct Events(Recorder);

// === impl Events ===

impl Events {
    pub(super) fn new(client: Client, node: &str) -> Self {
        Self(Recorder::new(
            client,
            Reporter { controller: "kubelet".to_owned(), instance: Some(node.to_owned()) },
        ))
    }

    pub(super) async fn normal(&self, pod: &Pod, reason: &str, note: &str) {
        self.publish(pod, EventType::Normal, reason, note).await;
    }

    pub(super) async fn warning(&self, pod: &Pod, reason: &str, note: &str) {
        self.publish(pod, EventType::Warning, reason, note).await;
    }

    async fn publish(&self, pod: &Pod, type_: EventType, reason: &str, note: &str) {
        let event = Event {
            type_,
            reason: reason.to_owned(),
            note: Some(note.chars().take(1000).collect()),
            action: reason.to_owned(),
            secondary: None,
        };
        if let Err(error) = self.0.publish(&event, &pod.object_ref(&())).await {
            tracing::debug!(%error, reason, "an event about a pod was not published");
        }
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Events")
    }
}
