//! The reconcilers: they make brokers agree with `BrokerCluster`, `Exchange`, `Queue` and `Binding`
//! resources, and tell the truth about it on every resource's status.
//!
//! [`run`] is the whole operator, given a Kubernetes client: `warren-operator run` hands it the
//! cluster's own, `warren-operator dev` that of the embedded control plane.
//!
//! ```text
//!                     ┌────────── registry ──────────┐
//!  cluster reconciler │ up, down, gone; wakes those  │ topology reconcilers
//!   children, pods ──▶│ who name the cluster         │──▶ AMQP ──▶ broker
//!                     └──────────────────────────────┘
//! ```
//!
//! What to decide is pure (`topology::decision`, `topology::outcome`, `cluster::assessment`, `verdict`) and tested in
//! tables; what does I/O carries the decisions out.

mod access;
mod backoff;
mod cluster;
mod context;
mod error;
mod events;
mod health;
mod leader;
mod memory;
mod metrics;
mod named;
mod object;
mod options;
mod registry;
mod run;
mod shutdown;
mod standing;
mod topology;
mod verdict;
mod watch;

pub use error::Error;
pub use options::{LeaderElection, Options};
pub use run::run;
