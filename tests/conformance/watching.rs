//! The management API's lists of what goes on now: connections, channels, consumers, the node.

use lapin::{
    Channel, Connection, Consumer,
    options::{
        BasicConsumeOptions, BasicGetOptions, BasicQosOptions, ConfirmSelectOptions,
        QueueDeclareOptions,
    },
    types::{AMQPValue, FieldTable},
};
use serde_json::{Value, json};
use warren_tests::{
    management::request_as,
    patience::{SOON, until_true},
    uri::Uri,
};

use crate::{
    managing::{Api, names},
    rig::{Rig, declare_queue, next, publish},
};

/// What is watched: two channels of one connection, with three consumers on two queues.
struct Scene {
    _connection: Connection,
    _channels: [Channel; 2],
    _consumers: Vec<Consumer>,
    /// The connection's name.
    name: String,
}

async fn consume(channel: &Channel, queue: &str, tag: &str, no_ack: bool) -> Consumer {
    let how = BasicConsumeOptions { no_ack, ..Default::default() };
    let mut arguments = FieldTable::default();
    if !no_ack {
        arguments.insert("x-priority".into(), AMQPValue::LongInt(3));
    }
    channel.basic_consume(queue.into(), tag.into(), how, arguments).await.unwrap()
}

// === impl Scene ===

impl Scene {
    async fn set(rig: &Rig, api: &Api) -> Self {
        let (connection, first) = rig.channel().await;
        let second = connection.create_channel().await.unwrap();
        first.basic_qos(7, BasicQosOptions::default()).await.unwrap();
        second.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        declare_queue(&first, "plain").await;
        let mut single = FieldTable::default();
        single.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
        let how = QueueDeclareOptions::default();
        second.queue_declare("single".into(), how, single).await.unwrap();
        for _ in 0..20 {
            publish(&second, "", "plain", "body").await;
        }
        second.wait_for_confirms().await.unwrap();
        let mut taking = consume(&first, "plain", "taking", false).await;
        for _ in 0..7 {
            next(&mut taking).await;
        }
        let active = consume(&second, "single", "active", true).await;
        let waiting = consume(&second, "single", "waiting", true).await;
        let connections = api.get("/connections");
        let name = connections[0]["name"].as_str().unwrap().to_owned();
        let consumers = vec![taking, active, waiting];
        Self { _connection: connection, _channels: [first, second], _consumers: consumers, name }
    }

    fn encoded(&self) -> String {
        self.name.replace(' ', "%20").replace(':', "%3A").replace('>', "%3E")
    }
}

/// The fields of an object that are asked for, in that order.
fn fields(object: &Value, wanted: &[&str]) -> Vec<Value> {
    wanted.iter().map(|field| object[field].clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_tell_how_they_are() {
    let rig = Rig::start();
    let Some(api) = Api::of(&rig) else { return };
    let scene = Scene::set(&rig, &api).await;
    let wanted =
        ["number", "prefetch_count", "confirm", "consumer_count", "messages_unacknowledged"];
    let all = api.get("/channels");
    assert_eq!(fields(&all[0], &wanted), [json!(1), json!(7), json!(false), json!(1), json!(7)]);
    assert_eq!(fields(&all[1], &wanted), [json!(2), json!(0), json!(true), json!(2), json!(0)]);
    assert_eq!(all[1]["message_stats"], json!({"publish": 20, "confirm": 20, "deliver_get": 0}));
    assert_eq!(names(&all), [format!("{} (1)", scene.name), format!("{} (2)", scene.name)]);
    assert_eq!(all[0]["connection_details"]["name"], json!(scene.name));
    let same = format!("/connections/{}/channels", scene.encoded());
    for path in ["/vhosts/%2F/channels", &same] {
        assert_eq!(api.get(path), all, "{path}");
    }
    let one = api.get(&format!("/channels/{}%20(2)", scene.encoded()));
    let tags: Vec<_> = one["consumer_details"].as_array().unwrap().iter().collect();
    assert_eq!(
        tags.iter().map(|tag| &tag["consumer_tag"]).collect::<Vec<_>>(),
        ["active", "waiting"]
    );
    for missing in [" (3)", " (x)", "", "("] {
        let path = format!("/channels/{}{}", scene.encoded(), missing.replace(' ', "%20"));
        api.does("GET", &path, &Value::Null, 404);
    }
    let page = api.get("/channels?page=2&page_size=1&columns=number,user&sort=number");
    assert_eq!(page["items"], json!([{"number": 2, "user": "guest"}]));
    assert_eq!(page["total_count"], json!(2));
    drop(scene);
    until_true("no channel is left", SOON, || api.get("/channels") == json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_is_seen_before_its_commit() {
    let rig = Rig::start();
    let Some(api) = Api::of(&rig) else { return };
    let (_connection, channel) = rig.channel().await;
    declare_queue(&channel, "queue").await;
    publish(&channel, "", "queue", "before").await;
    channel.tx_select().await.unwrap();
    publish(&channel, "", "queue", "within").await;
    let how = BasicGetOptions::default();
    let got = channel.basic_get("queue".into(), how).await.unwrap().unwrap();
    got.acker.ack(Default::default()).await.unwrap();
    channel.basic_qos(0, BasicQosOptions::default()).await.unwrap();
    let wanted = ["transactional", "messages_uncommitted", "acks_uncommitted"];
    let seen = api.get("/channels");
    assert_eq!(fields(&seen[0], &wanted), [json!(true), json!(1), json!(1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn consumers_tell_whose_turn_it_is() {
    let rig = Rig::start();
    let Some(api) = Api::of(&rig) else { return };
    let scene = Scene::set(&rig, &api).await;
    let wanted = [
        "consumer_tag",
        "ack_required",
        "active",
        "activity_status",
        "prefetch_count",
        "arguments",
    ];
    #[rustfmt::skip]
    let expected = [
        json!(["taking",  true,  true,  "up",            7, {"x-priority": 3}]),
        json!(["active",  false, true,  "single_active", 0, {}]),
        json!(["waiting", false, false, "waiting",       0, {}]),
    ];
    for path in ["/consumers", "/consumers/%2F"] {
        let all = api.get(path);
        let all: Vec<_> =
            all.as_array().unwrap().iter().map(|one| Value::from(fields(one, &wanted))).collect();
        assert_eq!(all, expected, "{path}");
    }
    api.does("GET", "/consumers/none", &Value::Null, 404);
    let queue = api.get("/queues/%2F/plain");
    let details = &queue["consumer_details"];
    assert_eq!(Value::from(fields(&details[0], &wanted)), expected[0]);
    assert_eq!(details[0]["queue"], json!({"name": "plain", "vhost": "/"}));
    let channel = json!({
        "name": format!("{} (1)", scene.name), "number": 1, "user": "guest",
        "connection_name": scene.name, "node": queue["node"],
        "peer_host": details[0]["channel_details"]["peer_host"],
        "peer_port": details[0]["channel_details"]["peer_port"],
    });
    assert_eq!(details[0]["channel_details"], channel);
    // A list of queues asks no connection.
    assert!(api.get("/queues/%2F")[0].get("consumer_details").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn others_channels_are_for_those_who_may_look_at_everything() {
    let rig = Rig::start();
    let Some(api) = Api::of(&rig) else { return };
    let all = json!({"configure": ".*", "write": ".*", "read": ".*"});
    for tag in ["management", "monitoring"] {
        api.does("PUT", &format!("/users/{tag}"), &json!({"password": "p", "tags": tag}), 201);
        api.does("PUT", &format!("/permissions/%2F/{tag}"), &all, 201);
    }
    let scene = Scene::set(&rig, &api).await;
    let own = Uri { user: "management".into(), password: "p".into(), ..rig.uri.clone() };
    let mut own = warren_tests::client::Client::connect(&own).unwrap();
    own.open_channel(9).unwrap();
    #[rustfmt::skip]
    let cases = [
        // path                                             management        monitoring
        ("/channels".to_owned(),                            Some(1),          Some(3)),
        ("/vhosts/%2F/channels".to_owned(),                 Some(1),          Some(3)),
        ("/vhosts/%2F/connections".to_owned(),              Some(1),          Some(2)),
        ("/connections/username/guest".to_owned(),          Some(0),          Some(1)),
        ("/consumers".to_owned(),                           Some(0),          Some(3)),
        (format!("/connections/{}/channels", scene.encoded()), None,          Some(2)),
        ("/nodes".to_owned(),                               None,             Some(1)),
    ];
    for (path, management, monitoring) in cases {
        for (user, expected) in [("management", management), ("monitoring", monitoring)] {
            let (status, answer) = request_as(&api.0, &format!("{user}:p"), "GET", &path, None);
            let found = (status == 200).then(|| answer.as_array().unwrap().len());
            assert_eq!(found, expected, "{user}: {path}: {answer}");
        }
    }
}

#[test]
fn the_node_tells_how_it_is() {
    let rig = Rig::start();
    let Some(api) = Api::of(&rig) else { return };
    let nodes = api.get("/nodes");
    let node = &nodes[0];
    for positive in ["mem_used", "mem_limit", "disk_free", "fd_used", "fd_total", "processors"] {
        assert!(node[positive].as_u64().unwrap() > 0, "{positive}: {node}");
    }
    let wanted = ["running", "mem_alarm", "disk_free_alarm", "type"];
    assert_eq!(fields(node, &wanted), [json!(true), json!(false), json!(false), json!("disc")]);
    let overview = api.get("/overview");
    assert_eq!(overview["node"], node["name"]);
    assert!(overview["management_version"].is_string(), "{overview}");
    let name = node["name"].as_str().unwrap();
    let known = api.get(&format!("/nodes/{name}"));
    assert_eq!(known["name"], node["name"]);
    for path in ["/nodes/other", "/healthchecks/node/other", "/aliveness-test/other"] {
        api.does("GET", path, &Value::Null, 404);
    }
    let checks = ["/healthchecks/node".to_owned(), format!("/healthchecks/node/{name}")];
    for path in checks.iter().map(String::as_str).chain(["/aliveness-test/%2F"]) {
        assert_eq!(api.get(path), json!({"status": "ok"}), "{path}");
    }
    assert_eq!(api.get("/queues/%2F/aliveness-test")["messages"], json!(0));
}

#[test]
fn a_connection_that_was_closed_is_not_listed_any_more() {
    let rig = Rig::start();
    let Some(api) = Api::of(&rig) else { return };
    let mut client = rig.client();
    let open = api.get("/connections");
    let name = open[0]["name"].as_str().unwrap();
    let path = format!("/connections/{}", name.replace(' ', "%20").replace('>', "%3E"));
    let client = std::thread::spawn(move || {
        let error = format!("{:#}", client.wait_for(1, "nothing").unwrap_err());
        client.send(0, broker_protocol::method::connection::CloseOk {}).unwrap();
        (error, client)
    });
    api.does("DELETE", &path, &Value::Null, 204);
    assert_eq!(api.get("/connections"), json!([]));
    let (error, _client) = client.join().unwrap();
    assert!(error.contains("320 CONNECTION_FORCED"), "{error}");
}
