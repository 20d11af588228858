//! What kubectl shows.

use crate::dev::Dev;

#[test]
fn columns_tell_what_matters() {
    let dev = Dev::ready("orders");
    let shown = dev.kubectl().must(&["get", "queues,exchanges,bindings,brokerclusters", "-A"]);
    #[rustfmt::skip]
    let expected = [
        ("queue",         &["READY", "REASON", "CLUSTER", "VHOST", "LEADER", "AGE"][..]),
        ("exchange",      &["READY", "REASON", "CLUSTER", "VHOST", "TYPE", "AGE"]),
        ("binding",       &["READY", "REASON", "CLUSTER", "VHOST", "AGE"]),
        ("brokercluster", &["PHASE", "READY", "VERSION", "AGE"]),
    ];
    for (kind, columns) in expected {
        let first = format!("{kind}.warren.dev/");
        let block = shown.split("\n\n").find(|block| block.contains(&first));
        let block = block.unwrap_or_else(|| panic!("no {kind} in:\n{shown}"));
        let head = block.lines().find(|line| line.contains("NAMESPACE")).unwrap_or_default();
        for column in columns {
            assert!(
                head.split_whitespace().any(|word| word == *column),
                "{kind} {column}:\n{shown}"
            );
        }
    }
    assert!(shown.contains("1/1"), "{shown}");
}

#[test]
fn short_names_describe_and_yaml_work() {
    let dev = Dev::ready("orders");
    let kubectl = dev.kubectl();
    for short in ["bc", "exch", "q", "bind", "warren"] {
        assert!(kubectl.must(&["get", short, "-n", "shop"]).contains("AGE"), "{short}");
    }
    let described = kubectl.must(&["describe", "queue", "billing", "-n", "shop"]);
    for expected in ["Conditions:", "Observed Generation:", "Programmed", "Events:"] {
        assert!(described.contains(expected), "{expected}:\n{described}");
    }
    let yaml = kubectl.must(&["get", "queue", "billing", "-n", "shop", "-o", "yaml"]);
    for condition in ["type: Ready", "type: Accepted", "type: Programmed"] {
        assert!(yaml.contains(condition), "{condition}:\n{yaml}");
    }
    let explained = kubectl.must(&["explain", "queue.spec.deletionPolicy"]);
    assert!(explained.contains("Retain"), "{explained}");
    let pods = kubectl.must(&["get", "pods,statefulsets,services,pvc", "-n", "shop"]);
    assert!(pods.contains("orders-0"), "{pods}");
    let logs = kubectl.must(&["logs", "orders-0", "-n", "shop"]);
    assert!(logs.contains("broker started"), "{logs}");
}
