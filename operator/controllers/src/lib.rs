//! The reconcilers: they make brokers agree with `BrokerCluster`, `Exchange`, `Queue` and `Binding`
//! resources, and tell the truth about it on every resource's status.
//!
//! [`run`] is the whole operator, given a Kubernetes client: `warren-operator run` hands it the
//! cluster's own, `warren-operator dev` that of the embedded control plane.

mod options;
mod run;

pub use options::{LeaderElection, Options};
pub use run::{Error, run};
