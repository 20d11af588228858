//! The operator's life: leadership, the controllers, the health endpoint, the end.

use std::sync::Arc;

use futures::FutureExt;
use kube::{Api, Client};
use operator_api::{Binding, BrokerCluster, Exchange, Queue};
use tokio::sync::oneshot;
use tracing::info;

use crate::context::Context;
use crate::error::Error;
use crate::options::Options;
use crate::shutdown::{Shutdown, sync};
use crate::{cluster, health, leader, topology};

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
            context.namespaces.listed().await;
            context.metrics.set_ready(true);
            info!("the operator is watching");
            tokio::join!(
                topology::run::<Exchange>(Arc::clone(context), sync(&shutdown)),
                topology::run::<Queue>(Arc::clone(context), sync(&shutdown)),
                topology::run::<Binding>(Arc::clone(context), sync(&shutdown)),
            );
        }
    };
    // Who may read one namespace only has clusters and their resources in it.
    let all = context.options.namespace.is_none().then(|| Api::all(context.client.clone()));
    let namespaces =
        context.namespaces.follow(all, context.watching(), &context.registry, sync(&shutdown));
    tokio::join!(clusters, namespaces, topology);
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
