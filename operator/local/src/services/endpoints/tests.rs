//! Selection of endpoints.

use super::*;

fn service(spec: Value) -> Service {
    let mut spec = spec;
    spec["ports"] = json!([{"name": "amqp", "port": 5672, "targetPort": "amqp"}, {"port": 15672}, {"port": 53, "protocol": "UDP"}]);
    serde_json::from_value(
        json!({"metadata": {"name": "orders", "namespace": "shop", "uid": "s"}, "spec": spec}),
    )
    .unwrap()
}

fn pod(name: &str, ready: bool, extra: Value) -> Pod {
    let mut pod = json!({
        "metadata": {"name": name, "namespace": "shop", "labels": {"app": "orders", "zone": "a"}},
        "spec": {"containers": [{"name": "broker", "ports": [{"name": "amqp", "containerPort": 5671}]}]},
        "status": {
            "podIP": "127.9.0.2", "phase": "Running",
            "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}],
        },
    });
    json_patch::merge(&mut pod, &extra);
    serde_json::from_value(pod).unwrap()
}

#[test]
fn a_selector_chooses_pods_and_readiness_decides_about_traffic() {
    let plain = service(json!({"selector": {"app": "orders"}}));
    let eager = service(json!({"selector": {"app": "orders"}, "publishNotReadyAddresses": true}));
    let at = SocketAddrV4::new(Ipv4Addr::new(127, 9, 0, 2), 5671);
    #[rustfmt::skip]
    let cases = [
        // service  pod                                                             listed  traffic  because
        (&plain,    pod("a", true, json!({})),                                       1,      1,       "ready"),
        (&plain,    pod("a", false, json!({})),                                      1,      0,       "not ready"),
        (&eager,    pod("a", false, json!({})),                                      1,      1,       "published all the same"),
        (&plain,    pod("a", true, json!({"metadata": {"labels": {"app": "x"}}})),   0,      0,       "another app"),
        (&plain,    pod("a", true, json!({"metadata": {"namespace": "x"}})),         0,      0,       "another namespace"),
        (&plain,    pod("a", true, json!({"status": {"podIP": null}})),              0,      0,       "no address yet"),
        (&plain,    pod("a", true, json!({"status": {"phase": "Failed"}})),          0,      0,       "over"),
        (&plain,    pod("a", true, json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}})), 1, 0, "on its way out"),
    ];
    for (service, pod, listed, traffic, because) in cases {
        let endpoints = select(service, [&pod].into_iter());
        assert_eq!(endpoints.len(), listed, "{because}");
        assert_eq!(ready_at(&endpoints, 5672), vec![at; traffic], "{because}");
        assert_eq!(ready_at(&endpoints, 15672).len(), traffic, "{because}");
    }
}

#[test]
fn without_a_selector_nothing_is_chosen() {
    let pod = pod("a", true, json!({}));
    assert!(select(&service(json!({})), [&pod].into_iter()).is_empty());
    assert!(select(&service(json!({"selector": {}})), [&pod].into_iter()).is_empty());
}

#[test]
fn the_objects_list_ports_and_pods() {
    let service = service(json!({"selector": {"app": "orders"}}));
    let (ready, unready) = (pod("a", true, json!({})), pod("b", false, json!({})));
    let (slice, endpoints) = objects(&service, &select(&service, [&unready, &ready].into_iter()));
    assert_eq!(slice["endpoints"][0]["targetRef"]["name"], "a");
    assert_eq!(slice["endpoints"][1]["conditions"]["ready"], false);
    assert_eq!(slice["ports"][0], json!({"name": "amqp", "port": 5671, "protocol": "TCP"}));
    assert_eq!(slice["ports"].as_array().unwrap().len(), 2, "UDP is not served");
    assert_eq!(endpoints["subsets"][0]["addresses"].as_array().unwrap().len(), 1);
    assert_eq!(endpoints["subsets"][0]["notReadyAddresses"].as_array().unwrap().len(), 1);
}
