//! Who an object of the broker belongs to: of several resources, of one that was interrupted, of nobody yet.

use std::{thread, time::Duration};

use rustix::process::{Pid, Signal, kill_process};
use warren_tests::patience::{SOON, until, until_true};

use crate::{
    amqp::{Application, declare_queue, delete_queue, has_queue},
    dev::Dev,
    kubectl::Kubectl,
};

const REASON: &str = "{.status.conditions[?(@.type=='Ready')].reason}";

/// A Queue resource that stands for the broker's queue `shared`.
fn shared(name: &str, more: &str) -> String {
    format!(
        "
apiVersion: warren.dev/v1alpha1
kind: Queue
metadata: {{ name: {name}, namespace: shop }}
spec: {{ clusterRef: {{ name: orders }}, name: shared{more} }}
---"
    )
}

#[track_caller]
fn comes_to(kubectl: &Kubectl, queue: &str, reason: &str) {
    until(&format!("{queue} is {reason}"), SOON, || {
        let told = kubectl.field(&format!("queue/{queue}"), REASON);
        if told == reason { Ok(()) } else { Err(told) }
    });
}

/// Applies two resources for one queue; returns the one that has it and the one that stands back. Of the same second, the
/// identifiers decide.
fn two(kubectl: &Kubectl) -> (&'static str, &'static str) {
    kubectl.apply(&shared("one", "")).unwrap();
    comes_to(kubectl, "one", "Programmed");
    kubectl.apply(&shared("two", "")).unwrap();
    until("one of the two stands back", SOON, || {
        let told = ["one", "two"].map(|queue| kubectl.field(&format!("queue/{queue}"), REASON));
        match (told[0].as_str(), told[1].as_str()) {
            ("Programmed", "Conflict") => Ok(("one", "two")),
            ("Conflict", "Programmed") => Ok(("two", "one")),
            _ => Err(told.join(", ")),
        }
    })
}

#[test]
fn of_two_resources_deleted_together_the_last_one_takes_the_queue_along() {
    let dev = Dev::ready("orders");
    let kubectl = dev.kubectl();
    for _ in 0..5 {
        let (owner, other) = two(&kubectl);
        kubectl.must(&["delete", "queue", owner, other, "-n", "shop", "--timeout=30s"]);
        assert!(!has_queue(&dev.uri(), "shared"), "nobody is left to see to its end");
    }
}

#[test]
fn the_next_in_age_takes_over_with_the_messages() {
    let dev = Dev::ready("orders");
    let kubectl = dev.kubectl();
    let (owner, other) = two(&kubectl);
    Application::connect(&dev.uri()).publish("", "shared", "kept");
    kubectl.must(&["delete", "queue", owner, "-n", "shop", "--timeout=30s"]);
    comes_to(&kubectl, other, "Programmed");
    assert_eq!(Application::connect(&dev.uri()).drain("shared"), ["kept"]);
    kubectl.must(&["delete", "queue", other, "-n", "shop", "--timeout=30s"]);
    assert!(!has_queue(&dev.uri(), "shared"));
}

#[test]
fn an_heir_that_the_broker_refuses_inherits_nothing() {
    let dev = Dev::ready("orders");
    let kubectl = dev.kubectl();
    kubectl.apply(&shared("one", "")).unwrap();
    comes_to(&kubectl, "one", "Programmed");
    // The age that decides has whole seconds.
    thread::sleep(Duration::from_millis(1100));
    kubectl.apply(&shared("two", ", maxLength: 5")).unwrap();
    comes_to(&kubectl, "two", "Conflict");
    kubectl.must(&["delete", "queue", "one", "-n", "shop", "--timeout=30s"]);
    comes_to(&kubectl, "two", "Programmed");
}

#[test]
fn an_interrupted_declaration_is_not_taken_for_somebody_elses() {
    let dev = Dev::ready("orders");
    let kubectl = dev.kubectl();
    declare_queue(&dev.uri(), "shared");
    kubectl.apply(&shared("strict", ", adoption: Never")).unwrap();
    comes_to(&kubectl, "strict", "AlreadyExists");
    kubectl.must(&["delete", "queue", "strict", "-n", "shop", "--timeout=30s"]);
    assert!(has_queue(&dev.uri(), "shared"), "it was somebody else's");

    // As an operator leaves it that ended between the declaration and the status.
    let held = shared("strict", ", adoption: Never")
        .replace("namespace: shop", "namespace: shop, finalizers: [warren.dev/topology]");
    kubectl.apply(&held).unwrap();
    comes_to(&kubectl, "strict", "Programmed");
    kubectl.must(&["delete", "queue", "strict", "-n", "shop", "--timeout=30s"]);
    assert!(!has_queue(&dev.uri(), "shared"));
}

#[test]
fn a_finalizer_taken_off_comes_back() {
    let dev = Dev::ready("orders");
    let kubectl = dev.kubectl();
    let patch = r#"{"metadata":{"finalizers":null}}"#;
    kubectl.must(&["patch", "queue/billing", "-n", "shop", "--type=merge", "-p", patch]);
    until("the finalizer is back", SOON, || {
        let held = kubectl.field("queue/billing", "{.metadata.finalizers}");
        if held.contains("warren.dev/topology") { Ok(()) } else { Err(held) }
    });
}

#[test]
fn a_queue_that_somebody_deleted_in_the_broker_comes_back_with_its_bindings() {
    let dev = Dev::ready("orders");
    delete_queue(&dev.uri(), "billing");
    // The numbers of a broker's objects are looked at every 15 s.
    let limit = Duration::from_secs(60);
    until_true("the queue is there again", limit, || has_queue(&dev.uri(), "billing"));
    until("and bound", SOON, || {
        let mut application = Application::connect(&dev.uri());
        application.publish("orders", "order.created.eu", "again");
        let drained = application.drain("billing");
        if drained.is_empty() { Err("not yet") } else { Ok(()) }
    });
    let told = "{.status.conditions[?(@.type=='Programmed')].reason}";
    assert_eq!(dev.kubectl().field("queue/billing", told), "DriftCorrected");
}

#[test]
fn a_deletion_shows_while_the_broker_does_not_answer() {
    let dev = Dev::ready("orders");
    let kubectl = dev.kubectl();
    let broker = Pid::from_raw(dev.brokers()[0] as i32).unwrap();
    kill_process(broker, Signal::STOP).unwrap();
    kubectl.must(&["delete", "queue", "billing", "-n", "shop", "--wait=false"]);
    comes_to(&kubectl, "billing", "Deleting");
    let reconciling = "{.status.conditions[?(@.type=='Reconciling')].status}";
    assert_eq!(kubectl.field("queue/billing", reconciling), "True");
    kill_process(broker, Signal::CONT).unwrap();
    until_true("the queue is gone", SOON, || !has_queue(&dev.uri(), "billing"));
    kubectl.must(&["wait", "--for=delete", "queue/billing", "-n", "shop", "--timeout=30s"]);
}

#[test]
fn a_namespace_that_gets_or_loses_the_label_is_noticed_at_once() {
    let dev = Dev::ready("orders");
    let kubectl = dev.kubectl();
    let access = r#"{"spec":{"allowedNamespaces":{"from":"Selector","selector":{"matchLabels":{"team":"shop"}}}}}"#;
    kubectl.must(&["patch", "bc", "orders", "-n", "shop", "--type=merge", "-p", access]);
    kubectl.must(&["create", "namespace", "guest"]);
    let queue = shared("visitor", "")
        .replace("namespace: shop", "namespace: guest")
        .replace("{ name: orders }", "{ name: orders, namespace: shop }");
    kubectl.apply(&queue).unwrap();
    let told = |reason: &str| {
        until(&format!("the visitor is {reason}"), SOON, || {
            let path = format!("jsonpath={REASON}");
            let told = kubectl.must(&["get", "queue/visitor", "-n", "guest", "-o", &path]);
            if told == reason { Ok(()) } else { Err(told) }
        });
    };
    told("NamespaceNotAllowed");
    kubectl.must(&["label", "namespace", "guest", "team=shop"]);
    told("Programmed");
    kubectl.must(&["label", "namespace", "guest", "team-"]);
    told("NamespaceNotAllowed");
}
