//! How the operator runs. Every field has a default that suits a cluster of ordinary size.

use std::net::SocketAddr;
use std::time::Duration;

/// Settings of one operator process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The one namespace to look after; all namespaces when `None`.
    pub namespace: Option<String>,

    /// How many objects of one kind are reconciled at the same time. At least 1; default 16.
    pub concurrency: u16,

    /// How often every object is checked against the broker although nothing changed. Spread by
    /// ±10 % for each object; default 10 minutes.
    pub resync: Duration,

    /// How often a ready broker is asked for its epoch, to notice a restart that Kubernetes did not
    /// report. One small HTTP request a broker; default 15 seconds.
    pub probe: Duration,

    /// The broker image for clusters that name none; that of this release when `None`.
    pub broker_image: Option<String>,

    /// Where `/healthz`, `/readyz` and `/metrics` are served; nowhere when `None`.
    pub health: Option<SocketAddr>,

    /// Only the holder of this lease reconciles; without it this process assumes that it is alone.
    pub leader_election: Option<LeaderElection>,
}

/// The lease that decides which of several operator processes works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaderElection {
    /// Namespace of the `coordination.k8s.io/v1` Lease.
    pub namespace: String,
    /// Name of the Lease.
    pub name: String,
    /// Who this process says it is, normally the pod's name.
    pub identity: String,
}

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Self {
            namespace: None,
            concurrency: 16,
            resync: Duration::from_secs(600),
            probe: Duration::from_secs(15),
            broker_image: None,
            health: None,
            leader_election: None,
        }
    }
}
