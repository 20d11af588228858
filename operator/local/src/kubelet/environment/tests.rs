//! Tables for the composition of a container's environment.

use serde_json::json;

use super::*;
use crate::kubelet::objects::Fixed;

const PLACE: Place<'_> = Place {
    pod_ip: Ipv4Addr::new(127, 9, 0, 2),
    host_ip: Ipv4Addr::new(127, 9, 0, 1),
    node: "laptop",
};

fn pod() -> Pod {
    serde_json::from_value(json!({
        "metadata": {"name": "orders-0", "namespace": "shop", "uid": "u1", "labels": {"app": "orders"}},
        "spec": {"containers": []},
    }))
    .unwrap()
}

fn objects() -> Fixed {
    let entries = |pairs: &[(&str, &[u8])]| {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), v.to_vec())).collect()
    };
    Fixed {
        config_maps: [("config".to_owned(), entries(&[("A", b"from-map"), ("B", b"map")]))].into(),
        secrets: [("secret".to_owned(), entries(&[("B", b"secret"), ("raw", &[0xff])]))].into(),
        ..Fixed::default()
    }
}

fn composed(container: serde_json::Value) -> Result<BTreeMap<String, String>, Waiting> {
    let mut container = container;
    container["name"] = json!("broker");
    let container: Container = serde_json::from_value(container).unwrap();
    compose(&container, &pod(), PLACE, &objects())
}

#[test]
fn later_sources_win_and_values_may_refer_to_earlier_variables() {
    let environment = composed(json!({
        "envFrom": [{"configMapRef": {"name": "config"}}, {"secretRef": {"name": "secret", "optional": true}, "prefix": "S_"}],
        "env": [
            {"name": "A", "value": "own"},
            {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "URL", "value": "amqp://$(POD_IP):5672/$(LATER)"},
            {"name": "LATER", "value": "x"},
        ],
    }));
    assert_eq!(environment.unwrap_err().message, "the value of raw is not text");

    let environment = composed(json!({
        "envFrom": [{"configMapRef": {"name": "config"}}],
        "env": [
            {"name": "A", "value": "own"},
            {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "URL", "value": "amqp://$(POD_IP):5672/$(LATER)"},
            {"name": "LATER", "value": "x"},
        ],
    }))
    .unwrap();
    assert_eq!(environment["A"], "own");
    assert_eq!(environment["B"], "map");
    assert_eq!(environment["URL"], "amqp://127.9.0.2:5672/$(LATER)");
}

#[test]
fn a_single_variable_comes_from_where_it_is_told() {
    #[rustfmt::skip]
    let cases = [
        // source                                                             value, or the reason it waits
        (json!({"fieldRef": {"fieldPath": "metadata.name"}}),                 Ok(Some("orders-0"))),
        (json!({"fieldRef": {"fieldPath": "metadata.namespace"}}),            Ok(Some("shop"))),
        (json!({"fieldRef": {"fieldPath": "metadata.labels['app']"}}),        Ok(Some("orders"))),
        (json!({"fieldRef": {"fieldPath": "metadata.labels['none']"}}),       Ok(Some(""))),
        (json!({"fieldRef": {"fieldPath": "spec.nodeName"}}),                 Ok(Some("laptop"))),
        (json!({"fieldRef": {"fieldPath": "spec.nonsense"}}),                 Err("unsupported fieldPath: spec.nonsense")),
        (json!({"configMapKeyRef": {"name": "config", "key": "A"}}),          Ok(Some("from-map"))),
        (json!({"configMapKeyRef": {"name": "config", "key": "Z"}}),          Err("couldn't find key Z in configmap shop/config")),
        (json!({"configMapKeyRef": {"name": "none", "key": "Z"}}),            Err("configmap \"none\" not found")),
        (json!({"secretKeyRef": {"name": "none", "key": "Z"}}),               Err("secret \"none\" not found")),
        (json!({"secretKeyRef": {"name": "none", "key": "Z", "optional": true}}), Ok(None)),
        (json!({"secretKeyRef": {"name": "secret", "key": "B"}}),             Ok(Some("secret"))),
    ];
    for (source, expected) in cases {
        let got = composed(json!({"env": [{"name": "V", "valueFrom": source}]}));
        let got =
            got.map(|environment| environment.get("V").cloned()).map_err(|waiting| waiting.message);
        assert_eq!(got, expected.map(|v| v.map(str::to_owned)).map_err(str::to_owned), "{source}");
    }
}

#[test]
fn a_missing_source_of_many_is_waited_for_unless_it_is_optional() {
    let waiting = composed(json!({"envFrom": [{"configMapRef": {"name": "none"}}]})).unwrap_err();
    assert_eq!(
        (waiting.reason, waiting.message.as_str()),
        ("CreateContainerConfigError", "configmap \"none\" not found")
    );
    let empty =
        composed(json!({"envFrom": [{"secretRef": {"name": "none", "optional": true}}]})).unwrap();
    assert!(empty.is_empty());
}
