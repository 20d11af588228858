//! Server-side apply and field ownership.

use k8s_openapi::api::core::v1::Service;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};

use crate::{refusal, server};

#[tokio::test]
async fn it_merges_conflicts_and_takes_away() {
    let (_server, client) = server().await;
    let services: Api<Service> = Api::default_namespaced(client);
    let document = |ports: Value| {
        Patch::Apply(json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"},
            "spec": {"selector": {"a": "b"}, "ports": ports},
        }))
    };
    let (a, b) = (PatchParams::apply("a"), PatchParams::apply("b"));
    services.patch("s", &a, &document(json!([{"name": "x", "port": 1}]))).await.unwrap();
    let both = services.patch("s", &b, &document(json!([{"name": "y", "port": 2}]))).await.unwrap();
    assert_eq!(both.spec.unwrap().ports.unwrap().len(), 2);
    let other = document(json!([{"name": "z", "port": 1}]));
    let (code, message) = refusal(services.patch("s", &b, &other).await.unwrap_err());
    assert_eq!(code, 409);
    assert!(message.contains("conflict with \"a\""), "{message}");
    let forced = services.patch("s", &b.clone().force(), &other).await.unwrap();
    let ports = forced.spec.unwrap().ports.unwrap();
    assert_eq!(ports.len(), 1, "b no longer applies port 2: {ports:?}");
    assert_eq!(ports[0].name.as_deref(), Some("z"));
}

#[tokio::test]
async fn applying_the_same_again_changes_nothing() {
    let (_server, client) = server().await;
    let services: Api<Service> = Api::default_namespaced(client);
    let document = Patch::Apply(json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "s", "labels": {"x": "y"}},
        "spec": {"ports": [{"port": 80}]},
    }));
    let params = PatchParams::apply("a").force();
    let first = services.patch("s", &params, &document).await.unwrap();
    let second = services.patch("s", &params, &document).await.unwrap();
    assert_eq!(first.metadata.resource_version, second.metadata.resource_version);
}
