//! Create, read, replace, list, delete.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, PostParams},
};
use serde_json::json;

use crate::{config, refusal, server};

#[tokio::test]
async fn objects_are_created_read_replaced_and_deleted() {
    let (_server, client) = server().await;
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    let made = maps.create(&PostParams::default(), &config("a", json!({"k": "v"}))).await.unwrap();
    assert!(made.metadata.uid.is_some() && made.metadata.creation_timestamp.is_some());
    let again = maps.create(&PostParams::default(), &config("a", json!({}))).await.unwrap_err();
    assert_eq!(refusal(again), (409, "configmaps \"a\" already exists".to_owned()));

    let mut changed = made.clone();
    changed.data.get_or_insert_default().insert("k".into(), "w".into());
    let replaced = maps.replace("a", &PostParams::default(), &changed).await.unwrap();
    assert_ne!(replaced.resource_version(), made.resource_version());
    let stale = maps.replace("a", &PostParams::default(), &made).await.unwrap_err();
    assert_eq!(refusal(stale).0, 409);
    let same = maps.replace("a", &PostParams::default(), &replaced).await.unwrap();
    assert_eq!(same.resource_version(), replaced.resource_version(), "nothing changed");

    maps.delete("a", &DeleteParams::default()).await.unwrap().right().unwrap();
    let gone = maps.get("a").await.unwrap_err();
    assert_eq!(refusal(gone), (404, "configmaps \"a\" not found".to_owned()));
    let nowhere: Api<ConfigMap> = Api::namespaced(maps.into_client(), "nowhere");
    let refused = nowhere.create(&PostParams::default(), &config("a", json!({}))).await;
    assert_eq!(refusal(refused.unwrap_err()).1, "namespaces \"nowhere\" not found");
}

#[tokio::test]
async fn lists_come_in_pages_and_can_be_selected() {
    let (_server, client) = server().await;
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    for n in 0..7 {
        let mut map = config(&format!("m{n}"), json!({}));
        let parity = if n % 2 == 0 { "even" } else { "odd" };
        map.labels_mut().insert("parity".into(), parity.into());
        maps.create(&PostParams::default(), &map).await.unwrap();
    }
    let mut params = ListParams::default().limit(3);
    let mut names = Vec::new();
    loop {
        let page = maps.list(&params).await.unwrap();
        names.extend(page.items.iter().map(ResourceExt::name_any));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => break,
        }
    }
    assert_eq!(names, ["m0", "m1", "m2", "m3", "m4", "m5", "m6"]);
    let odd = maps.list(&ListParams::default().labels("parity=odd")).await.unwrap();
    assert_eq!(odd.items.len(), 3);
    let one = maps.list(&ListParams::default().fields("metadata.name=m4")).await.unwrap();
    assert_eq!(one.items.len(), 1);
    maps.delete_collection(&DeleteParams::default(), &ListParams::default().labels("parity=odd"))
        .await
        .unwrap();
    assert_eq!(maps.list(&ListParams::default()).await.unwrap().items.len(), 4);
}

#[tokio::test]
async fn names_are_generated_and_dry_runs_leave_nothing() {
    let (_server, client) = server().await;
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    let mut map = config("x", json!({}));
    map.metadata.name = None;
    map.metadata.generate_name = Some("made-".into());
    let made = maps.create(&PostParams::default(), &map).await.unwrap();
    assert!(made.name_any().starts_with("made-") && made.name_any().len() == 10);
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    maps.create(&dry, &config("dry", json!({}))).await.unwrap();
    assert_eq!(refusal(maps.get("dry").await.unwrap_err()).0, 404);
    let bad = maps.create(&PostParams::default(), &config("Bad_Name", json!({}))).await;
    assert_eq!(refusal(bad.unwrap_err()).0, 422);
}
