//! What a topology reconciler writes to the API: finalizer, status, events.

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use kube::runtime::controller::Action;
use operator_api::condition::{self, PROGRAMMED, READY};
use operator_api::group::{STATUS_FIELD_MANAGER, TOPOLOGY_FINALIZER};
use operator_api::topology::TopologyStatus;
use serde_json::{Value, json};

use crate::named::Named;
use crate::topology::kind::Kind;
use crate::topology::reconciler::{Outcome, Reconciler};
use crate::verdict::{Feat, Outlook, Reason};

// === impl Reconciler ===

impl Reconciler {
    /// Puts our finalizer on, unless it is there; returns the resource with it, if it was written.
    pub(super) async fn hold<K: Kind>(
        &self,
        resource: &K,
        key: &Named,
    ) -> Result<Option<K>, kube::Error> {
        if resource.is_held() {
            return Ok(None);
        }
        let held = resource.finalizers();
        let patch = if held.is_empty() {
            json!([
                { "op": "test", "path": "/metadata/finalizers", "value": null },
                { "op": "add", "path": "/metadata/finalizers", "value": [TOPOLOGY_FINALIZER] },
            ])
        } else {
            json!([
                { "op": "test", "path": "/metadata/finalizers", "value": held },
                { "op": "add", "path": "/metadata/finalizers/-", "value": TOPOLOGY_FINALIZER },
            ])
        };
        let patched = self.patch_finalizers::<K>(key, patch).await?;
        self.memory.wrote(key, patched.resource_version().as_deref());
        Ok(Some(patched))
    }

    /// Takes our finalizer off. A resource that is gone already is fine.
    pub(super) async fn let_go<K: Kind>(
        &self,
        resource: &K,
        key: &Named,
    ) -> Result<(), kube::Error> {
        let held = resource.finalizers().iter().position(|held| held == TOPOLOGY_FINALIZER);
        let Some(index) = held else { return Ok(()) };
        let path = format!("/metadata/finalizers/{index}");
        let patch = json!([
            { "op": "test", "path": path, "value": TOPOLOGY_FINALIZER },
            { "op": "remove", "path": path },
        ]);
        match self.patch_finalizers::<K>(key, patch).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            Err(error) => Err(error),
            Ok(patched) => {
                if patched.meta().deletion_timestamp.is_none() {
                    self.memory.wrote(key, patched.resource_version().as_deref());
                }
                Ok(())
            }
        }
    }

    async fn patch_finalizers<K: Kind>(&self, key: &Named, patch: Value) -> Result<K, kube::Error> {
        let patch: Patch<K> =
            Patch::Json(serde_json::from_value(patch).map_err(kube::Error::SerdeError)?);
        let api = self.context.api_in::<K>(&key.namespace);
        api.patch(&key.name, &PatchParams::default(), &patch).await
    }

    /// Records an outcome, wakes who waited for it, and says when to look again.
    pub(super) async fn tell<K: Kind>(
        &self,
        resource: &K,
        key: &Named,
        outcome: Outcome,
    ) -> Result<Action, kube::Error> {
        self.announce(resource, &outcome);
        if !self.record(resource, key, &outcome).await? {
            return Ok(Action::await_change());
        }
        Ok(Action::requeue(if outcome.verdict.reason.is_retried() {
            self.memory.failed(key)
        } else {
            self.memory.succeeded(key, self.context.options.resync)
        }))
    }

    /// Writes an outcome to the status, and an event if it is news; returns whether the resource still exists.
    pub(super) async fn record<K: Kind>(
        &self,
        resource: &K,
        key: &Named,
        outcome: &Outcome,
    ) -> Result<bool, kube::Error> {
        let before = resource.topology_status();
        let after = outcome.applied_to(&before, resource, Timestamp::now());
        let member = outcome.confirmed.as_ref().map(|(broker, _)| broker.member.as_str());
        let status = resource.status(&after, member);
        let old = serde_json::to_value(resource).map_err(kube::Error::SerdeError)?;
        if old.get("status") != Some(&status) {
            if !self.write_status(resource, key, status).await? {
                return Ok(false);
            }
            self.report(resource, &before, outcome).await;
        }
        Ok(true)
    }

    async fn write_status<K: Kind>(
        &self,
        resource: &K,
        key: &Named,
        status: Value,
    ) -> Result<bool, kube::Error> {
        let patch = json!({
            "apiVersion": K::api_version(&()),
            "kind": K::kind(&()),
            "metadata": { "name": key.name, "namespace": key.namespace, "uid": resource.uid() },
            "status": status,
        });
        let parameters = PatchParams::apply(STATUS_FIELD_MANAGER).force();
        let api = self.context.api_in::<K>(&key.namespace);
        let written = api.patch_status(&key.name, &parameters, &Patch::Apply(patch)).await;
        match written {
            Ok(written) => {
                self.memory.wrote(key, written.resource_version().as_deref());
                self.context.metrics.of(&K::kind(&())).wrote_status();
                Ok(true)
            }
            // It went while we looked.
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// An event, if this is a transition.
    async fn report<K: Kind>(&self, resource: &K, before: &TopologyStatus, outcome: &Outcome) {
        let verdict = &outcome.verdict;
        let reference = resource.object_ref(&());
        let ready = condition::find(&before.conditions, READY);
        let events = &self.context.events;
        if let Some((_, Some((feat, story)))) = &outcome.confirmed {
            let action = if *feat == Feat::Declared { "Declare" } else { "DeclareAgain" };
            events.normal(&reference, feat.as_str(), action, story).await;
        } else if ready.is_none_or(|ready| ready.reason != verdict.reason.as_str()) {
            let (reason, message) = (verdict.reason.as_str(), verdict.message.as_str());
            let waiting = verdict.reason.shape().outlook != Outlook::Stalled
                && verdict.reason != Reason::BrokerUnreachable;
            if waiting {
                events.normal(&reference, reason, "Reconcile", message).await;
            } else {
                events.warning(&reference, reason, "Reconcile", message).await;
            }
        }
    }
}

// === impl Outcome ===

impl Outcome {
    /// The status after this outcome.
    fn applied_to<K: Kind>(
        &self,
        before: &TopologyStatus,
        resource: &K,
        now: Timestamp,
    ) -> TopologyStatus {
        let generation = resource.meta().generation;
        let mut after = TopologyStatus {
            observed_generation: generation,
            conditions: before.conditions.clone(),
            name: resource.name_in_broker(),
            epoch: match &self.confirmed {
                Some((broker, _)) => Some(broker.epoch.clone()),
                None => before.epoch.clone(),
            },
        };
        let kept = condition::find(&before.conditions, PROGRAMMED)
            .map(|kept| (kept.reason.clone(), kept.message.clone()));
        let told = match &self.confirmed {
            Some((_, Some((feat, story)))) => Some((feat.as_str(), story.as_str())),
            Some((_, None)) => kept.as_ref().map(|(reason, told)| (reason.as_str(), told.as_str())),
            None => None,
        };
        self.verdict.record(&mut after.conditions, generation, told, now);
        after
    }
}
