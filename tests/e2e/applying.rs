//! Manifests that come by kubectl: accepted, or refused with a message that says what to do.

use std::time::Duration;

use warren_tests::patience::{SOON, until};

use crate::{amqp::Application, dev::Dev};

const BINDING: &str = "
apiVersion: warren.dev/v1alpha1
kind: Binding
metadata: { name: billing-cancelled, namespace: shop }
spec: { clusterRef: { name: orders }, source: orders, destination: billing, routingKey: order.cancelled.* }
";

fn queue(name: &str, spec: &str) -> String {
    format!(
        "
apiVersion: warren.dev/v1alpha1
kind: Queue
metadata: {{ name: {name}, namespace: shop }}
spec: {{ {spec} }}
"
    )
}

#[test]
fn a_new_binding_is_programmed_at_once() {
    let dev = Dev::ready("orders");
    let kubectl = dev.kubectl();
    kubectl.apply(BINDING).unwrap();
    kubectl.must(&[
        "wait",
        "--for=condition=Ready",
        "binding/billing-cancelled",
        "-n",
        "shop",
        "--timeout=30s",
    ]);
    let mut application = Application::connect(&dev.uri());
    application.publish("orders", "order.cancelled.eu", "never mind");
    assert_eq!(application.drain("billing"), ["never mind"]);
    assert!(kubectl.apply(BINDING).unwrap().contains("unchanged"));
}

#[test]
fn what_cannot_be_is_refused_with_advice() {
    let dev = Dev::ready("orders");
    let kubectl = dev.kubectl();
    let exchange = "
apiVersion: warren.dev/v1alpha1
kind: Exchange
metadata: { name: wrong, namespace: shop }
spec: { clusterRef: { name: orders }, type: topical }
";
    let cluster = "clusterRef: { name: orders }";
    #[rustfmt::skip]
    let cases = [
        ("a bad exchange type", exchange.to_owned(),                                  &["spec.type", "topical", "topic"][..]),
        ("a changed durable",   queue("audit", &format!("{cluster}, durable: false")), &["spec.durable", "cannot"]),
        ("a changed name",      queue("audit", &format!("{cluster}, name: other")),    &["spec.name", "cannot"]),
        ("an unknown field",    queue("audit", &format!("{cluster}, colour: red")),    &["unknown field", "spec.colour"]),
        ("no cluster at all",   queue("lost", "durable: true"),                        &["clusterRef", "equired"]),
    ];
    for (what, manifest, expected) in cases {
        let refused = kubectl.apply(&manifest).expect_err(what);
        for part in expected {
            assert!(refused.contains(part), "{what}: no `{part}` in: {refused}");
        }
    }
}

#[test]
fn a_missing_cluster_is_awaited_and_named() {
    let dev = Dev::ready("orders");
    let kubectl = dev.kubectl();
    kubectl.apply(&queue("early", "clusterRef: { name: later }")).unwrap();
    let message = until("the queue says what it waits for", SOON, || {
        let message =
            kubectl.field("queue/early", "{.status.conditions[?(@.type=='Ready')].message}");
        if message.contains("later") { Ok(message) } else { Err(message) }
    });
    assert!(message.contains("BrokerCluster"), "{message}");
    let cluster = "
apiVersion: warren.dev/v1alpha1
kind: BrokerCluster
metadata: { name: later, namespace: shop }
spec: { replicas: 1, storage: { size: 1Gi } }
";
    kubectl.apply(cluster).unwrap();
    kubectl.must(&["wait", "--for=condition=Ready", "queue/early", "-n", "shop", "--timeout=60s"]);
}

#[test]
fn an_edited_queue_keeps_its_generation_observed() {
    let dev = Dev::ready("orders");
    let kubectl = dev.kubectl();
    let spec = "clusterRef: { name: orders }, deletionPolicy: Delete";
    kubectl.apply(&queue("edited", spec)).unwrap();
    kubectl.must(&["wait", "--for=condition=Ready", "queue/edited", "-n", "shop", "--timeout=30s"]);
    kubectl
        .apply(&queue("edited", "clusterRef: { name: orders }, deletionPolicy: Retain"))
        .unwrap();
    until("the new generation is observed", Duration::from_secs(20), || {
        let seen =
            kubectl.field("queue/edited", "{.metadata.generation} {.status.observedGeneration}");
        if seen == "2 2" { Ok(()) } else { Err(seen) }
    });
    let patch = r#"[{"op":"replace","path":"/spec/deletionPolicy","value":"Delete"}]"#;
    kubectl.must(&["patch", "queue/edited", "-n", "shop", "--type=json", "-p", patch]);
    kubectl.must(&["wait", "--for=condition=Ready", "queue/edited", "-n", "shop", "--timeout=30s"]);
}

#[test]
fn kubectl_edit_works() {
    let dev = Dev::ready("orders");
    let kubectl = dev.kubectl();
    // The editor of these tests changes one word: see `Kubectl`.
    kubectl.must(&["label", "queue/billing", "-n", "shop", "team=before"]);
    let edited = kubectl.must(&["edit", "queue/billing", "-n", "shop"]);
    assert!(edited.contains("edited"), "{edited}");
    assert_eq!(kubectl.field("queue/billing", "{.metadata.labels.team}"), "after");
}

#[test]
fn a_cluster_asked_for_mirrors_says_that_it_has_none_and_serves_on() {
    let dev = Dev::ready("orders");
    let kubectl = dev.kubectl();
    let scale = |replicas: u32| {
        let patch = format!(r#"{{"spec":{{"replicas":{replicas}}}}}"#);
        kubectl.must(&["patch", "bc", "orders", "-n", "shop", "--type=merge", "-p", &patch]);
    };
    scale(3);
    let reason = "{.status.conditions[?(@.type=='Ready')].reason}";
    until("the cluster refuses", SOON, || match kubectl.field("brokercluster/orders", reason) {
        told if told == "ReplicationUnavailable" => Ok(()),
        told => Err(told),
    });
    assert_eq!(kubectl.field("brokercluster/orders", "{.status.readyReplicas}"), "1");
    kubectl.apply(BINDING).unwrap();
    let ready = ["wait", "--for=condition=Ready", "-n", "shop", "--timeout=30s"];
    kubectl.must(&[&ready[..], &["binding/billing-cancelled"]].concat());
    scale(1);
    kubectl.must(&[&ready[..], &["brokercluster/orders"]].concat());
}
