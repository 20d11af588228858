//! Metadata of a child: its name, its labels, and the reference that lets it go with its cluster.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use operator_api::{
    BrokerCluster,
    group::{GROUP, VERSION},
};

use crate::{labels, names};

/// Metadata of the cluster's child with this name.
pub fn child(cluster: &BrokerCluster, name: String) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        namespace: cluster.metadata.namespace.clone(),
        labels: Some(labels::all(cluster)),
        owner_references: reference(cluster).map(|reference| vec![reference]),
        ..ObjectMeta::default()
    }
}

/// The controller reference to a cluster; `None` for one that never was in an API server.
pub fn reference(cluster: &BrokerCluster) -> Option<OwnerReference> {
    Some(OwnerReference {
        api_version: format!("{GROUP}/{VERSION}"),
        kind: "BrokerCluster".to_owned(),
        name: names::cluster(cluster).to_owned(),
        uid: cluster.metadata.uid.clone()?,
        controller: Some(true),
        block_owner_deletion: Some(true),
    })
}

#[cfg(test)]
mod tests {
    use operator_api::{BrokerCluster, cluster::BrokerClusterSpec};
    use serde_json::json;

    use super::{child, reference};
    use crate::{
        config_map::config_map,
        credentials::Credentials,
        disruption_budget::disruption_budget,
        secret::secret,
        services::{client_service, nodes_service},
        stateful_set::stateful_set,
    };

    fn cluster() -> BrokerCluster {
        let mut cluster = BrokerCluster::new("orders", BrokerClusterSpec::default());
        cluster.metadata.namespace = Some("shop".into());
        cluster.metadata.uid = Some("8f0e".into());
        cluster
    }

    #[test]
    fn every_child_goes_with_its_cluster() {
        let cluster = cluster();
        let credentials = Credentials { username: "shop".into(), password: "s3cret".into() };
        #[rustfmt::skip]
        let children = [
            (secret(&cluster, &credentials).metadata,        "orders-credentials"),
            (config_map(&cluster).metadata,                  "orders-config"),
            (client_service(&cluster).metadata,              "orders"),
            (nodes_service(&cluster).metadata,               "orders-nodes"),
            (disruption_budget(&cluster).metadata,           "orders"),
            (stateful_set(&cluster, "warren:1").metadata,    "orders"),
        ];
        for (metadata, name) in children {
            assert_eq!(metadata, child(&cluster, name.to_owned()), "{name}");
        }
        assert_eq!(
            json!(reference(&cluster)),
            json!({
                "apiVersion": "warren.dev/v1alpha1",
                "kind": "BrokerCluster",
                "name": "orders",
                "uid": "8f0e",
                "controller": true,
                "blockOwnerDeletion": true,
            })
        );
    }

    #[test]
    fn nothing_owns_what_has_no_identity() {
        assert_eq!(reference(&BrokerCluster::new("orders", BrokerClusterSpec::default())), None);
    }
}
