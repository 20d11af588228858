//! The operator's life: leadership, the controllers, the health endpoint, the end.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared as SharedFuture};
use kube::{Api, Client};
use operator_api::{Binding, BrokerCluster, Exchange, Queue};
use thiserror::Error;
use tokio::sync::oneshot;
use tracing::info;

use crate::context::Context;
use crate::options::Options;
use crate::{cluster, health, leader, topology};

/// Why the operator could not start or had to stop.
#[derive(Debug, Error)]
pub enum Error {
    /// The Kubernetes API refused something without which the operator cannot work.
    #[error("the Kubernetes API is not usable: {0}")]
    Kubernetes(#[from] kube::Error),
    /// The custom resources are not known to the API.
    #[error("the API does not know the custom resources: install crds/ first ({0})")]
    NoCustomResources(kube::Error),
    /// The lease could not be read or written.
    #[error("leader election failed: {0}")]
    LeaderElection(String),
    /// Another process holds the lease now. What this one began is safe to be begun again by the other.
    #[error("this process is no longer the leader")]
    LostLeadership,
    /// The address for health and metrics cannot be used.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// What the operating system says.
        error: std::io::Error,
    },
}

/// When to stop, for everybody who has to know.
pub(crate) type Shutdown = SharedFuture<BoxFuture<'static, ()>>;

/// Runs the operator until `shutdown` completes, then finishes what is under way and returns.
///
/// # Errors
///
/// When the API cannot be used at all, or leadership is lost; what goes wrong with one object is told on that
/// object's status and retried.
pub async fn run(
    client: Client,
    options: Options,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Error> {
    let shutdown: Shutdown = shutdown.boxed().shared();
    let context = Arc::new(Context::new(client, options));
    let health = health::serve(&context, shutdown.clone()).await?;
    let outcome = lead(&context, shutdown).await;
    context.metrics.set_ready(false);
    health.abort();
    outcome
}

/// Waits to be the leader, if that matters, and works as long as this lasts.
async fn lead(context: &Arc<Context>, shutdown: Shutdown) -> Result<(), Error> {
    let Some(election) = &context.options.leader_election else {
        return work(context, shutdown).await;
    };
    let leadership = tokio::select! {
        leadership = leader::elected(context.client.clone(), election) => leadership?,
        () = shutdown.clone() => return Ok(()),
    };
    let outcome = tokio::select! {
        outcome = work(context, shutdown) => outcome,
        () = leadership.lost() => return Err(Error::LostLeadership),
    };
    leadership.resign().await;
    outcome
}

async fn work(context: &Arc<Context>, shutdown: Shutdown) -> Result<(), Error> {
    check_api(context).await?;
    let (listed, all_known) = oneshot::channel();
    let clusters = cluster::run(Arc::clone(context), listed, sync(&shutdown));
    let topology = async {
        // Before every cluster is known, a resource could be told that its cluster does not exist.
        if all_known.await.is_ok() {
            context.metrics.set_ready(true);
            info!("the operator is watching");
            tokio::join!(
                topology::run::<Exchange>(Arc::clone(context), sync(&shutdown)),
                topology::run::<Queue>(Arc::clone(context), sync(&shutdown)),
                topology::run::<Binding>(Arc::clone(context), sync(&shutdown)),
            );
        }
    };
    tokio::join!(clusters, topology);
    Ok(())
}

/// Fails early, and in words, where a watch would fail for ever.
async fn check_api(context: &Context) -> Result<(), Error> {
    let api: Api<BrokerCluster> = context.api();
    match api.list_metadata(&kube::api::ListParams::default().limit(1)).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 => {
            Err(Error::NoCustomResources(kube::Error::Api(status)))
        }
        Err(error) => Err(error.into()),
    }
}

/// kube wants a future that may be shared between threads.
fn sync(shutdown: &Shutdown) -> impl Future<Output = ()> + Send + Sync + 'static {
    let (sender, receiver) = oneshot::channel();
    let shutdown = shutdown.clone();
    tokio::spawn(async move {
        shutdown.await;
        // The controller may have ended by itself.
        let _ = sender.send(());
    });
    receiver.map(drop)
}
