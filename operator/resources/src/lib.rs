//! The Kubernetes objects behind a `BrokerCluster`, each built by one pure function.
//!
//! ```text
//!  BrokerCluster "orders"
//!   ├─ Secret               orders-credentials   user, password, how to connect
//!   ├─ ConfigMap            orders-config        WARREN_* settings
//!   ├─ Service              orders               where clients connect
//!   ├─ Service              orders-nodes         a DNS name for every pod
//!   ├─ PodDisruptionBudget  orders               one pod down at a time
//!   └─ StatefulSet          orders               the broker pods and their volumes
//! ```
//!
//! Made for server-side apply: an object carries exactly the fields the operator owns, list items
//! carry their merge keys, and nothing is random or read from a clock, so that equal clusters give
//! equal objects. Every object is owned by its cluster and goes with it.

pub mod config_map;
pub mod credentials;
pub mod disruption_budget;
pub mod labels;
pub mod names;
pub mod owner;
pub mod pod;
pub mod ports;
pub mod probes;
pub mod secret;
pub mod services;
pub mod stateful_set;
pub mod tls;

pub use config_map::config_map;
pub use credentials::Credentials;
pub use disruption_budget::disruption_budget;
pub use secret::secret;
pub use services::{client_service, nodes_service};
pub use stateful_set::stateful_set;
