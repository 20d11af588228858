//! `/healthz`, `/readyz` and `/metrics` for the operator's pod.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tracing::{error, info};

use crate::context::Context;
use crate::error::Error;
use crate::shutdown::Shutdown;

/// Serves until `shutdown`, in a task of its own; does nothing when no address is configured.
///
/// # Errors
///
/// When the address cannot be bound.
pub(crate) async fn serve(
    context: &Arc<Context>,
    shutdown: Shutdown,
) -> Result<JoinHandle<()>, Error> {
    let Some(address) = context.options.health else {
        return Ok(tokio::spawn(async {}));
    };
    let listener =
        TcpListener::bind(address).await.map_err(|error| Error::Listen { address, error })?;
    let bound = listener.local_addr().unwrap_or(address);
    info!(address = %bound, "health and metrics are served");
    let app = routes(Arc::clone(context));
    Ok(tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, app).with_graceful_shutdown(shutdown).await {
            error!(%error, "health and metrics are no longer served");
        }
    }))
}

fn routes(context: Arc<Context>) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(context)
}

/// A process that waits to be the leader is ready too: it is what a standby is for.
async fn ready(State(context): State<Arc<Context>>) -> (StatusCode, &'static str) {
    if context.metrics.is_ready() || context.options.leader_election.is_some() {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "still reading the cluster's resources\n")
    }
}

async fn metrics(State(context): State<Arc<Context>>) -> String {
    context.metrics.render()
}
