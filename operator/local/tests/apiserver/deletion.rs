//! Finalizers, grace, policies, namespaces.

use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod};
use kube::{
    Api, ResourceExt,
    api::{
        DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy,
    },
    runtime::wait::{await_condition, conditions},
};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{PATIENCE, config, refusal, server, widget, widgets};

#[tokio::test]
async fn finalizers_hold_an_object_until_the_last_is_cleared() {
    let (_server, client) = server().await;
    let widgets = widgets(&client).await;
    let mut made = widget("w", json!({"type": "small"}));
    made.metadata.finalizers = Some(vec!["example.dev/hold".into()]);
    widgets.create(&PostParams::default(), &made).await.unwrap();
    let waiting = widgets.delete("w", &DeleteParams::default()).await.unwrap().left().unwrap();
    assert!(waiting.metadata.deletion_timestamp.is_some());
    let added = Patch::Merge(json!({"metadata": {"finalizers": ["example.dev/hold", "x.dev/y"]}}));
    let (code, _) = refusal(widgets.patch("w", &PatchParams::default(), &added).await.unwrap_err());
    assert_eq!(code, 422);
    let patch: json_patch::Patch = serde_json::from_value(json!([
        {"op": "test", "path": "/metadata/finalizers/0", "value": "example.dev/hold"},
        {"op": "remove", "path": "/metadata/finalizers/0"},
    ]))
    .unwrap();
    let cleared =
        widgets.patch("w", &PatchParams::default(), &Patch::<()>::Json(patch)).await.unwrap();
    assert!(cleared.finalizers().is_empty());
    assert_eq!(refusal(widgets.get("w").await.unwrap_err()).0, 404);
}

#[tokio::test]
async fn pods_end_gracefully() {
    let (_server, client) = server().await;
    let pods: Api<Pod> = Api::default_namespaced(client);
    let pod = |name: &str, node: Value| -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": name},
            "spec": {"nodeName": node, "containers": [{"name": "c", "image": "i"}]},
        }))
        .unwrap()
    };
    pods.create(&PostParams::default(), &pod("p", json!("n"))).await.unwrap();
    let ending = pods.delete("p", &DeleteParams::default()).await.unwrap().left().unwrap();
    assert_eq!(ending.metadata.deletion_grace_period_seconds, Some(30));
    let now = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
    pods.delete("p", &now).await.unwrap();
    assert_eq!(refusal(pods.get("p").await.unwrap_err()).0, 404);
    pods.create(&PostParams::default(), &pod("q", Value::Null)).await.unwrap();
    pods.delete("q", &DeleteParams::default()).await.unwrap();
    assert_eq!(refusal(pods.get("q").await.unwrap_err()).0, 404, "no kubelet knows it");
}

#[tokio::test]
async fn a_namespace_goes_with_its_content() {
    let (_server, client) = server().await;
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let shop: Namespace = serde_json::from_value(json!({"metadata": {"name": "shop"}})).unwrap();
    namespaces.create(&PostParams::default(), &shop).await.unwrap();
    let maps: Api<ConfigMap> = Api::namespaced(client, "shop");
    let mut held = config("held", json!({}));
    held.metadata.finalizers = Some(vec!["example.dev/hold".into()]);
    maps.create(&PostParams::default(), &held).await.unwrap();
    maps.create(&PostParams::default(), &config("free", json!({}))).await.unwrap();
    namespaces.delete("shop", &DeleteParams::default()).await.unwrap();
    let refused = maps.create(&PostParams::default(), &config("late", json!({}))).await;
    assert_eq!(refusal(refused.unwrap_err()).0, 403);
    let uid = namespaces.get("shop").await.unwrap().metadata.uid.unwrap();
    let release = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    maps.patch("held", &PatchParams::default(), &release).await.unwrap();
    let deleted = conditions::is_deleted(&uid);
    timeout(PATIENCE, await_condition(namespaces, "shop", deleted)).await.unwrap().unwrap();
    assert!(maps.list(&ListParams::default()).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn policies_leave_their_finalizers_and_preconditions_hold() {
    let (_server, client) = server().await;
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    let made = maps.create(&PostParams::default(), &config("a", json!({}))).await.unwrap();
    let other = Preconditions { uid: Some("other".into()), resource_version: None };
    let params = DeleteParams { preconditions: Some(other), ..DeleteParams::default() };
    assert_eq!(refusal(maps.delete("a", &params).await.unwrap_err()).0, 409);
    let params = DeleteParams {
        propagation_policy: Some(PropagationPolicy::Foreground),
        ..DeleteParams::default()
    };
    let held = maps.delete("a", &params).await.unwrap().left().unwrap();
    assert_eq!(held.finalizers(), ["foregroundDeletion"]);
    assert_eq!(held.metadata.uid, made.metadata.uid);
}
