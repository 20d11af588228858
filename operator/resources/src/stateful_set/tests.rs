//! The StatefulSet of a plain cluster in full, and what changes, and does not change, its pods.

use k8s_openapi::api::core::v1::PodTemplateSpec;
use operator_api::{BrokerCluster, cluster::BrokerClusterSpec};
use serde_json::{Value, json};

use super::stateful_set;

const IMAGE: &str = "warren:1.2.3";

fn cluster(spec: Value) -> BrokerCluster {
    let spec: BrokerClusterSpec = serde_json::from_value(spec).expect("a valid spec");
    let mut cluster = BrokerCluster::new("orders", spec);
    cluster.metadata.namespace = Some("shop".into());
    cluster.metadata.uid = Some("8f0e".into());
    cluster
}

fn template(spec: Value) -> PodTemplateSpec {
    stateful_set(&cluster(spec), IMAGE).spec.template
}

#[test]
fn a_plain_cluster() {
    insta::assert_yaml_snapshot!(stateful_set(&cluster(json!({})), IMAGE));
}

#[test]
fn what_restarts_the_brokers() {
    #[rustfmt::skip]
    let cases = [
        // changed                                              restarts  because
        (json!({}),                                             false,    "nothing changed"),
        (json!({ "replicas": 3 }),                              false,    "more brokers do not disturb those that run"),
        (json!({ "storage": { "deletionPolicy": "Delete" } }),  false,    "it matters only at the end"),
        (json!({ "service": { "type": "LoadBalancer" } }),      false,    "the Service is another object"),
        (json!({ "allowedNamespaces": { "from": "All" } }),     false,    "only the operator looks at it"),
        (json!({ "config": { "logLevel": "debug" } }),          true,     "a broker reads its settings at start"),
        (json!({ "tls": { "secretName": "orders-tls" } }),      true,     "another port, and files to read"),
        (json!({ "image": "warren:1.2.4" }),                    true,     "another program"),
        (json!({ "resources": { "limits": { "memory": "1Gi" } } }), true, "another cgroup"),
        (json!({ "scheduling": { "nodeSelector": { "disk": "ssd" } } }), true, "another node"),
    ];
    for (spec, restarts, because) in cases {
        assert_eq!(template(spec.clone()) != template(json!({})), restarts, "{spec}: {because}");
    }
}

#[test]
fn what_is_asked_for_is_what_the_pod_gets() {
    let template = template(json!({
        "imagePullSecrets": [{ "name": "registry" }],
        "scheduling": {
            "nodeSelector": { "disk": "ssd" },
            "tolerations": [{ "key": "spot", "operator": "Exists" }],
            "affinity": { "nodeAffinity": {} },
            "topologySpreadConstraints": [
                { "maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule" }
            ],
            "priorityClassName": "high",
        },
    }));

    let pod = json!(template.spec);
    assert_eq!(pod["imagePullSecrets"], json!([{ "name": "registry" }]));
    assert_eq!(pod["nodeSelector"], json!({ "disk": "ssd" }));
    assert_eq!(pod["tolerations"], json!([{ "key": "spot", "operator": "Exists" }]));
    assert_eq!(pod["affinity"], json!({ "nodeAffinity": {} }), "replaces the default");
    assert_eq!(pod["topologySpreadConstraints"][0]["topologyKey"], "topology.kubernetes.io/zone");
    assert_eq!(pod["priorityClassName"], "high");
}

#[test]
fn tls_is_files_flags_and_ports() {
    let template = template(json!({ "tls": {
        "secretName": "orders-tls", "caSecretName": "clients", "clientAuth": "Required", "minVersion": "1.3",
    } }));
    let spec = template.spec.expect("a pod");
    let container = &spec.containers[0];
    insta::assert_yaml_snapshot!(json!({
        "args": container.args, "ports": container.ports,
        "mounts": container.volume_mounts, "volumes": spec.volumes,
    }));
}

#[test]
fn only_owned_fields_are_written() {
    let set = json!(stateful_set(&cluster(json!({})), IMAGE));

    assert!(set.get("status").is_none());
    assert!(
        set["spec"]["volumeClaimTemplates"][0]["spec"].get("storageClassName").is_none(),
        "the default class"
    );
    let set = json!(stateful_set(
        &cluster(json!({ "storage": { "size": "5Gi", "storageClassName": "fast" } })),
        IMAGE
    ));
    let claim = &set["spec"]["volumeClaimTemplates"][0]["spec"];
    assert_eq!(claim["storageClassName"], "fast");
    assert_eq!(claim["resources"]["requests"]["storage"], "5Gi");
}
