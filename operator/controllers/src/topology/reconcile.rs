//! One attempt for one resource: gather facts, decide, carry out, tell.

use std::sync::Arc;
use std::time::Duration;

use kube::ResourceExt;
use kube::runtime::controller::Action;
use operator_api::condition::{self, READY};
use operator_api::group::{FORCE_DELETE_ANNOTATION, TOPOLOGY_FINALIZER};
use operator_api::policy::{Adoption, DeletionPolicy};
use operator_api::topology::TopologyStatus;
use operator_topology::Presence;
use tracing::instrument;

use crate::context::Context;
use crate::memory::Memory;
use crate::named::Named;
use crate::registry::{Broker, Cluster, Notice};
use crate::topology::claim::{Claims, Rival};
use crate::topology::decision::{Decision, Facts, Release};
use crate::topology::kind::Kind;
use crate::topology::outcome::{feat, obstacle, refusal, story};
use crate::verdict::{Feat, Reason, Verdict};

/// How long the cache is given to catch up with our own write.
const CATCH_UP: Duration = Duration::from_millis(20);
/// How long a binding waits for ends that should be declared any moment.
const NO_NEWS: Duration = Duration::from_secs(10);

/// The reconciler of one kind.
pub(crate) struct Reconciler {
    pub(crate) context: Arc<Context>,
    pub(crate) claims: Claims,
    pub(crate) memory: Memory,
}

/// What came of an attempt: a verdict, and what the broker had to do with it.
pub(super) struct Outcome {
    pub(super) verdict: Verdict,
    /// The broker that confirmed the object, and what that added.
    pub(super) confirmed: Option<(Broker, Option<(Feat, String)>)>,
}

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
    if reconciler.memory.is_stale(&key, resource.resource_version().as_deref()) {
        return Ok(Action::requeue(CATCH_UP));
    }
    let facts = reconciler.facts(&*resource, &key).await?;
    match facts.decide() {
        Decision::Nothing => Ok(Action::await_change()),
        Decision::Settle(verdict) => {
            reconciler.tell(&*resource, &key, Outcome { verdict, confirmed: None }).await
        }
        Decision::Program(broker) => reconciler.program(&*resource, &key, broker).await,
        Decision::Remove(broker) => {
            reconciler.remove(&*resource, &key, &broker, facts.forced).await
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
            Some(found) => {
                self.context.allows(&cluster_name, &found.access, &key.namespace).await?
            }
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
            finalizer: resource.finalizers().iter().any(|held| held == TOPOLOGY_FINALIZER),
            forced: forced.is_some_and(|value| value == "true"),
            retain: resource.deletion_policy() == DeletionPolicy::Retain,
            programmed: status.epoch.is_some(),
            foreign: is_foreign(&status),
            flaw: resource.flaw(),
            shared: rivals.iter().any(|rival| rival.keeps),
            rival: rivals.into_iter().find(|rival| rival.older).map(|rival| rival.resource),
            cluster_name,
            cluster,
            allowed,
        })
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
            if self.context.allows(cluster_name, &cluster.access, namespace).await? {
                rivals.push(rival);
            }
        }
        Ok(rivals)
    }

    /// Ensures the object. The finalizer comes first: nothing is in a broker that would be forgotten.
    async fn program<K: Kind>(
        &self,
        resource: &K,
        key: &Named,
        broker: Broker,
    ) -> Result<Action, kube::Error> {
        let object = match resource.object() {
            Ok(object) => object,
            Err(verdict) => {
                return self.tell(resource, key, Outcome { verdict, confirmed: None }).await;
            }
        };
        if self.is_early(resource, &broker) {
            // What it needs wakes it; the delay is for what should not happen.
            return Ok(Action::requeue(NO_NEWS));
        }
        self.hold(resource, key).await?;
        let before = resource.topology_status();
        let presence = match (&before.epoch, resource.adoption()) {
            (Some(_), _) => Presence::Expected,
            (None, Adoption::Never) => Presence::Forbidden,
            (None, Adoption::IfIdentical) => Presence::Unknown,
        };
        let vhost = resource.vhost();
        let outcome =
            match self.context.pool.ensure(&broker.endpoint, vhost, &object, presence).await {
                Ok(ensured) => {
                    let feat = feat(ensured, &before, resource.meta().generation, &broker);
                    let story = feat.map(|feat| (feat, story(feat, &object, &broker)));
                    let verdict = Verdict::new(Reason::Programmed, format!("{object} is ready"));
                    Outcome { verdict, confirmed: Some((broker, story)) }
                }
                Err(error) => {
                    Outcome { verdict: refusal(&error, &object, &broker), confirmed: None }
                }
            };
        self.tell(resource, key, outcome).await
    }

    /// Whether something the object needs is about to be declared.
    fn is_early<K: Kind>(&self, resource: &K, broker: &Broker) -> bool {
        let mut needs = resource.needs().into_iter().map(|what| resource.key_of(what));
        needs.any(|need| self.context.standings.is_coming(&need, &broker.epoch))
    }

    /// Wakes the bindings that may have waited for a queue or exchange, or that went with the old one.
    pub(super) fn announce<K: Kind>(&self, resource: &K, outcome: &Outcome) {
        let object = resource.object_key();
        let standings = &self.context.standings;
        let news = match &outcome.confirmed {
            Some((broker, feat)) => standings.confirmed(&object, &broker.epoch) || feat.is_some(),
            None if outcome.verdict.reason.is_wait_for_broker() => {
                standings.suspended(&object);
                false
            }
            None => standings.failed(&object),
        };
        if news {
            self.context.registry.tell(Notice::Created(object));
        }
    }

    async fn remove<K: Kind>(
        &self,
        resource: &K,
        key: &Named,
        broker: &Broker,
        forced: bool,
    ) -> Result<Action, kube::Error> {
        let Ok(object) = resource.object() else {
            return self.release(resource, key, Some(Release::NeverProgrammed)).await;
        };
        let (vhost, removal) = (resource.vhost(), resource.removal());
        let removed = self.context.pool.remove(&broker.endpoint, vhost, &object, removal).await;
        match removed.err().and_then(|error| obstacle(&error, &object, broker)) {
            None => self.release(resource, key, None).await,
            Some(_) if forced => self.release(resource, key, Some(Release::Forced)).await,
            Some(verdict) => self.tell(resource, key, Outcome { verdict, confirmed: None }).await,
        }
    }

    /// Takes our finalizer off, which lets the resource go.
    async fn release<K: Kind>(
        &self,
        resource: &K,
        key: &Named,
        release: Option<Release>,
    ) -> Result<Action, kube::Error> {
        let reference = resource.object_ref(&());
        match release {
            None => {
                let note = format!("{} was removed from the broker", resource.what());
                self.context.events.normal(&reference, "Removed", "Delete", &note).await;
            }
            Some(release) => {
                let (reason, note) = release.told();
                self.context.events.normal(&reference, reason, "Release", note).await;
            }
        }
        self.let_go(resource, key).await?;
        self.context.registry.tell(Notice::Removed(resource.object_key()));
        Ok(Action::await_change())
    }
}

/// The broker last said that what it has under this name is not what the manifest describes.
fn is_foreign(status: &TopologyStatus) -> bool {
    let foreign = [Reason::ImmutableMismatch, Reason::AlreadyExists].map(Reason::as_str);
    condition::find(&status.conditions, READY)
        .is_some_and(|ready| foreign.contains(&ready.reason.as_str()))
}
