//! Warren's custom resources as Rust types: the one source of `crds/`.
//!
//! Group `warren.dev`, version `v1alpha1`, all namespaced, category `warren`:
//!
//! ```text
//!  BrokerCluster (bc) ◀── clusterRef ── Exchange (exch)
//!                     ◀── clusterRef ── Queue (q)
//!                     ◀── clusterRef ── Binding (bind)
//! ```
//!
//! Everything that can be known from a manifest alone is decided here and stands in the schema:
//! defaults, enums, and CEL rules for what may not change and what excludes what. No webhook.
//! Pure types: nothing here talks to an API server or a broker.

#![expect(clippy::duplicated_attributes, reason = "printer columns of one kind share a type")]
#![expect(unreachable_pub, reason = "KubeSchema derives private twins of public structs")]

pub mod binding;
pub mod cluster;
pub mod condition;
pub mod crds;
pub mod exchange;
pub mod group;
pub mod policy;
pub mod queue;
pub mod reference;
mod rules;
pub mod size;
pub mod topology;

pub use binding::Binding;
pub use cluster::BrokerCluster;
pub use crds::crds;
pub use exchange::Exchange;
pub use queue::Queue;
