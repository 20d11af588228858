//! The names Warren uses in Kubernetes: API group, finalizer, annotations, labels, field managers.

/// API group of every kind.
pub const GROUP: &str = "warren.dev";

/// The only version served.
pub const VERSION: &str = "v1alpha1";

/// Holds an Exchange, Queue or Binding until it is gone from the broker.
pub const TOPOLOGY_FINALIZER: &str = "warren.dev/topology";

/// Set to `"true"` on a topology resource, lets it be deleted while its broker cannot be reached.
///
/// Whatever it declared stays in the broker.
pub const FORCE_DELETE_ANNOTATION: &str = "warren.dev/force-delete";

/// On the pod template: changes when the broker must be restarted to see new settings.
pub const CONFIG_HASH_ANNOTATION: &str = "warren.dev/config-hash";

/// On every child of a [`BrokerCluster`](crate::BrokerCluster): the cluster's name.
pub const CLUSTER_LABEL: &str = "warren.dev/cluster";

/// Field manager of the objects the operator creates.
pub const FIELD_MANAGER: &str = "warren.dev/operator";

/// Field manager of every `status`.
pub const STATUS_FIELD_MANAGER: &str = "warren.dev/operator-status";
