//! What the objects of a cluster are called.

use operator_api::BrokerCluster;

/// The cluster's own name; empty for an object that never was in an API server.
pub fn cluster(cluster: &BrokerCluster) -> &str {
    cluster.metadata.name.as_deref().unwrap_or_default()
}

/// The cluster's namespace; empty as with [`cluster`].
pub fn namespace(cluster: &BrokerCluster) -> &str {
    cluster.metadata.namespace.as_deref().unwrap_or_default()
}

/// The StatefulSet.
pub fn stateful_set(cluster: &BrokerCluster) -> String {
    self::cluster(cluster).to_owned()
}

/// The broker pod with this ordinal.
pub fn pod(cluster: &BrokerCluster, ordinal: i32) -> String {
    format!("{}-{ordinal}", self::cluster(cluster))
}

/// The Service that clients connect to.
pub fn client_service(cluster: &BrokerCluster) -> String {
    self::cluster(cluster).to_owned()
}

/// The headless Service that gives every pod a DNS name.
pub fn nodes_service(cluster: &BrokerCluster) -> String {
    format!("{}-nodes", self::cluster(cluster))
}

/// The ConfigMap with the broker's settings.
pub fn config_map(cluster: &BrokerCluster) -> String {
    format!("{}-config", self::cluster(cluster))
}

/// The Secret with the user and the password.
pub fn secret(cluster: &BrokerCluster) -> String {
    format!("{}-credentials", self::cluster(cluster))
}

/// The PodDisruptionBudget.
pub fn disruption_budget(cluster: &BrokerCluster) -> String {
    self::cluster(cluster).to_owned()
}

/// The host name of the client Service, for whoever can resolve the Kubernetes cluster's names.
pub fn host(cluster: &BrokerCluster) -> String {
    format!("{}.{}.svc", client_service(cluster), namespace(cluster))
}
