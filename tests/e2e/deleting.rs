//! Deleting, in every order: the broker follows, and nothing ever hangs.

use warren_tests::patience::{SOON, until_true};

use crate::{
    amqp::{Application, has_queue},
    dev::Dev,
};

#[test]
fn a_deleted_binding_stops_the_routing() {
    let dev = Dev::ready("orders");
    let mut application = Application::connect(&dev.uri());
    application.publish("orders", "order.paid.eu", "before");
    dev.kubectl().must(&["delete", "binding", "shipping-paid", "-n", "shop", "--timeout=30s"]);
    application.publish("orders", "order.paid.eu", "after");
    assert_eq!(application.drain("shipping"), ["before"]);
    assert_eq!(application.drain("audit"), ["before", "after"], "other bindings stay");
}

#[test]
fn a_deleted_queue_is_gone_from_the_broker_unless_it_is_retained() {
    let dev = Dev::ready("orders");
    let (kubectl, uri) = (dev.kubectl(), dev.uri());
    kubectl.must(&["delete", "queue", "billing", "-n", "shop", "--timeout=30s"]);
    assert!(!has_queue(&uri, "billing"));
    let patch = r#"{"spec":{"deletionPolicy":"Retain"}}"#;
    kubectl.must(&["patch", "queue/audit", "-n", "shop", "--type=merge", "-p", patch]);
    kubectl.must(&["delete", "queue", "audit", "-n", "shop", "--timeout=30s"]);
    assert!(has_queue(&uri, "audit"), "a retained queue stays");
}

#[test]
fn the_namespace_may_go_first() {
    let dev = Dev::ready("orders");
    let kubectl = dev.kubectl();
    kubectl.must(&["delete", "namespace", "shop", "--timeout=60s"]);
    kubectl.run(&["get", "namespace", "shop"]).expect_err("the namespace is gone");
    until_true("the broker has ended", SOON, || dev.brokers().is_empty());
}

#[test]
fn the_cluster_may_go_first() {
    let dev = Dev::ready("orders");
    let kubectl = dev.kubectl();
    kubectl.must(&["delete", "brokercluster", "orders", "-n", "shop", "--timeout=60s"]);
    until_true("the broker has ended", SOON, || dev.brokers().is_empty());
    kubectl.must(&["delete", "binding,queue,exchange", "--all", "-n", "shop", "--timeout=60s"]);
    let left = kubectl.must(&["get", "warren", "-n", "shop", "-o", "name"]);
    assert_eq!(left.trim(), "");
}
