//! The volume of a broker pod.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::{policy::DeletionPolicy, rules, size::Size};

const NO_RESIZE: &str = "a volume is not moved or resized in this release; create a BrokerCluster with the storage you \
                         need and move the clients";

/// A volume claimed for each pod, which outlives the pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::fixed_in("storage", "size", NO_RESIZE), validation = rules::fixed_in("storage", "storageClassName", NO_RESIZE))]
pub struct Storage {
    /// Size of the volume.
    #[serde(default = "default_size")]
    #[x_kube(validation = rules::size())]
    pub size: Size,

    /// Class of the volume; the Kubernetes cluster's default class when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub storage_class_name: Option<String>,

    /// What deleting the BrokerCluster does to the volumes. Kept ones serve a cluster that is
    /// created again under the same name.
    #[serde(default = "default_deletion_policy")]
    pub deletion_policy: DeletionPolicy,
}

// === impl Storage ===

impl Default for Storage {
    fn default() -> Self {
        Storage {
            size: default_size(),
            storage_class_name: None,
            deletion_policy: default_deletion_policy(),
        }
    }
}

fn default_size() -> Size {
    Size("1Gi".to_owned())
}

fn default_deletion_policy() -> DeletionPolicy {
    DeletionPolicy::Retain
}
