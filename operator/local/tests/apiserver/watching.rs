//! Watches, raw and through the runtime of kube-rs.

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams},
    core::PartialObjectMeta,
    runtime::{WatchStreamExt, watcher},
};
use operator_local::apiserver::{ApiServer, Options};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{PATIENCE, config, server};

#[tokio::test]
async fn every_change_is_told_in_order() {
    let (_server, client) = server().await;
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    let start = maps.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    let params = WatchParams::default().labels("kept=yes");
    let mut events = maps.watch(&params, &start).await.unwrap().boxed();
    let mut map = config("a", json!({}));
    maps.create(&PostParams::default(), &map).await.unwrap();
    for value in ["yes", "no"] {
        let patch = Patch::Merge(json!({"metadata": {"labels": {"kept": value}}}));
        maps.patch("a", &PatchParams::default(), &patch).await.unwrap();
    }
    map.metadata.name = Some("b".into());
    map.labels_mut().insert("kept".into(), "yes".into());
    maps.create(&PostParams::default(), &map).await.unwrap();
    maps.delete("b", &DeleteParams::default()).await.unwrap();
    let mut told = Vec::new();
    while told.len() < 4 {
        let event = timeout(PATIENCE, events.try_next()).await.unwrap().unwrap().unwrap();
        told.push(match event {
            WatchEvent::Added(object) => format!("+{}", object.name_any()),
            WatchEvent::Modified(object) => format!("~{}", object.name_any()),
            WatchEvent::Deleted(object) => format!("-{}", object.name_any()),
            WatchEvent::Bookmark(_) => continue,
            WatchEvent::Error(error) => panic!("{error:?}"),
        });
    }
    assert_eq!(told, ["+a", "-a", "+b", "-b"]);
}

#[tokio::test]
async fn a_watch_from_before_history_is_told_to_list_again() {
    let options = Options { history: Some(2), ..Options::default() };
    let server = ApiServer::start(options).await.unwrap();
    let maps: Api<ConfigMap> = Api::default_namespaced(server.client().unwrap());
    for n in 0..5 {
        let map = config(&format!("m{n}"), json!({}));
        maps.create(&PostParams::default(), &map).await.unwrap();
    }
    let mut events = maps.watch(&WatchParams::default(), "2").await.unwrap().boxed();
    let first = timeout(PATIENCE, events.try_next()).await.unwrap().unwrap().unwrap();
    assert!(matches!(first, WatchEvent::Error(error) if error.code == 410));
}

#[tokio::test]
async fn the_watcher_of_kube_rs_follows_with_both_strategies() {
    let (_server, client) = server().await;
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    maps.create(&PostParams::default(), &config("before", json!({}))).await.unwrap();
    let strategies =
        [watcher::Config::default().page_size(1), watcher::Config::default().streaming_lists()];
    for strategy in strategies {
        let objects = watcher::watcher(maps.clone(), strategy).default_backoff();
        let mut objects = objects.applied_objects().boxed();
        let first = timeout(PATIENCE, objects.try_next()).await.unwrap().unwrap().unwrap();
        assert_eq!(first.name_any(), "before");
        for value in [json!("b"), Value::Null] {
            let patch = Patch::Merge(json!({"metadata": {"annotations": {"a": value}}}));
            maps.patch("before", &PatchParams::default(), &patch).await.unwrap();
            let next = timeout(PATIENCE, objects.try_next()).await.unwrap().unwrap().unwrap();
            assert_eq!(next.annotations().contains_key("a"), value.is_string());
        }
    }
    let maps: Api<PartialObjectMeta<ConfigMap>> = Api::default_namespaced(client);
    let metadata = watcher::watcher(maps, watcher::Config::default()).applied_objects();
    let first = timeout(PATIENCE, metadata.boxed().try_next()).await.unwrap().unwrap().unwrap();
    assert_eq!(first.name_any(), "before");
}

#[tokio::test]
async fn many_watchers_see_every_object() {
    let (_server, client) = server().await;
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    for batch in 0..20 {
        let made = (0..50).map(|n| {
            let maps = maps.clone();
            async move {
                let map = config(&format!("m{batch}-{n}"), json!({"k": "v"}));
                maps.create(&PostParams::default(), &map).await.unwrap();
            }
        });
        futures::future::join_all(made).await;
    }
    let watchers = (0..8).map(|_| {
        let objects = watcher::watcher(maps.clone(), watcher::Config::default().streaming_lists());
        timeout(PATIENCE, objects.applied_objects().take(1000).count())
    });
    let counts = futures::future::join_all(watchers).await;
    assert!(counts.into_iter().all(|count| count.unwrap() == 1000));
}
