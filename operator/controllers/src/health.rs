//! `/healthz`, `/readyz` and `/metrics` for the operator's pod.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tracing::{error, info};

use crate::run::{Error, Shutdown};
use crate::shared::Shared;

/// Serves until `shutdown`, in a task of its own; does nothing when no address is configured.
///
/// # Errors
///
/// When the address cannot be bound.
pub(crate) async fn serve(
    shared: &Arc<Shared>,
    shutdown: Shutdown,
) -> Result<JoinHandle<()>, Error> {
    let Some(address) = shared.options.health else {
        return Ok(tokio::spawn(async {}));
    };
    let listener =
        TcpListener::bind(address).await.map_err(|error| Error::Listen { address, error })?;
    let bound = listener.local_addr().unwrap_or(address);
    info!(address = %bound, "health and metrics are served");
    let app = routes(Arc::clone(shared));
    Ok(tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, app).with_graceful_shutdown(shutdown).await {
            error!(%error, "health and metrics are no longer served");
        }
    }))
}

fn routes(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(shared)
}

/// A process that waits to be the leader is ready too: it is what a standby is for.
async fn ready(State(shared): State<Arc<Shared>>) -> (StatusCode, &'static str) {
    if shared.metrics.is_ready() || shared.options.leader_election.is_some() {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "still reading the cluster's resources\n")
    }
}

async fn metrics(State(shared): State<Arc<Shared>>) -> String {
    shared.metrics.render()
}
