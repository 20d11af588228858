//! The pods and claims of a StatefulSet, and what its pods say of it. Pure.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetSpec, StatefulSetStatus};
use k8s_openapi::api::core::v1::{
    PersistentVolumeClaim, PersistentVolumeClaimVolumeSource, Pod, PodTemplateSpec, Volume,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::{Resource, ResourceExt};

use crate::statefulset::plan::{Desired, Observed};

const REVISION_LABEL: &str = "controller-revision-hash";

/// The name of a template: the same template has the same name, another one has another.
pub(super) fn revision(set: &StatefulSet, template: &PodTemplateSpec) -> String {
    // FNV-1a: short, stable between builds, and nobody attacks a hash of their own template.
    let bytes = serde_json::to_vec(template).unwrap_or_default();
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{}-{hash:016x}", set.name_any())
}

/// Reads the fields that decide what happens next.
pub(super) fn desired(set: &StatefulSet, spec: &StatefulSetSpec) -> Desired {
    let strategy = spec.update_strategy.as_ref();
    let on_delete = strategy.and_then(|strategy| strategy.type_.as_deref()) == Some("OnDelete");
    let partition =
        strategy.and_then(|strategy| strategy.rolling_update.as_ref()?.partition).unwrap_or(0);
    let start = spec.ordinals.as_ref().and_then(|ordinals| ordinals.start).unwrap_or(0).max(0);
    Desired {
        start,
        replicas: spec.replicas.unwrap_or(1).max(0),
        ordered: spec.pod_management_policy.as_deref() != Some("Parallel"),
        update_from: (!on_delete).then_some(partition),
        revision: revision(set, &spec.template),
    }
}

/// Reduces a pod of the set to what matters; none for a pod of another owner or name.
pub(super) fn observed(set: &StatefulSet, pod: &Pod) -> Option<Observed> {
    let owned = pod
        .owner_references()
        .iter()
        .any(|owner| owner.controller == Some(true) && Some(&owner.uid) == set.meta().uid.as_ref());
    let name = pod.name_any();
    let ordinal =
        name.strip_prefix(&set.name_any())?.strip_prefix('-')?.parse().ok().filter(|_| owned)?;
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    Some(Observed {
        ordinal,
        revision: pod.labels().get(REVISION_LABEL).cloned().unwrap_or_default(),
        ready: phase == Some("Running") && is_ready(pod),
        terminating: pod.metadata.deletion_timestamp.is_some(),
        finished: matches!(phase, Some("Succeeded" | "Failed")),
    })
}

/// Whether a pod's `Ready` condition is True.
pub(crate) fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

pub(super) fn pod_name(set: &StatefulSet, ordinal: i32) -> String {
    format!("{}-{ordinal}", set.name_any())
}

/// The pod with `ordinal`, from the current template.
pub(super) fn pod(set: &StatefulSet, spec: &StatefulSetSpec, ordinal: i32) -> Pod {
    let name = pod_name(set, ordinal);
    let template = spec.template.metadata.clone().unwrap_or_default();
    let mut labels = template.labels.unwrap_or_default();
    labels.insert("statefulset.kubernetes.io/pod-name".to_owned(), name.clone());
    labels.insert("apps.kubernetes.io/pod-index".to_owned(), ordinal.to_string());
    labels.insert(REVISION_LABEL.to_owned(), revision(set, &spec.template));
    let mut pod = spec.template.spec.clone().unwrap_or_default();
    pod.hostname = Some(name.clone());
    pod.subdomain = spec.service_name.clone();
    let claims = spec.volume_claim_templates.iter().flatten().map(|claim| claim.name_any());
    let volumes = pod.volumes.get_or_insert_default();
    for claim in claims {
        volumes.retain(|volume| volume.name != claim);
        let claim_name = format!("{claim}-{name}");
        let source = PersistentVolumeClaimVolumeSource { claim_name, read_only: None };
        volumes.push(Volume {
            name: claim,
            persistent_volume_claim: Some(source),
            ..Volume::default()
        });
    }
    let metadata = ObjectMeta {
        name: Some(name),
        namespace: set.namespace(),
        labels: Some(labels),
        annotations: template.annotations,
        owner_references: Some(vec![owner(set)]),
        ..ObjectMeta::default()
    };
    Pod { metadata, spec: Some(pod), status: None }
}

/// The claims that the pod with `ordinal` mounts. They outlive the set unless it says otherwise.
pub(super) fn claims(
    set: &StatefulSet,
    spec: &StatefulSetSpec,
    ordinal: i32,
) -> Vec<PersistentVolumeClaim> {
    let policy = spec.persistent_volume_claim_retention_policy.as_ref();
    let deleted_with_set =
        policy.and_then(|policy| policy.when_deleted.as_deref()) == Some("Delete");
    let selector: BTreeMap<_, _> = spec.selector.match_labels.clone().unwrap_or_default();
    let templates = spec.volume_claim_templates.iter().flatten();
    templates
        .map(|template| {
            let mut claim = template.clone();
            claim.status = None;
            claim.metadata.name =
                Some(format!("{}-{}", template.name_any(), pod_name(set, ordinal)));
            claim.metadata.namespace = set.namespace();
            claim.labels_mut().extend(selector.clone());
            claim.metadata.owner_references = deleted_with_set.then(|| vec![owner(set)]);
            claim
        })
        .collect()
}

/// The claims to delete after the pod with `ordinal` was scaled away.
pub(super) fn released_claims(
    set: &StatefulSet,
    spec: &StatefulSetSpec,
    ordinal: i32,
) -> Vec<String> {
    let policy = spec.persistent_volume_claim_retention_policy.as_ref();
    if policy.and_then(|policy| policy.when_scaled.as_deref()) != Some("Delete") {
        return Vec::new();
    }
    claims(set, spec, ordinal).iter().map(ResourceExt::name_any).collect()
}

fn owner(set: &StatefulSet) -> OwnerReference {
    OwnerReference {
        api_version: StatefulSet::api_version(&()).into_owned(),
        kind: StatefulSet::kind(&()).into_owned(),
        name: set.name_any(),
        uid: set.uid().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// The status that `pods` amount to.
pub(super) fn status(set: &StatefulSet, desired: &Desired, pods: &[Observed]) -> StatefulSetStatus {
    let previous = set.status.clone().unwrap_or_default();
    let current = previous.current_revision.clone().unwrap_or_else(|| desired.revision.clone());
    let count = |of: &dyn Fn(&Observed) -> bool| -> i32 {
        pods.iter().filter(|pod| of(pod)).count().try_into().unwrap_or(i32::MAX)
    };
    let ready = count(&|pod| pod.ready);
    let updated = count(&|pod| !pod.terminating && pod.revision == desired.revision);
    let rolled_out = updated == desired.replicas && ready == desired.replicas;
    let current = if rolled_out { desired.revision.clone() } else { current };
    StatefulSetStatus {
        replicas: count(&|_| true),
        ready_replicas: Some(ready),
        available_replicas: Some(ready),
        current_replicas: Some(count(&|pod| !pod.terminating && pod.revision == current)),
        updated_replicas: Some(updated),
        current_revision: Some(current),
        update_revision: Some(desired.revision.clone()),
        observed_generation: set.metadata.generation,
        collision_count: Some(0),
        ..previous
    }
}

#[cfg(test)]
mod tests;
