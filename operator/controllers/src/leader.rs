//! Leader election: of several operator processes, the holder of a Lease works.
//!
//! Two that work at once for a moment, as when a node is cut off, do no harm: every write is either
//! idempotent or guarded by the API. The lease keeps it from being the rule.

use kube::Client;
use kube_lease_manager::{LeaseManager, LeaseManagerBuilder, LeaseManagerError};
use tokio::sync::watch::Receiver;
use tokio::task::JoinHandle;
use tracing::{info, warn};

use crate::error::Error;
use crate::options::LeaderElection;

/// How long a lease that is not renewed is respected, in seconds.
const DURATION: u64 = 15;
/// How long before that it is renewed, in seconds: also the clock skew that is tolerated.
const GRACE: u64 = 5;

/// Being the leader.
pub(crate) struct Leadership {
    state: Receiver<bool>,
    renewal: JoinHandle<Result<LeaseManager, LeaseManagerError>>,
}

/// Waits until this process holds the lease.
///
/// # Errors
///
/// When the lease cannot be read or created, or its renewal ended.
pub(crate) async fn elected(
    client: Client,
    election: &LeaderElection,
) -> Result<Leadership, Error> {
    let failed = |error: LeaseManagerError| Error::LeaderElection(error.to_string());
    let manager = LeaseManagerBuilder::new(client, &election.name)
        .with_namespace(&election.namespace)
        .with_identity(&election.identity)
        .with_duration(DURATION)
        .with_grace(GRACE)
        .build()
        .await
        .map_err(failed)?;
    let (mut state, renewal) = manager.watch().await;
    info!(lease = election.name, identity = election.identity, "waiting to be the leader");
    let elected = state.wait_for(|leads| *leads).await.map(drop);
    if elected.is_err() {
        return Err(Error::LeaderElection("the renewal of the lease ended".to_owned()));
    }
    info!(lease = election.name, identity = election.identity, "this process is the leader");
    Ok(Leadership { state, renewal })
}

// === impl Leadership ===

impl Leadership {
    /// Completes when another process may be the leader.
    pub(crate) async fn lost(&self) {
        // An error means that the renewal ended, and the lease will run out.
        let _ = self.state.clone().wait_for(|leads| !*leads).await;
    }

    /// Gives the lease back, so that the next process need not wait for it to run out.
    pub(crate) async fn resign(self) {
        drop(self.state);
        match self.renewal.await {
            Ok(Ok(_)) => info!("the lease is given back"),
            Ok(Err(error)) => warn!(%error, "the lease could not be given back"),
            Err(error) => warn!(%error, "the renewal of the lease ended badly"),
        }
    }
}
