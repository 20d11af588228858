//! The PodDisruptionBudget: a drain takes one broker at a time.

use k8s_openapi::{
    api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec},
    apimachinery::pkg::{apis::meta::v1::LabelSelector, util::intstr::IntOrString},
};
use operator_api::BrokerCluster;

use crate::{labels, names, owner};

/// One broker may be missing. A broker that is not ready anyway never blocks a drain.
pub fn disruption_budget(cluster: &BrokerCluster) -> PodDisruptionBudget {
    PodDisruptionBudget {
        metadata: owner::child(cluster, names::disruption_budget(cluster)),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(1)),
            selector: Some(LabelSelector {
                match_labels: Some(labels::selector(cluster)),
                ..LabelSelector::default()
            }),
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
            ..PodDisruptionBudgetSpec::default()
        }),
        status: None,
    }
}
