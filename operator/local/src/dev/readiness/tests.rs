//! Tables of objects and what they amount to.

use serde_json::json;

use super::*;

fn judged(version: &str, kind: &str, rest: Value) -> (State, String) {
    let mut object =
        json!({"apiVersion": version, "kind": kind, "metadata": {"name": "x", "generation": 2}});
    json_patch::merge(&mut object, &rest);
    let readiness = assess(&serde_json::from_value(object).unwrap(), true);
    (readiness.state, readiness.reason)
}

#[test]
fn custom_resources_are_judged_as_kstatus_does() {
    let conditions = |list: &[(&str, &str, &str)]| {
        let list = list.iter().map(
            |(kind, status, reason)| json!({"type": kind, "status": status, "reason": reason}),
        );
        json!({"status": {"observedGeneration": 2, "conditions": list.collect::<Vec<_>>()}})
    };
    use State::{Failed, InProgress, Ready, Terminating};
    #[rustfmt::skip]
    let cases = [
        (json!({}),                                                            InProgress,  "Pending"),
        (json!({"status": {"observedGeneration": 1}}),                         InProgress,  "Outdated"),
        (conditions(&[("Ready", "True", "Programmed")]),                       Ready,       "Programmed"),
        (conditions(&[("Ready", "False", "BrokerUnreachable")]),               InProgress,  "BrokerUnreachable"),
        (conditions(&[("Ready", "Unknown", "Waiting")]),                       InProgress,  "Waiting"),
        (conditions(&[("Ready", "True", "Ok"), ("Reconciling", "True", "W")]), InProgress,  "W"),
        (conditions(&[("Ready", "True", "Ok"), ("Reconciling", "False", "W")]), Ready,      "Ok"),
        (conditions(&[("Ready", "False", "No"), ("Stalled", "True", "Bad")]),  Failed,      "Bad"),
        (json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}),   Terminating, "Terminating"),
    ];
    for (rest, state, reason) in cases {
        assert_eq!(
            judged("warren.dev/v1alpha1", "Queue", rest.clone()),
            (state, reason.to_owned()),
            "{rest}"
        );
    }
}

#[test]
fn kubernetes_kinds_have_rules_of_their_own() {
    use State::{Failed, InProgress, Ready};
    let set = |ready: i64, seen: i64| {
        json!({
            "spec": {"replicas": 2},
            "status": {"observedGeneration": seen, "replicas": 2, "readyReplicas": ready, "updatedReplicas": 2},
        })
    };
    let waiting = json!({"status": {"phase": "Pending", "containerStatuses": [{"state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}});
    #[rustfmt::skip]
    let cases = [
        ("v1", "ConfigMap",              json!({}),                                     Ready,      ""),
        ("rbac.authorization.k8s.io/v1", "Role", json!({}),                             Ready,      ""),
        ("v1", "Namespace",              json!({"status": {"phase": "Active"}}),        Ready,      ""),
        ("v1", "PersistentVolumeClaim",  json!({"status": {"phase": "Pending"}}),       InProgress, "Pending"),
        ("apps/v1", "StatefulSet",       set(2, 2),                                     Ready,      ""),
        ("apps/v1", "StatefulSet",       set(1, 2),                                     InProgress, "PodsNotReady"),
        ("apps/v1", "StatefulSet",       set(2, 1),                                     InProgress, "Outdated"),
        ("apps/v1", "StatefulSet",       json!({}),                                     InProgress, "Pending"),
        ("v1", "Pod",                    waiting,                                       InProgress, "CrashLoopBackOff"),
        ("v1", "Pod",                    json!({"status": {"phase": "Failed"}}),        Failed,     "Failed"),
        ("v1", "Pod",                    json!({"status": {"phase": "Succeeded"}}),     Ready,      ""),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition", json!({}),              InProgress, "Pending"),
    ];
    for (version, kind, rest, state, reason) in cases {
        assert_eq!(
            judged(version, kind, rest.clone()),
            (state, reason.to_owned()),
            "{kind} {rest}"
        );
    }
}
