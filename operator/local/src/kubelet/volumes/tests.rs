//! Volumes on a real temporary folder.

use std::net::Ipv4Addr;

use serde_json::json;

use super::*;
use crate::kubelet::objects::Fixed;

const PLACE: Place<'_> =
    Place { pod_ip: Ipv4Addr::LOCALHOST, host_ip: Ipv4Addr::LOCALHOST, node: "laptop" };

fn pod(volumes: serde_json::Value) -> Pod {
    serde_json::from_value(json!({
        "metadata": {"name": "orders-0", "namespace": "shop", "labels": {"app": "orders"}},
        "spec": {"containers": [], "volumes": volumes},
    }))
    .unwrap()
}

fn objects() -> Fixed {
    let entries: Entries = [("username", "shop"), ("password", "s3cret")]
        .map(|(key, value)| (key.to_owned(), value.as_bytes().to_vec()))
        .into();
    Fixed {
        secrets: [("credentials".to_owned(), entries)].into(),
        claims: [("data-orders-0".to_owned(), true), ("slow".to_owned(), false)].into(),
        ..Fixed::default()
    }
}

#[test]
fn each_kind_of_volume_becomes_a_folder() {
    let root = tempfile::tempdir().unwrap();
    let volumes = Volumes { own: root.path().join("pod"), claims: root.path().join("claims") };
    let pod = pod(json!([
        {"name": "credentials", "secret": {"secretName": "credentials"}},
        {"name": "one", "secret": {"secretName": "credentials", "items": [{"key": "password", "path": "deep/pw"}]}},
        {"name": "about", "downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
        {"name": "scratch", "emptyDir": {}},
        {"name": "data", "persistentVolumeClaim": {"claimName": "data-orders-0"}},
        {"name": "maybe", "configMap": {"name": "none", "optional": true}},
        {"name": "all", "projected": {"sources": [{"secret": {"name": "credentials"}}]}},
    ]));
    let folders = volumes.prepare(&pod, PLACE, &objects()).unwrap();
    let read = |name: &str, file: &str| fs::read_to_string(folders[name].join(file)).unwrap();
    assert_eq!(read("credentials", "username"), "shop");
    assert_eq!(read("one", "deep/pw"), "s3cret");
    assert_eq!(read("about", "labels"), "app=\"orders\"\n");
    assert_eq!(read("all", "password"), "s3cret");
    assert_eq!(folders["data"], root.path().join("claims/shop/data-orders-0"));
    assert!(folders["scratch"].is_dir() && folders["data"].is_dir() && folders["maybe"].is_dir());
}

#[test]
fn a_volume_that_cannot_be_had_says_what_is_missing() {
    #[rustfmt::skip]
    let cases = [
        // volume                                                    message
        (json!({"secret": {"secretName": "none"}}),                  "secret \"none\" not found"),
        (json!({"configMap": {"name": "none"}}),                     "configmap \"none\" not found"),
        (json!({"persistentVolumeClaim": {"claimName": "none"}}),    "persistentvolumeclaim \"none\" not found"),
        (json!({"persistentVolumeClaim": {"claimName": "slow"}}),    "persistentvolumeclaim \"slow\" is not bound yet"),
        (json!({"secret": {"secretName": "credentials", "items": [{"key": "z", "path": "z"}]}}), "\"credentials\" has no key z"),
    ];
    let root = tempfile::tempdir().unwrap();
    let volumes = Volumes { own: root.path().join("pod"), claims: root.path().join("claims") };
    for (mut volume, message) in cases {
        volume["name"] = json!("v");
        let waiting = volumes.prepare(&pod(json!([volume])), PLACE, &objects()).unwrap_err();
        assert_eq!(waiting, Waiting::mount(message), "{volume}");
    }
}

#[test]
fn a_mount_of_an_unknown_volume_is_refused() {
    let container = json!({"name": "c", "volumeMounts": [{"name": "data", "mountPath": "/data", "subPath": "x"}]});
    let container: Container = serde_json::from_value(container).unwrap();
    let folders = BTreeMap::from([("data".to_owned(), PathBuf::from("/tmp/d"))]);
    assert_eq!(mounts(&container, &folders).unwrap().rewrite("--dir=/data"), "--dir=/tmp/d/x");
    assert_eq!(
        mounts(&container, &BTreeMap::new()).unwrap_err().reason,
        "CreateContainerConfigError"
    );
}
