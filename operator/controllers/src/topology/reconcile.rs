//! One attempt for one resource: gather facts, decide, carry out, tell.

use std::sync::Arc;

use kube::ResourceExt;
use kube::runtime::controller::Action;
use operator_api::group::FORCE_DELETE_ANNOTATION;
use operator_api::policy::DeletionPolicy;
use tracing::instrument;

use crate::context::Context;
use crate::named::Named;
use crate::registry::Cluster;
use crate::topology::claim::{self, Rival};
use crate::topology::decision::{Decision, Facts};
use crate::topology::history;
use crate::topology::kind::Kind;
use crate::topology::reconciler::{Outcome, Reconciler};

/// Makes the broker agree with one resource, and the resource's status with the broker.
///
/// Level-triggered: it declares the whole object every time, so it needs no memory of what it did before and
/// may be cancelled at any `await`.
///
/// # Errors
///
/// What the Kubernetes API answered; the caller tries again.
#[instrument(skip_all, fields(namespace = resource.namespace(), name = resource.name_any()))]
pub(crate) async fn reconcile<K: Kind>(
    resource: Arc<K>,
    reconciler: Arc<Reconciler>,
) -> Result<Action, kube::Error> {
    let key = Named::of(&*resource);
    if let Some(lag) = reconciler.memory.lag(&key, resource.resource_version().as_deref()) {
        return Ok(Action::requeue(lag));
    }
    let facts = reconciler.facts(&*resource, &key).await?;
    match facts.decide() {
        Decision::Nothing => Ok(Action::await_change()),
        Decision::Settle(verdict) => {
            reconciler.tell(&*resource, &key, Outcome { verdict, confirmed: None }).await
        }
        Decision::Program(broker) => reconciler.program(&*resource, &key, broker).await,
        Decision::Remove(broker) => {
            let removal = reconciler.remove(&*resource, &key, &broker, facts.forced);
            reconciler.visibly(&*resource, &key, removal).await
        }
        Decision::Withdraw(broker) => {
            let withdrawal = reconciler.withdraw(&*resource, &key, &broker, facts.forced);
            reconciler.visibly(&*resource, &key, withdrawal).await
        }
        Decision::Release(release) => reconciler.release(&*resource, &key, Some(release)).await,
    }
}

// === impl Reconciler ===

impl Reconciler {
    async fn facts<K: Kind>(&self, resource: &K, key: &Named) -> Result<Facts, kube::Error> {
        let cluster_name = resource.cluster();
        let cluster = self.context.registry.get(&cluster_name);
        let allowed = match &cluster {
            Some(found) => self.may_use(&cluster_name, found, &key.namespace).await?,
            None => true,
        };
        let rivals = match &cluster {
            Some(found) => self.rivals(key, &cluster_name, found).await?,
            None => Vec::new(),
        };
        let status = resource.topology_status();
        let forced = resource.annotations().get(FORCE_DELETE_ANNOTATION);
        Ok(Facts {
            deleting: resource.meta().deletion_timestamp.is_some(),
            finalizer: resource.is_held(),
            forced: forced.is_some_and(|value| value == "true"),
            retain: resource.deletion_policy() == DeletionPolicy::Retain,
            programmed: history::is_programmed(&status),
            foreign: history::is_foreign(&status),
            refused: history::is_refused(&status),
            flaw: resource.flaw(),
            rival: claim::first(&rivals).map(|rival| rival.resource.clone()),
            heir: claim::heir(&rivals).cloned(),
            cluster_name,
            cluster,
            allowed,
        })
    }

    async fn may_use(
        &self,
        name: &Named,
        cluster: &Cluster,
        namespace: &str,
    ) -> Result<bool, kube::Error> {
        let Context { client, namespaces, .. } = &*self.context;
        namespaces.allow(client, name, &cluster.access, namespace).await
    }

    /// The other resources that stand for the same object and may: what a namespace says that the cluster does not
    /// allow neither takes an object from anybody nor keeps it.
    async fn rivals(
        &self,
        key: &Named,
        cluster_name: &Named,
        cluster: &Cluster,
    ) -> Result<Vec<Rival>, kube::Error> {
        let mut rivals = Vec::new();
        for rival in self.claims.rivals(key) {
            let namespace = &rival.resource.namespace;
            if self.may_use(cluster_name, cluster, namespace).await? {
                rivals.push(rival);
            }
        }
        Ok(rivals)
    }
}
