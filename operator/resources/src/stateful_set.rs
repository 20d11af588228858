//! The StatefulSet: the broker pods, in order, each with a volume of its own.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::{
        apps::v1::{
            StatefulSet, StatefulSetPersistentVolumeClaimRetentionPolicy, StatefulSetSpec,
            StatefulSetUpdateStrategy,
        },
        core::v1::{
            PersistentVolumeClaim, PersistentVolumeClaimSpec, PodTemplateSpec,
            VolumeResourceRequirements,
        },
    },
    apimachinery::pkg::{
        api::resource::Quantity,
        apis::meta::v1::{LabelSelector, ObjectMeta},
    },
};
use operator_api::{BrokerCluster, group::CONFIG_HASH_ANNOTATION, policy::DeletionPolicy};

use crate::{
    config_map, labels, names, owner,
    pod::{DATA_VOLUME, pod},
};

/// The image of this release, for a cluster that names none and an operator that was told none.
pub const DEFAULT_IMAGE: &str = concat!("warren:", env!("CARGO_PKG_VERSION"));

/// The broker pods. `default_image` is for clusters that name none.
///
/// The pod template depends on the spec alone: neither a new password nor anything read from the
/// status restarts a broker.
pub fn stateful_set(cluster: &BrokerCluster, default_image: &str) -> StatefulSet {
    let image = cluster.spec.image.as_deref().unwrap_or(default_image);
    StatefulSet {
        metadata: owner::child(cluster, names::stateful_set(cluster)),
        spec: StatefulSetSpec {
            replicas: Some(cluster.spec.replicas),
            service_name: Some(names::nodes_service(cluster)),
            selector: LabelSelector {
                match_labels: Some(labels::selector(cluster)),
                ..LabelSelector::default()
            },
            pod_management_policy: Some("Parallel".to_owned()),
            update_strategy: Some(StatefulSetUpdateStrategy {
                type_: Some("RollingUpdate".to_owned()),
                ..StatefulSetUpdateStrategy::default()
            }),
            persistent_volume_claim_retention_policy: Some(
                StatefulSetPersistentVolumeClaimRetentionPolicy {
                    when_deleted: Some(when_deleted(cluster).to_owned()),
                    when_scaled: Some("Retain".to_owned()),
                },
            ),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(labels::all(cluster)),
                    annotations: Some(BTreeMap::from([(
                        CONFIG_HASH_ANNOTATION.to_owned(),
                        config_map::fingerprint(cluster),
                    )])),
                    ..ObjectMeta::default()
                }),
                spec: Some(pod(cluster, image)),
            },
            volume_claim_templates: Some(vec![claim(cluster)]),
            ..StatefulSetSpec::default()
        },
        status: None,
    }
}

fn when_deleted(cluster: &BrokerCluster) -> &'static str {
    match cluster.spec.storage.deletion_policy {
        DeletionPolicy::Delete => "Delete",
        DeletionPolicy::Retain => "Retain",
    }
}

/// The claim for one pod's volume. Its labels are few, since a claim's template can never change.
fn claim(cluster: &BrokerCluster) -> PersistentVolumeClaim {
    let storage = &cluster.spec.storage;
    PersistentVolumeClaim {
        metadata: ObjectMeta {
            name: Some(DATA_VOLUME.to_owned()),
            labels: Some(labels::selector(cluster)),
            ..ObjectMeta::default()
        },
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            storage_class_name: storage.storage_class_name.clone(),
            resources: Some(VolumeResourceRequirements {
                requests: Some(BTreeMap::from([(
                    "storage".to_owned(),
                    Quantity(storage.size.0.clone()),
                )])),
                ..VolumeResourceRequirements::default()
            }),
            ..PersistentVolumeClaimSpec::default()
        }),
        status: None,
    }
}

#[cfg(test)]
mod tests;
