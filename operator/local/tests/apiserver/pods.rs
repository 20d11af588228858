//! Logs and events: what is told about a pod.

use std::sync::Arc;

use bytes::Bytes;
use futures::{FutureExt, StreamExt, future::BoxFuture, stream};
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::{
    Api, Resource,
    api::{ListParams, LogParams, PostParams},
    runtime::events::{Event as Recorded, EventType, Recorder},
};
use operator_local::apiserver::{ApiServer, LogError, LogRequest, LogStream, Options, PodLogs};
use serde_json::json;

use crate::{config, refusal};

/// A kubelet whose containers say what they were asked.
struct Echo;

impl PodLogs for Echo {
    fn open(&self, request: LogRequest) -> BoxFuture<'_, Result<LogStream, LogError>> {
        let line = format!(
            "{}/{} {:?} tail={:?}\n",
            request.namespace, request.pod, request.container, request.tail_lines
        );
        let log: LogStream = stream::iter([Ok(Bytes::from(line))]).boxed();
        async move { Ok(log) }.boxed()
    }
}

#[tokio::test]
async fn logs_come_from_whoever_runs_the_containers() {
    let options = Options { pod_logs: Some(Arc::new(Echo)), ..Options::default() };
    let server = ApiServer::start(options).await.unwrap();
    let pods: Api<Pod> = Api::default_namespaced(server.client().unwrap());
    let pod: Pod = serde_json::from_value(json!({
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "a", "image": "x"}]},
    }))
    .unwrap();
    pods.create(&PostParams::default(), &pod).await.unwrap();
    let params = LogParams { tail_lines: Some(3), ..LogParams::default() };
    assert_eq!(pods.logs("p", &params).await.unwrap(), "default/p Some(\"a\") tail=Some(3)\n");
    let params = LogParams { container: Some("z".into()), ..LogParams::default() };
    let error = pods.logs("p", &params).await.unwrap_err();
    assert_eq!(refusal(error).1, "container z is not valid for pod p");
    assert_eq!(refusal(pods.logs("q", &LogParams::default()).await.unwrap_err()).0, 404);
}

#[tokio::test]
async fn events_of_the_new_group_are_seen_in_the_old_one() {
    let (_server, client) = crate::server().await;
    let maps = Api::default_namespaced(client.clone());
    let map = maps.create(&PostParams::default(), &config("a", json!({}))).await.unwrap();
    let about = map.object_ref(&());
    let recorder = Recorder::new(client.clone(), "tester".into());
    let event = Recorded {
        type_: EventType::Normal,
        reason: "Seen".into(),
        note: Some("hello".into()),
        action: "Look".into(),
        secondary: None,
    };
    for _ in 0..3 {
        recorder.publish(&event, &about).await.unwrap();
    }
    let events: Api<Event> = Api::default_namespaced(client);
    let selected = ListParams::default().fields("involvedObject.name=a,reason=Seen");
    let found = events.list(&selected).await.unwrap().items;
    assert_eq!(found.len(), 1, "repetitions are counted: {found:?}");
    assert_eq!(found[0].message.as_deref(), Some("hello"));
    assert_eq!(found[0].series.as_ref().and_then(|series| series.count), Some(3));
}
