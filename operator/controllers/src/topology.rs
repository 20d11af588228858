//! The controllers of Exchange, Queue and Binding: one reconciler, a small file per kind.
//!
//! ```text
//!  watch ──▶ claims ──▶ intent changed? ─┐
//!  registry: cluster changed, object declared or removed ─┤▶ reconcile ──▶ broker, status, events
//!  back-off, resync ─────────────────────┘
//! ```

mod binding;
mod claim;
mod decision;
mod declaring;
mod exchange;
mod history;
mod kind;
mod outcome;
mod queue;
mod reconcile;
mod reconciler;
mod removing;
mod writing;

use std::sync::Arc;
use std::time::Instant;

use futures::{Stream, StreamExt, stream};
use kube::runtime::controller::{Action, Controller};
use kube::runtime::reflector::{self, ObjectRef};
use kube::runtime::{WatchStreamExt, watcher};
use tokio::sync::mpsc::UnboundedReceiver;
use tracing::{debug, warn};

pub(crate) use self::kind::Kind;
use self::reconcile::reconcile;
use self::reconciler::Reconciler;
use crate::context::Context;
use crate::memory::Memory;
use crate::named::Named;
use crate::registry::Notice;
use crate::watch::{Change, Known, intent};

/// Runs the controller of one kind until `shutdown`.
pub(crate) async fn run<K: Kind>(
    context: Arc<Context>,
    shutdown: impl Future<Output = ()> + Send + Sync + 'static,
) {
    let notices = context.registry.subscribe();
    let reconciler = Arc::new(Reconciler {
        claims: claim::Claims::default(),
        memory: Memory::default(),
        context: Arc::clone(&context),
    });
    let (store, writer) = reflector::store::<K>();
    let mut known = Known::default();
    let followed = Arc::clone(&reconciler);
    let resources = watcher(context.api::<K>(), context.watching())
        .default_backoff()
        .reflect(writer)
        .inspect(move |event| match event {
            Ok(event) => known.observe(event, |change| follow(&followed, change)),
            Err(error) => warn!(%error, kind = %K::kind(&()), "the watch was interrupted"),
        })
        .applied_objects()
        .predicate_filter(intent_or_loss::<K>, kube::runtime::PredicateConfig::default());
    Controller::for_stream(resources, store)
        .with_config(context.controlling())
        .reconcile_on(woken(notices, Arc::clone(&reconciler)))
        .graceful_shutdown_on(shutdown)
        .run(measured::<K>, retry, reconciler)
        .for_each(async |attempt| {
            if let Err(error) = attempt {
                debug!(%error, kind = %K::kind(&()), "an attempt ended early");
            }
        })
        .await;
}

/// As [`intent`], and when somebody took our finalizer off a resource that has something in a broker.
fn intent_or_loss<K: Kind>(resource: &K) -> Option<u64> {
    let lost = !resource.is_held() && history::is_programmed(&resource.topology_status());
    intent(resource).map(|intent| intent ^ u64::from(lost))
}

/// Keeps the claims, and lets those who wait for a resource's end know of it.
fn follow<K: Kind>(reconciler: &Reconciler, change: Change<'_, K>) {
    match change {
        Change::Applied(resource) => {
            reconciler.context.standings.seen(&resource.object_key());
            let claim = resource.claim();
            let object = claim.object.clone();
            if reconciler.claims.insert(&Named::of(resource), claim) {
                reconciler.context.registry.tell(Notice::Claimed(object));
            }
        }
        Change::Gone(key) => {
            reconciler.memory.forget(key);
            let shared = !reconciler.claims.rivals(key).is_empty();
            if let Some(claim) = reconciler.claims.remove(key) {
                if !shared {
                    reconciler.context.standings.gone(&claim.object);
                }
                reconciler.context.registry.tell(Notice::Removed(claim.object));
            }
        }
    }
}

/// The resources that a notice concerns.
fn woken<K: Kind>(
    notices: UnboundedReceiver<Notice>,
    reconciler: Arc<Reconciler>,
) -> impl Stream<Item = ObjectRef<K>> + Send + 'static {
    let notices = stream::unfold(notices, async |mut notices| {
        notices.recv().await.map(|notice| (notice, notices))
    });
    notices.flat_map(move |notice| {
        let claims = &reconciler.claims;
        let concerned = match &notice {
            Notice::Cluster(cluster) => claims.in_cluster(cluster),
            Notice::Access { cluster, namespace } => claims.affected(cluster, namespace),
            Notice::Listed { cluster, names } => claims.missing(cluster, names),
            Notice::Created(object) => claims.dependents(object),
            Notice::Claimed(object) => claims.claimants(object),
            Notice::Removed(object) => {
                [claims.claimants(object), claims.dependents(object)].concat()
            }
        };
        stream::iter(concerned).map(|resource| resource.reference())
    })
}

async fn measured<K: Kind>(
    resource: Arc<K>,
    reconciler: Arc<Reconciler>,
) -> Result<Action, kube::Error> {
    let started = Instant::now();
    let context = Arc::clone(&reconciler.context);
    let done = reconcile(resource, reconciler).await;
    context.metrics.of(&K::kind(&())).attempted(started.elapsed(), done.is_err());
    done
}

#[expect(clippy::needless_pass_by_value, reason = "kube's signature of an error policy")]
fn retry<K: Kind>(resource: Arc<K>, error: &kube::Error, reconciler: Arc<Reconciler>) -> Action {
    let key = Named::of(&*resource);
    let delay = reconciler.memory.failed(&key);
    warn!(%error, kind = %K::kind(&()), resource = %key, ?delay, "the Kubernetes API refused; trying again");
    Action::requeue(delay)
}
