//! The volume of a broker pod.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::{rules, size::Size};

/// A volume claimed for each pod. It outlives the pod, and is removed with the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Storage {
    /// Size of the volume.
    #[serde(default = "default_size")]
    #[x_kube(validation = rules::size())]
    pub size: Size,

    /// Class of the volume; the Kubernetes cluster's default class when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub storage_class_name: Option<String>,
}

// === impl Storage ===

impl Default for Storage {
    fn default() -> Self {
        Storage { size: default_size(), storage_class_name: None }
    }
}

fn default_size() -> Size {
    Size("1Gi".to_owned())
}
