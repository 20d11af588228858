//! The management API: who may, what it changes, and that it lasts.

use rustix::process::Signal;
use serde_json::{Value, json};
use warren_tests::{
    client::Client,
    management::{Answer, request, request_as},
    patience::SOON,
    uri::Uri,
};

use crate::rig::{Rig, drain};

/// What RabbitMQ 3.10 exports, with the things of plug-ins that this broker has not.
const FROM_RABBITMQ: &str = include_str!("managing/rabbitmq-3.10.json");

/// The API of a broker of our own.
pub(crate) struct Api(pub(crate) String);

// === impl Api ===

impl Api {
    pub(crate) fn of(rig: &Rig) -> Option<Self> {
        rig.broker.as_ref().map(|_| Self(rig.uri.host.clone()))
    }

    pub(crate) fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        request(&self.0, method, path, Some(body).filter(|body| !body.is_null()))
    }

    #[track_caller]
    pub(crate) fn does(&self, method: &str, path: &str, body: &Value, expected: u16) -> Value {
        let (status, answer) = self.ask(method, path, body);
        assert_eq!(status, expected, "{method} {path}: {answer}");
        answer
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Value {
        self.does("GET", path, &Value::Null, 200)
    }
}

/// The names in a list.
pub(crate) fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().filter_map(|item| item["name"].as_str()).collect()
}

#[test]
fn tags_decide_what_may_be_asked_for() {
    let rig = Rig::start();
    let Some(api) = Api::of(&rig) else { return };
    for tag in ["management", "policymaker", "monitoring", "administrator", ""] {
        let name = if tag.is_empty() { "none" } else { tag };
        api.does("PUT", &format!("/users/{name}"), &json!({"password": "p", "tags": tag}), 201);
    }
    api.does("PUT", "/vhosts/hidden", &json!({}), 201);
    let all = json!({"configure": ".*", "write": ".*", "read": ".*"});
    for name in ["management", "policymaker", "none"] {
        api.does("PUT", &format!("/permissions/%2F/{name}"), &all, 201);
    }
    let policy = json!({"pattern": "^x", "definition": {"max-length": 1}});
    let limit = json!({"value": 5});
    #[rustfmt::skip]
    let cases = [
        // method  path                              body            none mgmt policy monit admin
        ("GET",    "/whoami",                         &Value::Null, [401, 200, 200, 200, 200]),
        ("GET",    "/users",                          &Value::Null, [401, 401, 401, 401, 200]),
        ("GET",    "/permissions",                    &Value::Null, [401, 401, 401, 401, 200]),
        ("GET",    "/queues/%2F",                     &Value::Null, [401, 200, 200, 200, 200]),
        ("GET",    "/queues/hidden",                  &Value::Null, [401, 401, 401, 200, 200]),
        ("PUT",    "/queues/hidden/q",                &all,         [401, 401, 401, 401, 401]),
        ("PUT",    "/vhosts/new",                     &Value::Null, [401, 401, 401, 401, 201]),
        ("PUT",    "/policies/%2F/p",                 &policy,      [401, 401, 201, 401, 204]),
        ("PUT",    "/operator-policies/%2F/p",        &policy,      [401, 401, 401, 401, 201]),
        ("PUT",    "/vhost-limits/%2F/max-queues",    &limit,       [401, 401, 401, 401, 204]),
        ("GET",    "/definitions",                    &Value::Null, [401, 401, 401, 401, 200]),
    ];
    for (method, path, body, expected) in cases {
        let tags = ["none", "management", "policymaker", "monitoring", "administrator"];
        for (user, expected) in tags.into_iter().zip(expected) {
            let body = Some(body).filter(|body| !body.is_null());
            let (status, answer) = request_as(&api.0, &format!("{user}:p"), method, path, body);
            assert_eq!(status, expected, "{user}: {method} {path}: {answer}");
        }
    }
    // Who may look at all vhosts may still not make policies where he may not enter.
    api.does(
        "PUT",
        "/users/both",
        &json!({"password": "p", "tags": "monitoring,policymaker"}),
        201,
    );
    let refused = request_as(&api.0, "both:p", "PUT", "/policies/hidden/p", Some(&policy));
    assert_eq!(refused.0, 401, "{}", refused.1);
    let (_, seen) = request_as(&api.0, "management:p", "GET", "/vhosts", None);
    assert_eq!(names(&seen), ["/"]);
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    let rig = Rig::start();
    let Some(api) = Api::of(&rig) else { return };
    let long = "n".repeat(256);
    let (queue, exchange, policy) = (
        format!("/queues/%2F/{long}"),
        format!("/exchanges/%2F/{long}"),
        format!("/policies/%2F/{long}"),
    );
    // More than what is stored could be read with.
    let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
    #[rustfmt::skip]
    let cases = [
        ("PUT",    &*queue,                       json!({}),                                         400, "255 bytes"),
        ("PUT",    &*exchange,                    json!({"type": "direct"}),                         400, "255 bytes"),
        ("PUT",    &*policy,                      json!({"pattern": "x", "definition": {"expires": 1}}), 400, "255 bytes"),
        ("POST",   "/bindings/%2F/e/amq.topic/q/q", json!({"routing_key": long}),                    400, "255 bytes"),
        ("PUT",    "/queues/%2F/q",               json!({"durable": true, "arguments": {"k": deep}}), 400, "too deeply"),
        ("PUT",    "/users/u",                    json!({"password": "p"}),                          400, "tags_not_present"),
        ("PUT",    "/users/u",                    json!({"password": "p", "password_hash": "x", "tags": ""}), 400, "both_password"),
        ("PUT",    "/users/u",                    json!({"password_hash": "x", "tags": ""}),         400, "base64"),
        ("PUT",    "/permissions/%2F/nobody",     json!({"configure": "", "write": "", "read": ""}), 400, "no such user 'nobody'"),
        ("PUT",    "/permissions/none/guest",     json!({"configure": "", "write": "", "read": ""}), 404, "Not Found"),
        ("PUT",    "/permissions/%2F/guest",      json!({"configure": "(", "write": "", "read": ""}), 400, "'(' for configure"),
        ("PUT",    "/permissions/%2F/guest",      json!({"configure": ".*", "write": ""}),           400, "missing field `read`"),
        ("PUT",    "/vhost-limits/%2F/max-beans", json!({"value": 1}),                               400, "unrecognised limit 'max-beans'"),
        ("PUT",    "/exchanges/%2F/x",            json!({"type": "nonesuch"}),                       400, "unknown exchange type 'nonesuch'"),
        ("PUT",    "/queues/%2F/q",               json!({"arguments": {"x-max-length": "a"}}),       400, "406 PRECONDITION_FAILED - invalid arg 'x-max-length'"),
        ("DELETE", "/queues/%2F/none",            Value::Null,                                       404, "no queue 'none'"),
        ("DELETE", "/exchanges/%2F/amq.topic",    Value::Null,                                       401, "system exchange"),
        ("POST",   "/bindings/%2F/e/none/q/none", json!({}),                                         404, "no "),
        ("POST",   "/users",                      json!({}),                                         405, "not for it"),
        ("GET",    "/nonesuch",                   Value::Null,                                       404, "no such resource"),
        ("POST",   "/queues/%2F/none/get",        json!({"count": 1, "ackmode": "x", "encoding": "auto"}), 404, "no queue"),
    ];
    for (method, path, body, status, reason) in cases {
        let answer = api.does(method, path, &body, status);
        let text = answer["reason"].as_str().unwrap_or_default();
        assert!(text.contains(reason), "{method} {path}: {answer}");
    }
}

#[tokio::test]
async fn messages_are_published_and_got() {
    let rig = Rig::start();
    let Some(api) = Api::of(&rig) else { return };
    api.does("PUT", "/queues/%2F/q", &json!({}), 201);
    let publish = |key: &str, payload: &str, encoding: &str| {
        let properties = json!({"delivery_mode": 2, "headers": {"h": 1}, "message_id": "m"});
        let body = json!({
            "properties": properties, "routing_key": key, "payload": payload,
            "payload_encoding": encoding,
        });
        api.does("POST", "/exchanges/%2F/amq.default/publish", &body, 200)["routed"].as_bool()
    };
    assert_eq!(publish("q", "hello", "string"), Some(true));
    assert_eq!(publish("q", "AP8=", "base64"), Some(true));
    assert_eq!(publish("none", "lost", "string"), Some(false));
    let get = |ackmode: &str| {
        let body = json!({"count": "5", "ackmode": ackmode, "encoding": "auto", "truncate": 3});
        api.does("POST", "/queues/%2F/q/get", &body, 200)
    };
    let got = get("ack_requeue_true");
    assert_eq!(got[0]["payload"], "hel");
    assert_eq!(got[0]["payload_bytes"], 5);
    assert_eq!(got[0]["message_count"], 1);
    assert_eq!(got[0]["properties"]["headers"], json!({"h": 1}));
    assert_eq!(
        (&got[1]["payload"], &got[1]["payload_encoding"]),
        (&json!("AP8="), &json!("base64"))
    );
    let again = get("ack_requeue_false");
    assert_eq!(again[0]["redelivered"], true);
    assert_eq!(get("ack_requeue_false"), json!([]));
    publish("q", "rest", "string");
    api.does("DELETE", "/queues/%2F/q/contents", &Value::Null, 204);
    let (_connection, channel) = rig.channel().await;
    assert!(drain(&channel, "q").await.is_empty());
    api.does("DELETE", "/queues/%2F/q?if-empty=true", &Value::Null, 204);
}

#[test]
fn all_of_it_is_there_after_a_crash() {
    let mut rig = Rig::start();
    let Some(api) = Api::of(&rig) else { return };
    api.does(
        "PUT",
        "/vhosts/v",
        &json!({"description": "d", "tags": "a,b", "default_queue_type": "quorum"}),
        201,
    );
    api.does("PUT", "/users/u", &json!({"password": "secret", "tags": "monitoring"}), 201);
    api.does(
        "PUT",
        "/permissions/v/u",
        &json!({"configure": "", "write": "^w", "read": ".*"}),
        201,
    );
    api.does(
        "PUT",
        "/topic-permissions/v/u",
        &json!({"exchange": "amq.topic", "write": "^{vhost}", "read": ""}),
        201,
    );
    api.does("PUT", "/vhost-limits/v/max-queues", &json!({"value": 3}), 204);
    api.does("PUT", "/user-limits/u/max-channels", &json!({"value": 4}), 204);
    api.does("PUT", "/global-parameters/g", &json!({"value": {"deep": [1]}}), 201);
    api.does("PUT", "/queues/v/q", &json!({}), 201);
    assert_eq!(api.get("/queues/v/q")["arguments"]["x-queue-type"], "quorum");
    api.does("POST", "/bindings/v/e/amq.topic/q/q", &json!({"routing_key": "k"}), 201);
    let before = api.get("/definitions");
    let broker = rig.broker.as_mut().unwrap();
    broker.process.signal(Signal::KILL);
    broker.process.wait(SOON);
    broker.start_again();
    assert_eq!(api.get("/definitions"), before);
    assert_eq!(api.get("/users/u")["limits"], json!({"max-channels": 4}));
    let (status, _) = request_as(&api.0, "u:secret", "GET", "/whoami", None);
    assert_eq!(status, 200);
    api.does("POST", "/users/bulk-delete", &json!({"users": ["u", "nobody"]}), 204);
    api.does("DELETE", "/vhosts/v", &Value::Null, 204);
    assert_eq!(names(&api.get("/vhosts")), ["/"]);
}

#[test]
fn definitions_go_from_one_broker_to_another() {
    let (one, other) = (Rig::start(), Rig::start());
    let Some((from, to)) = Api::of(&one).zip(Api::of(&other)) else { return };
    from.does("POST", "/definitions", &serde_json::from_str(FROM_RABBITMQ).unwrap(), 204);
    let exported = from.get("/definitions");
    assert_eq!(names(&exported["vhosts"]), ["/", "shop"]);
    assert_eq!(names(&exported["exchanges"]), ["orders"]);
    assert_eq!(names(&exported["queues"]), ["billing"]);
    assert_eq!(names(&exported["policies"]), ["short"]);
    let parameters = &exported["parameters"];
    assert_eq!(parameters[0]["value"], json!({"max-connections": 100}));
    assert_eq!(parameters[1]["component"], "operator_policy");
    let bound = from.get("/queues/shop/billing/bindings");
    assert_eq!(bound[1]["routing_key"], "order.#");
    let login = Uri {
        user: "app".into(),
        password: "test12".into(),
        vhost: "shop".into(),
        ..one.uri.clone()
    };
    Client::connect(&login).expect("RabbitMQ's hash of the password is as good");
    to.does("POST", "/definitions", &exported, 204);
    assert_eq!(to.get("/definitions"), exported);
    let vhost = from.get("/definitions/shop");
    to.does("PUT", "/vhosts/copy", &json!({}), 201);
    to.does("POST", "/definitions/copy", &vhost, 204);
    assert_eq!(names(&to.get("/queues/copy")), ["billing"]);
}

#[test]
fn lists_come_as_they_are_asked_for() {
    let rig = Rig::start();
    let Some(api) = Api::of(&rig) else { return };
    for number in 0..5 {
        api.does("PUT", &format!("/queues/%2F/q{number}"), &json!({}), 201);
    }
    let page = api.get("/queues?page=2&page_size=2&sort=name&sort_reverse=true&columns=name");
    assert_eq!(page["items"], json!([{"name": "q2"}, {"name": "q1"}]));
    assert_eq!((&page["total_count"], &page["page_count"]), (&json!(5), &json!(3)));
    assert_eq!(names(&api.get("/queues?name=%5Eq%5B34%5D&use_regex=true")), ["q3", "q4"]);
    let mut client = Client::connect(&rig.uri).unwrap();
    let connections = api.get("/connections?columns=name,user");
    assert_eq!(connections[0]["user"], "guest");
    let name = connections[0]["name"].as_str().unwrap().replace(' ', "%20").replace('>', "%3E");
    api.does("PUT", "/users/watcher", &json!({"password": "p", "tags": "monitoring"}), 201);
    let path = format!("/connections/{name}");
    let (seen, _) = request_as(&api.0, "watcher:p", "GET", &path, None);
    let (closed, _) = request_as(&api.0, "watcher:p", "DELETE", &path, None);
    assert_eq!((seen, closed), (200, 401), "who watches others may not cut them off");
    api.does("DELETE", &path, &Value::Null, 204);
    let reason = format!("{:#}", client.open_channel(1).unwrap_err());
    assert!(reason.contains("320 CONNECTION_FORCED - Closed via management plugin"), "{reason}");
}

#[test]
fn a_document_with_a_mistake_changes_nothing() {
    let rig = Rig::start();
    let Some(api) = Api::of(&rig) else { return };
    api.does("PUT", "/queues/%2F/there", &json!({"durable": true}), 201);
    let queue = |name: &str, arguments: Value| json!({"name": name, "vhost": "/", "durable": true, "arguments": arguments});
    let binding = json!({"source": "made", "vhost": "/", "destination": "none", "destination_type": "queue", "routing_key": ""});
    let permission =
        json!({"user": "made", "vhost": "/", "configure": "(", "write": "", "read": ""});
    let foreign = json!({"user": "none", "vhost": "/", "configure": "", "write": "", "read": ""});
    let policy =
        json!({"name": "p", "vhost": "/", "pattern": "x", "definition": {"max-length": "many"}});
    #[rustfmt::skip]
    let mistakes = [
        ("users",       json!({"name": "bad", "password_hash": "?", "tags": ""})),
        ("vhosts",      json!({"name": ""})),
        ("permissions", permission),
        ("permissions", foreign),
        ("policies",    policy),
        ("parameters",  json!({"component": "vhost-limits", "vhost": "/", "name": "limits", "value": {"max-cats": 1}})),
        ("exchanges",   json!({"name": "bad", "vhost": "/", "type": "none"})),
        ("exchanges",   json!({"name": "bad", "vhost": "none", "type": "direct"})),
        ("queues",      queue("there", json!({"x-max-length": 1}))),
        ("queues",      queue("bad", json!({"x-max-length": "many"}))),
        ("bindings",    binding),
    ];
    let before = api.get("/definitions");
    for (kind, mistake) in mistakes {
        let mut document = json!({
            "users": [{"name": "made", "password_hash": "", "tags": ""}],
            "vhosts": [{"name": "made"}],
            "permissions": [], "policies": [], "parameters": [],
            "exchanges": [{"name": "made", "vhost": "/", "type": "direct", "durable": true}],
            "queues": [queue("made", json!({}))],
            "bindings": [],
        });
        document[kind].as_array_mut().unwrap().push(mistake.clone());
        let (status, answer) = api.ask("POST", "/definitions", &document);
        assert!((400..405).contains(&status), "{kind}: {mistake}: {status} {answer}");
        assert_eq!(api.get("/definitions"), before, "{kind}: {mistake}: {answer}");
    }
}
