//! The controller of BrokerCluster.
//!
//! ```text
//!  BrokerCluster ──▶ registry (exists, goes, who may use it)
//!      │ intent                                   ▲ up, down, rejected
//!      ▼                                          │
//!  reconcile ──▶ Secret, ConfigMap, Services, PDB, StatefulSet ──▶ pods
//!      ▲                                                            │
//!      └── somebody changed a child (metadata only) ── pod changed ─┘
//! ```

mod assessment;
mod children;
mod credentials;
mod drift;
mod epochs;
mod members;
mod reconcile;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Instant;

use futures::future::ready;
use futures::{Stream, StreamExt, TryStreamExt};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret, Service};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::core::PartialObjectMeta;
use kube::runtime::controller::{Action, Controller};
use kube::runtime::reflector::{self, ObjectRef};
use kube::runtime::watcher::Event;
use kube::runtime::{PredicateConfig, WatchStreamExt, watcher};
use kube::{Resource, ResourceExt};
use operator_api::BrokerCluster;
use operator_api::group::CLUSTER_LABEL;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;
use tracing::{debug, warn};

use self::children::Applied;
use self::drift::Drift;
use self::epochs::Epochs;
use self::reconcile::{Reconciler, reconcile};
use crate::context::Context;
use crate::memory::Memory;
use crate::named::Named;
use crate::watch::{Change, Known, intent};

type Followed<K> = Result<Event<K>, watcher::Error>;

/// Runs the controller until `shutdown`. `listed` hears when every cluster that exists is known.
pub(crate) async fn run(
    context: Arc<Context>,
    listed: oneshot::Sender<()>,
    shutdown: impl Future<Output = ()> + Send + Sync + 'static,
) {
    let (secrets, secret_writer) = reflector::store::<Secret>();
    let (pods, pod_writer) = reflector::store::<Pod>();
    let reconciler = Arc::new(Reconciler {
        applied: Applied::default(),
        epochs: Epochs::default(),
        drift: Drift::default(),
        memory: Memory::default(),
        secrets,
        pods,
        context: Arc::clone(&context),
    });
    let (store, writer) = reflector::store::<BrokerCluster>();
    let clusters = watcher(context.api::<BrokerCluster>(), context.watching())
        .default_backoff()
        .reflect(writer)
        .inspect(followed(Arc::clone(&reconciler), listed))
        .applied_objects()
        .predicate_filter(intent::<BrokerCluster>, PredicateConfig::default());
    let labelled = || context.watching().labels(CLUSTER_LABEL);
    let seen_pods = watcher(context.api::<Pod>(), labelled())
        .default_backoff()
        .reflect(pod_writer)
        .touched_objects();
    let seen_secrets =
        watcher(context.api::<Secret>(), labelled()).default_backoff().reflect(secret_writer);
    Controller::for_stream(clusters, store)
        .with_config(context.controlling())
        .watches_stream(seen_pods, |pod| owner_by_label(&pod))
        .owns_stream(drifted(seen_secrets, &reconciler))
        .owns_stream(children::<ConfigMap>(&reconciler))
        .owns_stream(children::<Service>(&reconciler))
        .owns_stream(children::<PodDisruptionBudget>(&reconciler))
        .owns_stream(children::<StatefulSet>(&reconciler))
        .graceful_shutdown_on(shutdown)
        .run(measured, retry, reconciler)
        .for_each(async |attempt| {
            if let Err(error) = attempt {
                debug!(%error, "an attempt ended early");
            }
        })
        .await;
}

/// Keeps the registry, cluster by cluster.
fn followed(
    reconciler: Arc<Reconciler>,
    listed: oneshot::Sender<()>,
) -> impl FnMut(&Followed<BrokerCluster>) {
    let mut known = Known::default();
    let mut listed = Some(listed);
    move |event| match event {
        Ok(event) => {
            known.observe(event, |change| follow(&reconciler, change));
            if matches!(event, Event::InitDone)
                && let Some(listed) = listed.take()
            {
                // Nobody listens any more when the operator is already on its way out.
                let _ = listed.send(());
            }
        }
        Err(error) => warn!(%error, kind = "BrokerCluster", "the watch was interrupted"),
    }
}

fn follow(reconciler: &Reconciler, change: Change<'_, BrokerCluster>) {
    let context = &reconciler.context;
    match change {
        Change::Applied(cluster) => context.registry.seen(
            &Named::of(cluster),
            &cluster.uid().unwrap_or_default(),
            cluster.spec.allowed_namespaces.clone(),
            cluster.meta().deletion_timestamp.is_some(),
        ),
        Change::Gone(key) => {
            context.registry.removed(key);
            context.pool.forget(&key.to_string());
            reconciler.memory.forget(key);
            reconciler.epochs.forget(key);
            reconciler.drift.forget(key);
        }
    }
}

/// The children of one kind that are not what we left: metadata only.
fn children<K>(
    reconciler: &Arc<Reconciler>,
) -> impl Stream<Item = Result<PartialObjectMeta<K>, watcher::Error>> + Send + 'static
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + Sync
        + 'static,
{
    let context = &reconciler.context;
    let children = context.api::<PartialObjectMeta<K>>();
    let watched = watcher(children, context.watching().labels(CLUSTER_LABEL));
    drifted(watched.default_backoff(), reconciler)
}

/// The objects that are not what was applied.
fn drifted<K>(
    watched: impl Stream<Item = Followed<K>> + Send + 'static,
    reconciler: &Arc<Reconciler>,
) -> impl Stream<Item = Result<K, watcher::Error>> + Send + 'static
where
    K: Resource<DynamicType = ()> + Send + 'static,
{
    let reconciler = Arc::clone(reconciler);
    watched.try_filter_map(move |event| ready(Ok(reconciler.applied.drifted(event))))
}

fn owner_by_label(pod: &Pod) -> Option<ObjectRef<BrokerCluster>> {
    let name = pod.labels().get(CLUSTER_LABEL)?;
    Some(Named::new(pod.namespace()?, name.as_str()).reference())
}

async fn measured(
    cluster: Arc<BrokerCluster>,
    reconciler: Arc<Reconciler>,
) -> Result<Action, kube::Error> {
    let started = Instant::now();
    let context = Arc::clone(&reconciler.context);
    let done = reconcile(cluster, reconciler).await;
    context.metrics.of("BrokerCluster").attempted(started.elapsed(), done.is_err());
    done
}

#[expect(clippy::needless_pass_by_value, reason = "kube's signature of an error policy")]
fn retry(cluster: Arc<BrokerCluster>, error: &kube::Error, reconciler: Arc<Reconciler>) -> Action {
    let key = Named::of(&*cluster);
    let delay = reconciler.memory.failed(&key);
    warn!(%error, cluster = %key, ?delay, "the Kubernetes API refused; trying again");
    Action::requeue(delay)
}
