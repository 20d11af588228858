//! What a set makes, and how it reads back what it made.

use serde_json::json;

use super::*;

fn set() -> StatefulSet {
    serde_json::from_value(json!({
        "metadata": {"name": "orders", "namespace": "shop", "uid": "set-uid", "generation": 3},
        "spec": {
            "replicas": 2,
            "serviceName": "orders-nodes",
            "selector": {"matchLabels": {"app": "orders"}},
            "template": {
                "metadata": {"labels": {"app": "orders"}, "annotations": {"warren.dev/config": "abc"}},
                "spec": {"containers": [{"name": "broker"}], "volumes": [{"name": "data", "emptyDir": {}}]},
            },
            "volumeClaimTemplates": [{
                "metadata": {"name": "data"},
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
            }],
        },
    }))
    .unwrap()
}

#[test]
fn a_pod_carries_identity_owner_and_claim() {
    let set = set();
    let spec = &set.spec;
    let pod = pod(&set, spec, 1);
    assert_eq!((pod.name_any().as_str(), pod.namespace().as_deref()), ("orders-1", Some("shop")));
    assert_eq!(pod.labels()["statefulset.kubernetes.io/pod-name"], "orders-1");
    assert_eq!(pod.annotations()["warren.dev/config"], "abc");
    assert_eq!(pod.owner_references()[0].uid, "set-uid");
    let volumes = pod.spec.unwrap().volumes.unwrap();
    assert_eq!(volumes.len(), 1, "the claim takes the place of a volume of its name");
    assert_eq!(volumes[0].persistent_volume_claim.as_ref().unwrap().claim_name, "data-orders-1");
    let claims = claims(&set, spec, 1);
    assert_eq!((claims.len(), claims[0].name_any().as_str()), (1, "data-orders-1"));
    assert!(claims[0].owner_references().is_empty(), "a claim outlives its set");
}

#[test]
fn claims_go_with_the_set_only_where_it_says_so() {
    let mut set = set();
    set.spec.persistent_volume_claim_retention_policy =
        serde_json::from_value(json!({"whenDeleted": "Delete", "whenScaled": "Delete"})).unwrap();
    let spec = &set.spec;
    assert_eq!(claims(&set, spec, 0)[0].owner_references()[0].name, "orders");
    assert_eq!(released_claims(&set, spec, 1), ["data-orders-1"]);
}

#[test]
fn a_pod_is_recognised_by_owner_and_name() {
    let set = set();
    let spec = &set.spec;
    let mut own = pod(&set, spec, 1);
    own.status = serde_json::from_value(json!({
        "phase": "Running", "conditions": [{"type": "Ready", "status": "True"}],
    }))
    .unwrap();
    let seen = observed(&set, &own).unwrap();
    assert!(seen.ready && !seen.terminating && !seen.finished);
    assert_eq!((seen.ordinal, seen.revision), (1, desired(&set, spec).revision));
    let mut foreign = own.clone();
    foreign.metadata.owner_references = None;
    assert!(observed(&set, &foreign).is_none());
    own.metadata.name = Some("orders-x".to_owned());
    assert!(observed(&set, &own).is_none());
}

#[test]
fn the_current_revision_follows_once_every_pod_is_updated_and_ready() {
    let mut set = set();
    let desired = desired(&set, &set.spec);
    set.status =
        Some(StatefulSetStatus { current_revision: Some("old".to_owned()), ..Default::default() });
    let pod = |ordinal, revision: &str, ready| Observed {
        ordinal,
        revision: revision.to_owned(),
        ready,
        terminating: false,
        finished: false,
    };
    let new = desired.revision.as_str();
    let half = status(&set, &desired, &[pod(0, "old", true), pod(1, new, true)]);
    assert_eq!((half.current_revision.as_deref(), half.updated_replicas), (Some("old"), Some(1)));
    assert_eq!(
        (half.ready_replicas, half.current_replicas, half.observed_generation),
        (Some(2), Some(1), Some(3))
    );
    let unready = status(&set, &desired, &[pod(0, new, true), pod(1, new, false)]);
    assert_eq!(unready.current_revision.as_deref(), Some("old"));
    let full = status(&set, &desired, &[pod(0, new, true), pod(1, new, true)]);
    assert_eq!(full.current_revision.as_deref(), Some(new));
    assert_eq!(full.current_replicas, Some(2));
}

#[test]
fn another_template_is_another_revision() {
    let set = set();
    let mut template = set.spec.template.clone();
    let before = revision(&set, &template);
    assert_eq!(before, revision(&set, &template.clone()));
    template
        .metadata
        .as_mut()
        .unwrap()
        .annotations
        .as_mut()
        .unwrap()
        .insert("a".into(), "b".into());
    assert_ne!(before, revision(&set, &template));
}
