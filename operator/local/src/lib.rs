//! The embedded control plane of `warren-operator dev`.
//!
//! An API server on loopback ([`apiserver`]) and, as its ordinary clients, the controllers that a
//! cluster has: StatefulSets, volumes, Services, disruption budgets, garbage collection, and a
//! kubelet that runs a pod's container as a process. For development and tests, never for
//! production.

mod addresses;
pub mod apiserver;
mod claims;
pub mod dev;
mod disruption;
mod garbage;
mod kubelet;
mod services;
mod shutdown;
mod statefulset;
mod watches;
