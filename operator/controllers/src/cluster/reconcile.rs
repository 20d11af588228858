//! One look at one cluster: its objects, its brokers, its status.

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{Pod, Secret};
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use kube::runtime::controller::Action;
use kube::runtime::reflector::Store;
use kube::{Resource, ResourceExt};
use operator_api::BrokerCluster;
use operator_api::cluster::status::BrokerClusterStatus;
use operator_api::condition::{self, READY};
use operator_api::group::{CLUSTER_LABEL, STATUS_FIELD_MANAGER};
use operator_resources::Credentials;
use operator_resources::ports::AMQP;
use operator_topology::{Endpoint, Password, management};
use serde_json::json;
use tracing::{debug, instrument};

use crate::backoff;
use crate::cluster::assessment::{self, Broker, Incident};
use crate::cluster::children::{Applied, Refused};
use crate::cluster::drift::Drift;
use crate::cluster::epochs::Epochs;
use crate::cluster::members::Seen;
use crate::context::Context;
use crate::memory::Memory;
use crate::named::Named;
use crate::registry::{self, Notice, State};
use crate::verdict::{Outlook, Reason, Verdict};

/// How soon a ready pod whose broker does not say who it is is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// The reconciler of clusters.
pub(crate) struct Reconciler {
    pub(crate) context: Arc<Context>,
    pub(crate) applied: Applied,
    pub(crate) epochs: Epochs,
    pub(crate) drift: Drift,
    pub(crate) memory: Memory,
    pub(crate) secrets: Store<Secret>,
    pub(crate) pods: Store<Pod>,
}

/// Makes the cluster's objects what the manifest says, and tells on its status, and to the topology reconcilers,
/// how its brokers are.
///
/// # Errors
///
/// What the Kubernetes API answered; the caller tries again.
#[instrument(skip_all, fields(namespace = cluster.namespace(), name = cluster.name_any()))]
pub(crate) async fn reconcile(
    cluster: Arc<BrokerCluster>,
    reconciler: Arc<Reconciler>,
) -> Result<Action, kube::Error> {
    let key = Named::of(&*cluster);
    if let Some(lag) = reconciler.memory.lag(&key, cluster.resource_version().as_deref()) {
        return Ok(Action::requeue(lag));
    }
    if cluster.meta().deletion_timestamp.is_some() {
        let verdict = Verdict::new(Reason::Deleting, "the cluster is being deleted");
        let brokers = reconciler.unidentified(&key);
        return reconciler.conclude(&cluster, &key, &verdict, &brokers, State::Deleting).await;
    }
    if let Some(flaw) = assessment::flaw(&cluster) {
        return reconciler.leave_as_is(&cluster, &key, &flaw).await;
    }
    let credentials = reconciler.context.credentials(&cluster, &reconciler.secrets).await?;
    let applied = reconciler.applied.apply_all(&reconciler.context, &cluster, &credentials).await;
    let members = reconciler.members(&key);
    let brokers = reconciler.epochs.identify(&key, members, &credentials).await;
    let verdict = reconciler.verdict(&cluster, applied, &brokers)?;
    let state = state(&key, &brokers, &credentials);
    let done = reconciler.conclude(&cluster, &key, &verdict, &brokers, state).await;
    reconciler.look_for_losses(&key, &brokers, &credentials).await;
    done
}

// === impl Reconciler ===

impl Reconciler {
    fn members(&self, cluster: &Named) -> Vec<Seen> {
        let pods = self.pods.state_filter(|pod| {
            pod.namespace().as_deref() == Some(&cluster.namespace)
                && pod.labels().get(CLUSTER_LABEL) == Some(&cluster.name)
        });
        let mut members: Vec<_> = pods.iter().map(|pod| Seen::from_pod(pod)).collect();
        members.sort_by(|a, b| a.name.cmp(&b.name));
        members
    }

    fn unidentified(&self, cluster: &Named) -> Vec<Broker> {
        let members = self.members(cluster).into_iter();
        members.map(|seen| Broker { seen, identity: None }).collect()
    }

    /// Wakes the resources whose objects somebody deleted, if the numbers make that likely.
    async fn look_for_losses(&self, key: &Named, brokers: &[Broker], credentials: &Credentials) {
        let Some(broker) = first_up(brokers) else { return };
        let Some(totals) = broker.identity.as_ref().map(|identity| identity.totals) else { return };
        let Some(address) = broker.seen.management() else { return };
        if !self.drift.is_due(key, totals, Instant::now()) {
            return;
        }
        let password = Password::new(credentials.password.clone());
        match management::names(address, &credentials.username, &password).await {
            Ok(names) => {
                self.drift.looked(key, totals, Instant::now());
                let (cluster, names) = (key.clone(), Arc::new(names));
                self.context.registry.tell(Notice::Listed { cluster, names });
            }
            Err(error) => debug!(%error, cluster = %key, "the broker does not tell what it has"),
        }
    }

    /// What is asked for cannot be; what was there before goes on as it was, and is told of.
    async fn leave_as_is(
        &self,
        cluster: &BrokerCluster,
        key: &Named,
        flaw: &Verdict,
    ) -> Result<Action, kube::Error> {
        let rejected = State::Rejected(flaw.message.clone());
        let members = self.members(key);
        if members.is_empty() {
            return self.conclude(cluster, key, flaw, &[], rejected).await;
        }
        let credentials = self.context.credentials(cluster, &self.secrets).await?;
        let brokers = self.epochs.identify(key, members, &credentials).await;
        let state = match state(key, &brokers, &credentials) {
            State::Up(broker) => State::Up(broker),
            _ => rejected,
        };
        self.conclude(cluster, key, flaw, &brokers, state).await
    }

    fn verdict(
        &self,
        cluster: &BrokerCluster,
        applied: Result<(), Refused>,
        brokers: &[Broker],
    ) -> Result<Verdict, kube::Error> {
        match applied {
            Ok(()) => {
                let before = cluster.status.as_ref();
                let answered_before = before.is_some_and(|status| status.version.is_some());
                Ok(assessment::verdict(cluster.spec.replicas, brokers, answered_before))
            }
            Err(Refused { child, error: kube::Error::Api(status) }) => Ok(Verdict::new(
                Reason::ApplyFailed,
                format!(
                    "the Kubernetes API refused {child}: {}; it is tried again",
                    status.message
                ),
            )),
            Err(Refused { error, .. }) => Err(error),
        }
    }

    /// Publishes, writes, reports, and says when to look again.
    async fn conclude(
        &self,
        cluster: &BrokerCluster,
        key: &Named,
        verdict: &Verdict,
        brokers: &[Broker],
        state: State,
    ) -> Result<Action, kube::Error> {
        let uid = cluster.uid().unwrap_or_default();
        self.context.registry.publish(key, &uid, state);
        let after = assessment::status(cluster, verdict, brokers, Timestamp::now());
        let before = cluster.status.clone().unwrap_or_default();
        if after != before {
            self.write_status(cluster, key, &after).await?;
            self.report(cluster, &before, verdict, brokers).await;
        }
        Ok(Action::requeue(self.next_look(key, verdict, brokers)))
    }

    fn next_look(&self, key: &Named, verdict: &Verdict, brokers: &[Broker]) -> Duration {
        let options = &self.context.options;
        if verdict.reason.is_retried() {
            let again = self.memory.failed(key);
            let answers = brokers.iter().any(Broker::is_up);
            return if answers { again.min(options.probe) } else { again };
        }
        self.memory.succeeded(key, options.resync);
        if brokers.iter().any(|broker| broker.seen.is_ready() && !broker.is_up()) {
            ASK_AGAIN
        } else if brokers.iter().any(Broker::is_up) {
            backoff::resync(key, options.probe, 0)
        } else {
            // Pods tell by themselves when they change.
            backoff::resync(key, options.resync, 0)
        }
    }

    async fn write_status(
        &self,
        cluster: &BrokerCluster,
        key: &Named,
        status: &BrokerClusterStatus,
    ) -> Result<(), kube::Error> {
        let patch = json!({
            "apiVersion": BrokerCluster::api_version(&()),
            "kind": BrokerCluster::kind(&()),
            "metadata": { "name": key.name, "namespace": key.namespace, "uid": cluster.uid() },
            "status": status,
        });
        let parameters = PatchParams::apply(STATUS_FIELD_MANAGER).force();
        let api = self.context.api_in::<BrokerCluster>(&key.namespace);
        match api.patch_status(&key.name, &parameters, &Patch::Apply(patch)).await {
            Ok(written) => {
                self.memory.wrote(key, written.resource_version().as_deref());
                self.context.metrics.of("BrokerCluster").wrote_status();
                Ok(())
            }
            // It went while we looked.
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn report(
        &self,
        cluster: &BrokerCluster,
        before: &BrokerClusterStatus,
        verdict: &Verdict,
        brokers: &[Broker],
    ) {
        let events = &self.context.events;
        let reference = cluster.object_ref(&());
        for incident in assessment::incidents(&before.members, brokers) {
            match incident {
                Incident::Ended { told, .. } => {
                    events.warning(&reference, "BrokerEnded", "Observe", &told).await;
                }
                Incident::StartedAnew { member, epoch } => {
                    let note = format!(
                        "broker {member} answers again as a new process (epoch {epoch}); its exchanges, queues and \
                         bindings are being programmed again"
                    );
                    events.normal(&reference, "Reprogramming", "Program", &note).await;
                }
            }
        }
        let ready = condition::find(&before.conditions, READY);
        if ready.is_none_or(|ready| ready.reason != verdict.reason.as_str()) {
            let (reason, message) = (verdict.reason.as_str(), verdict.message.as_str());
            let alarming = verdict.reason.shape().outlook == Outlook::Stalled
                || matches!(
                    verdict.reason,
                    Reason::Unavailable | Reason::CrashLooping | Reason::Degraded
                );
            if alarming {
                events.warning(&reference, reason, "Observe", message).await;
            } else {
                events.normal(&reference, reason, "Observe", message).await;
            }
        }
    }
}

/// The broker that is programmed and asked.
fn first_up(brokers: &[Broker]) -> Option<&Broker> {
    let up = brokers.iter().filter(|broker| broker.is_up() && broker.seen.ip.is_some());
    up.min_by(|a, b| a.seen.name.cmp(&b.seen.name))
}

/// What the topology reconcilers have to know.
fn state(key: &Named, brokers: &[Broker], credentials: &Credentials) -> State {
    let up = first_up(brokers)
        .and_then(|broker| Some((broker, broker.seen.ip?, broker.identity.as_ref()?)));
    let Some((broker, ip, identity)) = up else { return State::Down };
    State::Up(registry::Broker {
        endpoint: Endpoint {
            cluster: key.to_string(),
            host: ip.to_string(),
            port: AMQP.number,
            username: credentials.username.clone(),
            password: Password::new(credentials.password.clone()),
        },
        epoch: identity.epoch.clone(),
        member: broker.seen.name.clone(),
    })
}
