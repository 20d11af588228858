//! PodDisruptionBudgets: how many pods may be taken away just now, kept in their status.
//!
//! A StatefulSet's budget counts the pods that its selector chooses, against the number that are
//! chosen when all are there. Percentages round as in Kubernetes: up.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetStatus};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::api::{Patch, PatchParams};
use kube::core::{Selector, SelectorExt};
use kube::{Api, Client, ResourceExt};
use serde_json::json;

use crate::statefulset::is_ready;
use crate::watches::{Watches, on_each_change, unless_overtaken};

/// Keeps the status of every budget, for ever.
pub(crate) async fn run(client: Client) {
    let mut watches = Watches::new(client.clone());
    let budgets = watches.follow::<PodDisruptionBudget>();
    let pods = watches.follow::<Pod>();
    let sets = watches.follow::<StatefulSet>();
    if budgets.wait_until_ready().await.is_err() || pods.wait_until_ready().await.is_err() {
        return;
    }
    on_each_change("disruption", watches.changes(), || async {
        let (pods, sets) = (pods.state(), sets.state());
        let mut outcome = Ok(());
        for budget in budgets.state() {
            let pods = pods.iter().map(AsRef::as_ref);
            let status = status(&budget, pods, sets.iter().map(AsRef::as_ref));
            if budget.status.as_ref() != Some(&status) {
                outcome = outcome.and(write(&client, &budget, &status).await);
            }
        }
        outcome
    })
    .await;
}

async fn write(
    client: &Client,
    budget: &PodDisruptionBudget,
    status: &PodDisruptionBudgetStatus,
) -> Result<(), kube::Error> {
    let namespace = budget.namespace().unwrap_or_default();
    let api: Api<PodDisruptionBudget> = Api::namespaced(client.clone(), &namespace);
    let patch = Patch::Merge(json!({"metadata": {"uid": budget.uid()}, "status": status}));
    let written = api.patch_status(&budget.name_any(), &PatchParams::default(), &patch).await;
    unless_overtaken(written)
}

fn status<'a>(
    budget: &PodDisruptionBudget,
    pods: impl Iterator<Item = &'a Pod>,
    sets: impl Iterator<Item = &'a StatefulSet>,
) -> PodDisruptionBudgetStatus {
    let spec = budget.spec.clone().unwrap_or_default();
    let selector = spec.selector.and_then(|selector| Selector::try_from(selector).ok());
    let chosen = |pod: &&Pod| {
        pod.namespace() == budget.namespace()
            && selector.as_ref().is_some_and(|selector| selector.matches(pod.labels()))
    };
    let pods: Vec<&Pod> = pods.filter(chosen).collect();
    let owners: Vec<&str> = pods
        .iter()
        .flat_map(|pod| pod.owner_references())
        .filter(|owner| owner.controller == Some(true))
        .map(|owner| owner.uid.as_str())
        .collect();
    let owning = sets.filter(|set| set.uid().is_some_and(|uid| owners.contains(&uid.as_str())));
    let replicas: i32 = owning.map(|set| set.spec.replicas.unwrap_or(1)).sum();
    let loose = pods.iter().filter(|pod| pod.owner_references().is_empty()).count();
    let expected = replicas + i32::try_from(loose).unwrap_or(i32::MAX);
    let healthy = pods.iter().filter(|pod| is_ready(pod)).count();
    let healthy = i32::try_from(healthy).unwrap_or(i32::MAX);
    let desired = match (&spec.min_available, &spec.max_unavailable) {
        (Some(least), _) => of(least, expected),
        (None, Some(most)) => (expected - of(most, expected)).max(0),
        (None, None) => (expected - 1).max(0),
    };
    PodDisruptionBudgetStatus {
        current_healthy: Some(healthy),
        desired_healthy: Some(desired),
        disruptions_allowed: Some((healthy - desired).max(0)),
        expected_pods: Some(expected),
        observed_generation: budget.metadata.generation,
        ..budget.status.clone().unwrap_or_default()
    }
}

/// A number as it is, or a percentage of `whole`.
fn of(number: &IntOrString, whole: i32) -> i32 {
    match number {
        IntOrString::Int(number) => *number,
        IntOrString::String(text) => {
            let percent = text.strip_suffix('%').and_then(|text| text.parse::<i64>().ok());
            let share = (percent.unwrap_or(0) * i64::from(whole) + 99) / 100;
            i32::try_from(share).unwrap_or(i32::MAX)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, ready: bool) -> Pod {
        serde_json::from_value(json!({
            "metadata": {
                "name": name, "namespace": "shop", "labels": {"app": "orders"},
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "orders", "uid": "s", "controller": true}],
            },
            "status": {"conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}]},
        }))
        .unwrap()
    }

    #[test]
    fn what_may_be_missing_is_what_is_healthy_beyond_the_least() {
        let set: StatefulSet = serde_json::from_value(json!({
            "metadata": {"name": "orders", "namespace": "shop", "uid": "s"},
            "spec": {"replicas": 3, "selector": {}, "template": {}},
        }))
        .unwrap();
        #[rustfmt::skip]
        let cases = [
            // budget                          ready  desired  allowed
            (json!({"maxUnavailable": 1}),     3,     2,       1),
            (json!({"maxUnavailable": 1}),     2,     2,       0),
            (json!({"maxUnavailable": 1}),     1,     2,       0),
            (json!({"minAvailable": 1}),       3,     1,       2),
            (json!({"minAvailable": "50%"}),   3,     2,       1),
            (json!({"maxUnavailable": "50%"}), 3,     1,       2),
            (json!({"maxUnavailable": 9}),     3,     0,       3),
        ];
        for (mut spec, ready, desired, allowed) in cases {
            spec["selector"] = json!({"matchLabels": {"app": "orders"}});
            let budget = json!({"metadata": {"name": "b", "namespace": "shop", "generation": 4}, "spec": spec});
            let budget = serde_json::from_value(budget).unwrap();
            let pods: Vec<Pod> =
                (0..3).map(|number| pod(&number.to_string(), number < ready)).collect();
            let status = status(&budget, pods.iter(), [&set].into_iter());
            assert_eq!(
                (status.desired_healthy, status.disruptions_allowed),
                (Some(desired), Some(allowed)),
                "{spec}"
            );
            assert_eq!((status.expected_pods, status.observed_generation), (Some(3), Some(4)));
        }
    }
}
