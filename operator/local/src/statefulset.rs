//! The StatefulSet controller.
//!
//! Creates pods in order with their claims, replaces those of an old template, scales down from
//! the top and keeps the status. Deleting the set leaves its pods to the garbage collector.
//!
//! # What is missing of Kubernetes
//!
//! ControllerRevision objects: a pod that has to be made again in the middle of an update gets
//! the new template, not its old one, and there is no roll-back to an earlier revision.
//! `minReadySeconds` and `maxUnavailable` are not looked at.

mod objects;
mod plan;

use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetSpec};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::{Api, Client, ResourceExt};
use serde_json::json;

use crate::statefulset::plan::{Action, Observed, plan};
use crate::watches::{Watches, on_each_change, overtaken, unless_overtaken};

pub(crate) use objects::is_ready;

/// Keeps every StatefulSet, for ever.
pub(crate) async fn run(client: Client) {
    let mut watches = Watches::new(client.clone());
    let sets = watches.follow::<StatefulSet>();
    let pods = watches.follow::<Pod>();
    if sets.wait_until_ready().await.is_err() || pods.wait_until_ready().await.is_err() {
        return;
    }
    on_each_change("StatefulSet", watches.changes(), || async {
        let pods = pods.state();
        let mut outcome = Ok(());
        for set in sets.state() {
            let pods = pods
                .iter()
                .map(AsRef::as_ref)
                .filter(|pod: &&Pod| pod.namespace() == set.namespace());
            let kept = keep(&client, &set, &pods.collect::<Vec<_>>()).await;
            outcome = outcome.and(kept);
        }
        outcome
    })
    .await;
}

/// Brings one set a step further, and its status up to date.
async fn keep(client: &Client, set: &StatefulSet, pods: &[&Pod]) -> Result<(), kube::Error> {
    let spec = &set.spec;
    if set.metadata.deletion_timestamp.is_some() {
        return Ok(());
    }
    let desired = objects::desired(set, spec);
    let observed: Vec<Observed> =
        pods.iter().filter_map(|pod| objects::observed(set, pod)).collect();
    for action in plan(&desired, &observed) {
        match action {
            Action::Create(ordinal) => create(client, set, spec, ordinal).await?,
            Action::Delete(ordinal) => {
                let kept = (desired.start..desired.start.saturating_add(desired.replicas))
                    .contains(&ordinal);
                delete(client, set, spec, ordinal, pods, kept).await?;
            }
        }
    }
    let status = objects::status(set, &desired, &observed);
    if set.status.as_ref() == Some(&status) {
        return Ok(());
    }
    let api: Api<StatefulSet> =
        Api::namespaced(client.clone(), &set.namespace().unwrap_or_default());
    let patch = json!({"metadata": {"uid": set.uid()}, "status": status});
    unless_overtaken(
        api.patch_status(&set.name_any(), &PatchParams::default(), &Patch::Merge(patch)).await,
    )
}

async fn create(
    client: &Client,
    set: &StatefulSet,
    spec: &StatefulSetSpec,
    ordinal: i32,
) -> Result<(), kube::Error> {
    let namespace = set.namespace().unwrap_or_default();
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(client.clone(), &namespace);
    for claim in objects::claims(set, spec, ordinal) {
        unless_overtaken(claims.create(&PostParams::default(), &claim).await)?;
    }
    let pods: Api<Pod> = Api::namespaced(client.clone(), &namespace);
    let pod = objects::pod(set, spec, ordinal);
    unless_overtaken(pods.create(&PostParams::default(), &pod).await)
}

async fn delete(
    client: &Client,
    set: &StatefulSet,
    spec: &StatefulSetSpec,
    ordinal: i32,
    pods: &[&Pod],
    kept: bool,
) -> Result<(), kube::Error> {
    let namespace = set.namespace().unwrap_or_default();
    let name = objects::pod_name(set, ordinal);
    let uid = pods.iter().find(|pod| pod.name_any() == name).and_then(|pod| pod.uid());
    let params =
        DeleteParams::default().preconditions(Preconditions { uid, resource_version: None });
    let api: Api<Pod> = Api::namespaced(client.clone(), &namespace);
    match api.delete(&name, &params).await {
        Err(error) if !overtaken(&error) => return Err(error),
        _ => {}
    }
    if !kept {
        let claims: Api<PersistentVolumeClaim> = Api::namespaced(client.clone(), &namespace);
        for claim in objects::released_claims(set, spec, ordinal) {
            unless_overtaken(claims.delete(&claim, &DeleteParams::default()).await)?;
        }
    }
    Ok(())
}
