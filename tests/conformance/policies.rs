//! Policies, set over the management API, and what clients then see.

use std::time::Duration;

use lapin::{
    BasicProperties, Channel,
    options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions},
    types::FieldTable,
};
use rustix::process::Signal;
use serde_json::{Value, json};
use warren_tests::{
    management::{Answer, request},
    patience::SOON,
};

use crate::rig::{
    Rig, bind, declare_exchange, declare_queue, declare_queue_with, drain, expect_counts, publish,
};

/// The API of a broker of our own: one that someone else runs may listen elsewhere.
struct Api(String);

impl Api {
    fn of(rig: &Rig) -> Option<Self> {
        rig.broker.as_ref().map(|_| Self(rig.uri.host.clone()))
    }

    fn put(&self, path: &str, body: &Value) -> Answer {
        request(&self.0, "PUT", path, Some(body))
    }

    fn get(&self, path: &str) -> Value {
        let (status, body) = request(&self.0, "GET", path, None);
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    fn delete(&self, path: &str) -> u16 {
        request(&self.0, "DELETE", path, None).0
    }
}

async fn publish_all(channel: &Channel, queue: &str, bodies: &[&str]) {
    for body in bodies {
        publish(channel, "", queue, body).await;
    }
}

#[tokio::test]
async fn a_policy_changes_queues_that_are_there_and_those_to_come() {
    let rig = Rig::start();
    let Some(api) = Api::of(&rig) else { return };
    let (_connection, channel) = rig.channel().await;
    for queue in ["orders", "graveyard", "other"] {
        declare_queue(&channel, queue).await;
    }
    publish_all(&channel, "orders", &["a", "b", "c"]).await;
    expect_counts(&channel, "orders", (3, 0)).await;

    let definition = json!({
        "max-length": 1, "dead-letter-exchange": "", "dead-letter-routing-key": "graveyard",
    });
    let policy = json!({"pattern": "^orders", "definition": definition, "apply-to": "queues"});
    assert_eq!(api.put("/policies/%2F/short", &policy).0, 201);
    assert_eq!(api.put("/policies/%2F/short", &policy).0, 204);
    expect_counts(&channel, "graveyard", (2, 0)).await;
    assert_eq!(drain(&channel, "orders").await, ["c"]);
    assert_eq!(drain(&channel, "graveyard").await, ["a", "b"], "the excess goes at once");

    declare_queue(&channel, "orders-too").await;
    publish_all(&channel, "orders-too", &["1", "2"]).await;
    publish_all(&channel, "other", &["1", "2"]).await;
    expect_counts(&channel, "orders-too", (1, 0)).await;
    expect_counts(&channel, "other", (2, 0)).await;

    let listed = api.get("/queues/%2F/orders");
    assert_eq!(listed["policy"], "short");
    assert_eq!(listed["operator_policy"], Value::Null);
    assert_eq!(listed["effective_policy_definition"], definition);
    assert_eq!(listed["arguments"], json!({}), "what was declared stays what it was");
    assert_eq!(api.get("/queues/%2F/other")["policy"], Value::Null);
    declare_queue(&channel, "orders").await;

    let operator = json!({"pattern": ".", "definition": {"max-length": 0}, "priority": 3});
    assert_eq!(api.put("/operator-policies/%2F/none", &operator).0, 201);
    expect_counts(&channel, "other", (0, 0)).await;
    let listed = api.get("/queues/%2F/orders");
    assert_eq!(listed["operator_policy"], "none");
    assert_eq!(listed["effective_policy_definition"]["max-length"], 0);
    assert_eq!(api.delete("/operator-policies/%2F/none"), 204);
    assert_eq!(api.delete("/policies/%2F/short"), 204);
    assert_eq!(api.delete("/policies/%2F/short"), 404);
    publish_all(&channel, "orders", &["1", "2"]).await;
    expect_counts(&channel, "orders", (2, 0)).await;
}

#[tokio::test]
async fn a_policy_gives_an_exchange_its_alternate() {
    let rig = Rig::start();
    let Some(api) = Api::of(&rig) else { return };
    let (_connection, channel) = rig.channel().await;
    declare_exchange(&channel, "main", lapin::ExchangeKind::Direct).await;
    declare_exchange(&channel, "rest", lapin::ExchangeKind::Fanout).await;
    declare_queue(&channel, "unroutable").await;
    bind(&channel, "unroutable", "rest", "").await;
    publish(&channel, "main", "k", "lost").await;
    expect_counts(&channel, "unroutable", (0, 0)).await;
    let policy = json!({"pattern": "^main$", "definition": {"alternate-exchange": "rest"}, "apply-to": "exchanges"});
    assert_eq!(api.put("/policies/%2F/ae", &policy).0, 201);
    publish(&channel, "main", "k", "found").await;
    expect_counts(&channel, "unroutable", (1, 0)).await;
    assert_eq!(drain(&channel, "unroutable").await, ["found"]);
    assert_eq!(api.get("/exchanges/%2F/main")["policy"], "ae");
    assert_eq!(api.get("/exchanges/%2F/rest")["policy"], Value::Null);
}

#[tokio::test]
async fn a_policy_that_makes_no_sense_is_refused_by_name() {
    let rig = Rig::start();
    let Some(api) = Api::of(&rig) else { return };
    let definition = json!({"max-length": 1});
    #[rustfmt::skip]
    let cases = [
        ("/policies/%2F/p", json!({"definition": definition}),                     400, "pattern"),
        ("/policies/%2F/p", json!({"pattern": "x"}),                               400, "definition"),
        ("/policies/%2F/p", json!({"pattern": "a(", "definition": definition}),    400, "'a('"),
        ("/policies/%2F/p", json!({"pattern": "", "definition": {}}),              400, "empty"),
        ("/policies/%2F/p", json!({"pattern": "", "definition": {"max-len": 1}}),  400, "'max-len'"),
        ("/policies/%2F/p", json!({"pattern": "", "definition": {"overflow": 1}}), 400, "'overflow': one of: drop-head"),
        ("/policies/%2F/p", json!({"pattern": "", "definition": definition, "apply-to": "queue"}), 400, "apply-to 'queue'"),
        ("/policies/%2F/p", json!({"pattern": "", "definition": definition, "priority": "x"}), 400, "i64"),
        ("/policies/%2F/p", json!([1]),                                            400, ""),
        ("/policies/no/p",  json!({"pattern": "", "definition": definition}),      404, ""),
        ("/operator-policies/%2F/p", json!({"pattern": "", "definition": {"dead-letter-exchange": ""}}), 400, "'dead-letter-exchange'"),
    ];
    for (path, body, status, reason) in cases {
        let (got, failure) = api.put(path, &body);
        assert_eq!(got, status, "{body}: {failure}");
        let text = failure["reason"].as_str().unwrap();
        assert!(text.contains(reason), "{body}: {text}");
    }
    assert_eq!(api.get("/policies"), json!([]));
    assert_eq!(request(&api.0, "GET", "/policies/%2F/p", None).0, 404);
    assert_eq!(request(&api.0, "GET", "/policies/no", None).0, 404);
}

#[tokio::test]
async fn policies_survive_the_broker() {
    let mut rig = Rig::start();
    let Some(api) = Api::of(&rig) else { return };
    let (connection, channel) = rig.channel().await;
    let durable = QueueDeclareOptions { durable: true, ..Default::default() };
    declare_queue_with(&channel, "q", durable).await;
    let policy = json!({
        "pattern": "q", "definition": {"max-length": 2, "overflow": "reject-publish"}, "priority": -7,
    });
    assert_eq!(api.put("/policies/%2F/p", &policy).0, 201);
    assert_eq!(api.put("/policies/%2F/gone", &policy).0, 201);
    assert_eq!(api.delete("/policies/%2F/gone"), 204);
    drop(connection);
    let broker = rig.broker.as_mut().unwrap();
    broker.process.signal(Signal::KILL);
    broker.process.wait(SOON);
    broker.start_again();

    let all = api.get("/policies");
    assert_eq!(all.as_array().map(Vec::len), Some(1), "{all}");
    assert_eq!(all[0]["priority"], -7);
    let (_connection, channel) = rig.channel().await;
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    let mut outcomes = Vec::new();
    for body in ["1", "2", "3"] {
        let how = BasicPublishOptions::default();
        let persistent = BasicProperties::default().with_delivery_mode(2);
        let sent = channel
            .basic_publish("".into(), "q".into(), how, body.as_bytes(), persistent)
            .await
            .unwrap();
        outcomes.push(tokio::time::timeout(SOON, sent).await.unwrap().unwrap().is_ack());
    }
    assert_eq!(outcomes, [true, true, false], "the third is refused");
}

#[tokio::test]
async fn a_policy_lets_messages_and_queues_expire() {
    let rig = Rig::start();
    let Some(api) = Api::of(&rig) else { return };
    let (_connection, channel) = rig.channel().await;
    declare_queue(&channel, "messages").await;
    declare_queue(&channel, "queue").await;
    let policy =
        |pattern: &str, definition: Value| json!({"pattern": pattern, "definition": definition});
    publish(&channel, "", "messages", "before").await;
    expect_counts(&channel, "messages", (1, 0)).await;
    api.put("/policies/%2F/ttl", &policy("^messages$", json!({"message-ttl": 50})));
    api.put("/policies/%2F/exp", &policy("^queue$", json!({"expires": 100})));
    assert_eq!(drain(&channel, "messages").await, ["before"], "it had no end when it came");
    publish(&channel, "", "messages", "after").await;
    tokio::time::sleep(Duration::from_millis(120)).await;
    assert!(drain(&channel, "messages").await.is_empty());
    let passive = QueueDeclareOptions { passive: true, ..Default::default() };
    let gone = channel.queue_declare("queue".into(), passive, FieldTable::default()).await;
    assert!(gone.is_err(), "the queue has gone");
}
