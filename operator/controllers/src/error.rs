//! Why the operator could not start or had to stop.

use thiserror::Error;

/// What ends the operator. What goes wrong with one object is told on that object's status instead.
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
