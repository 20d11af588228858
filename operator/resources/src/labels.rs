//! Labels: who an object belongs to, and which pods are a cluster's brokers.

use std::collections::BTreeMap;

use operator_api::{BrokerCluster, group::CLUSTER_LABEL};

use crate::names;

const NAME: &str = "warren-broker";

/// The labels of every child object: Kubernetes' recommended ones, and the cluster's name.
pub fn all(cluster: &BrokerCluster) -> BTreeMap<String, String> {
    let mut labels = selector(cluster);
    labels.insert("app.kubernetes.io/instance".to_owned(), names::cluster(cluster).to_owned());
    labels.insert("app.kubernetes.io/managed-by".to_owned(), "warren-operator".to_owned());
    labels.insert("app.kubernetes.io/part-of".to_owned(), "warren".to_owned());
    labels
}

/// What picks a cluster's pods. Never changes: a StatefulSet's selector cannot be updated.
pub fn selector(cluster: &BrokerCluster) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("app.kubernetes.io/name".to_owned(), NAME.to_owned()),
        (CLUSTER_LABEL.to_owned(), names::cluster(cluster).to_owned()),
    ])
}
