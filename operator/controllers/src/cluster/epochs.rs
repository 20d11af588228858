//! Asking brokers who they are, and remembering the answer.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use futures::future::join_all;
use operator_resources::Credentials;
use operator_topology::Password;
use operator_topology::management::{self, ObjectTotals};
use tracing::debug;

use crate::cluster::assessment::{Broker, Identity, Totals};
use crate::cluster::members::Seen;
use crate::named::Named;

/// The identities last heard, so that one lost answer is not taken for a lost broker.
#[derive(Debug, Default)]
pub(crate) struct Epochs(Mutex<HashMap<Named, HashMap<String, Identity>>>);

// === impl Epochs ===

impl Epochs {
    /// Asks every ready broker of a cluster at the same time.
    ///
    /// One that does not answer keeps its identity as long as its process is the same.
    pub(crate) async fn identify(
        &self,
        cluster: &Named,
        members: Vec<Seen>,
        credentials: &Credentials,
    ) -> Vec<Broker> {
        let asked = join_all(members.iter().map(|seen| ask(seen, credentials))).await;
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.entry(cluster.clone()).or_default();
        known.retain(|run, _| members.iter().any(|seen| seen.run == *run));
        let mut brokers = Vec::with_capacity(members.len());
        for (seen, answer) in members.into_iter().zip(asked) {
            if let Some(identity) = answer {
                known.insert(seen.run.clone(), identity);
            }
            let identity = known.get(&seen.run).filter(|_| seen.is_ready()).cloned();
            brokers.push(Broker { seen, identity });
        }
        brokers
    }

    /// The cluster is gone.
    pub(crate) fn forget(&self, cluster: &Named) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(cluster);
    }
}

async fn ask(seen: &Seen, credentials: &Credentials) -> Option<Identity> {
    let address = seen.management().filter(|_| seen.is_ready())?;
    let password = Password::new(credentials.password.clone());
    match management::overview(address, &credentials.username, &password).await {
        Ok(overview) => {
            let ObjectTotals { exchanges, queues, .. } = overview.object_totals;
            let totals = Totals { exchanges, queues };
            Some(Identity { epoch: overview.epoch, version: overview.product_version, totals })
        }
        Err(error) => {
            debug!(%error, member = seen.name, %address, "the broker does not say who it is");
            None
        }
    }
}
