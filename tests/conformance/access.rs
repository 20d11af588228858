//! What users may do, and how much: refused with the right code, ids and words.

use std::time::Duration;

use broker_protocol::{
    FieldTable, Method, Properties, content, encode,
    method::{basic, connection, exchange, queue},
};
use bytes::BytesMut;
use serde_json::{Value, json};
use warren_tests::{client::Client, management::request, uri::Uri};

use crate::rig::Rig;

/// A broker of our own with a user `u` who may do this in `/`.
struct Place {
    rig: Rig,
    host: String,
}

/// The code, class and method of what the broker closed, and its words.
type Closed = (u16, u16, u16, String);

/// What a client does to be refused or not.
type Act = fn(&mut Client);

/// Class, method and part of the text of a close.
type Refusal = (u16, u16, &'static str);

// === impl Place ===

impl Place {
    fn with(configure: &str, write: &str, read: &str) -> Option<Self> {
        let rig = Rig::start();
        rig.broker.as_ref()?;
        let place = Self { host: rig.uri.host.clone(), rig };
        place.put("/users/u", &json!({"password": "secret", "tags": ""}));
        let permission = json!({"configure": configure, "write": write, "read": read});
        place.put("/permissions/%2F/u", &permission);
        for queue in ["mine", "other"] {
            place.put(&format!("/queues/%2F/{queue}"), &json!({}));
        }
        place.put("/exchanges/%2F/mine-x", &json!({"type": "topic"}));
        Some(place)
    }

    fn put(&self, path: &str, body: &Value) {
        let (status, answer) = request(&self.host, "PUT", path, Some(body));
        assert!(matches!(status, 201 | 204), "{path}: {status} {answer}");
    }

    fn delete(&self, path: &str) {
        let (status, answer) = request(&self.host, "DELETE", path, None);
        assert_eq!(status, 204, "{path}: {answer}");
    }

    fn uri(&self) -> Uri {
        Uri { user: "u".into(), password: "secret".into(), ..self.rig.uri.clone() }
    }

    fn login(&self) -> Client {
        let mut client = Client::connect(&self.uri()).expect("a connection");
        client.open_channel(1).expect("a channel");
        client
    }
}

fn send<'a>(client: &mut Client, method: impl Into<Method<'a>>) {
    client.send(1, method).expect("the broker reads");
}

fn publish_as(client: &mut Client, exchange: &str, routing_key: &str, user: Option<&str>) {
    let mut header = BytesMut::new();
    content::encode(&mut header, 4, &Properties { user_id: user, ..Properties::default() });
    let publish = basic::Publish { exchange, routing_key, ..Default::default() };
    encode::method(&mut client.output, 1, publish);
    encode::header(&mut client.output, 1, &header);
    encode::body(&mut client.output, 1, b"body", 4096);
    client.flush().expect("the broker reads");
}

fn publish(client: &mut Client, exchange: &str, routing_key: &str) {
    publish_as(client, exchange, routing_key, None);
}

fn declare(client: &mut Client, name: &str, passive: bool, arguments: FieldTable) {
    send(
        client,
        queue::Declare { queue: name, durable: true, passive, arguments, ..Default::default() },
    );
}

fn bind(client: &mut Client, queue: &str, exchange: &str) {
    send(client, queue::Bind { queue, exchange, routing_key: "k", ..Default::default() });
}

/// What is closed next; none if the broker goes on and answers a question instead.
fn closed(client: &mut Client) -> Option<Closed> {
    // Carried out in turn, so whatever was refused before is closed before.
    let there = exchange::Declare { exchange: "amq.fanout", passive: true, ..Default::default() };
    let _ = client.send(1, there);
    let seen = |method: &Method<'_>| match method {
        Method::ChannelClose(close) => Some(Some((
            close.reply_code,
            close.class_id,
            close.method_id,
            close.reply_text.to_owned(),
        ))),
        Method::ExchangeDeclareOk(_) => Some(None),
        _ => None,
    };
    client.wait(1, seen).expect("the connection goes on")
}

/// The words that a connection is closed with.
fn farewell(client: &mut Client) -> String {
    let close = |method: &Method<'_>| match method {
        Method::ConnectionClose(close) => {
            Some(format!("{} {}", close.reply_code, close.reply_text))
        }
        _ => None,
    };
    client.wait(0, close).expect("a close")
}

/// The words that a login is refused with.
fn refused(uri: &Uri) -> String {
    format!("{:#}", Client::connect(uri).expect_err("a refusal"))
}

#[test]
fn each_operation_needs_its_permission() {
    let Some(place) = Place::with("^mine", "^mine", "^mine") else { return };
    #[rustfmt::skip]
    let cases: [(Act, Option<Refusal>); 20] = [
        (|c| declare(c, "mine", false, FieldTable::new()),   None),
        (|c| declare(c, "mine-too", false, FieldTable::new()), None),
        (|c| declare(c, "other", false, FieldTable::new()),  Some((50, 10, "configure access to queue 'other'"))),
        (|c| declare(c, "other", true, FieldTable::new()),   None),
        (|c| declare(c, "mine-dl", false, [("x-dead-letter-exchange", "elsewhere")].into_iter().collect()),
                                                             Some((50, 10, "write access to exchange 'elsewhere'"))),
        (|c| send(c, queue::Delete { queue: "other", ..Default::default() }),
                                                             Some((50, 40, "configure access to queue 'other'"))),
        (|c| send(c, queue::Delete { queue: "mine-too", ..Default::default() }), None),
        (|c| send(c, queue::Purge { queue: "other", ..Default::default() }),
                                                             Some((50, 30, "read access to queue 'other'"))),
        (|c| send(c, queue::Purge { queue: "mine", ..Default::default() }), None),
        (|c| bind(c, "mine", "mine-x"),                      None),
        (|c| bind(c, "other", "mine-x"),                     Some((50, 20, "write access to queue 'other'"))),
        (|c| bind(c, "mine", "amq.topic"),                   Some((50, 20, "read access to exchange 'amq.topic'"))),
        (|c| send(c, exchange::Declare { exchange: "x", kind: "direct", ..Default::default() }),
                                                             Some((40, 10, "configure access to exchange 'x'"))),
        (|c| send(c, exchange::Delete { exchange: "x", ..Default::default() }),
                                                             Some((40, 20, "configure access to exchange 'x'"))),
        (|c| publish(c, "mine-x", "k"),                      None),
        (|c| publish(c, "amq.topic", "k"),                   Some((60, 40, "write access to exchange 'amq.topic'"))),
        (|c| publish(c, "", "mine"),                         Some((60, 40, "write access to exchange 'amq.default'"))),
        (|c| send(c, basic::Consume { queue: "other", ..Default::default() }),
                                                             Some((60, 20, "read access to queue 'other'"))),
        (|c| send(c, basic::Get { queue: "other", ..Default::default() }),
                                                             Some((60, 70, "read access to queue 'other'"))),
        (|c| send(c, basic::Get { queue: "mine", no_ack: true }), None),
    ];
    for (number, (act, expected)) in cases.into_iter().enumerate() {
        let mut client = place.login();
        act(&mut client);
        let expected = expected.map(|(class, method, what)| {
            let text = format!("ACCESS_REFUSED - {what} in vhost '/' refused for user 'u'");
            (403, class, method, text)
        });
        assert_eq!(closed(&mut client), expected, "case {number}");
        client.open_channel(2).expect("the connection goes on");
    }
}

#[test]
fn a_change_counts_from_the_next_operation_on() {
    let Some(place) = Place::with(".*", ".*", ".*") else { return };
    let mut client = place.login();
    publish(&mut client, "mine-x", "a.b");
    assert_eq!(closed(&mut client), None);
    let topic = json!({"exchange": "mine-x", "write": "^{username}\\.", "read": ".*"});
    place.put("/topic-permissions/%2F/u", &topic);
    publish(&mut client, "mine-x", "u.b");
    assert_eq!(closed(&mut client), None);
    publish(&mut client, "mine-x", "a.b");
    let (code, class, method, text) = closed(&mut client).expect("a refusal");
    assert_eq!((code, class, method), (403, 60, 40));
    assert_eq!(
        text,
        "ACCESS_REFUSED - write access to topic 'a.b' in exchange 'mine-x' in vhost '/' refused for \
         user 'u'"
    );
    place.delete("/topic-permissions/%2F/u");
    let mut client = place.login();
    publish(&mut client, "mine-x", "a.b");
    assert_eq!(closed(&mut client), None);
    place.delete("/permissions/%2F/u");
    publish(&mut client, "mine-x", "a.b");
    assert!(closed(&mut client).is_some_and(|(code, ..)| code == 403));
}

#[test]
fn a_message_says_truly_who_sent_it() {
    let Some(place) = Place::with(".*", ".*", ".*") else { return };
    let mut client = place.login();
    publish_as(&mut client, "", "mine", Some("u"));
    assert_eq!(closed(&mut client), None);
    publish_as(&mut client, "", "mine", Some("guest"));
    let text =
        "PRECONDITION_FAILED - user_id property set to 'guest' but authenticated user was 'u'";
    assert_eq!(closed(&mut client), Some((406, 60, 40, text.to_owned())));
    place.put("/users/u", &json!({"password": "secret", "tags": ["impersonator"]}));
    let mut client = place.login();
    publish_as(&mut client, "", "mine", Some("guest"));
    assert_eq!(closed(&mut client), None);
}

#[test]
fn vhosts_are_entered_by_permission_only() {
    let Some(place) = Place::with(".*", ".*", ".*") else { return };
    place.put("/vhosts/v", &json!({}));
    let inside = Uri { vhost: "v".into(), ..place.uri() };
    let expected = "530 NOT_ALLOWED - access to vhost 'v' refused for user 'u'";
    assert!(refused(&inside).contains(expected), "{}", refused(&inside));
    let nowhere = Uri { vhost: "none".into(), ..place.uri() };
    assert!(refused(&nowhere).contains("530 NOT_ALLOWED - vhost none not found"));
    place.put("/permissions/v/u", &json!({"configure": "", "write": "", "read": ""}));
    let mut client = Client::connect(&inside).expect("any permission will do");
    place.delete("/vhosts/v");
    assert_eq!(farewell(&mut client), "320 CONNECTION_FORCED - vhost 'v' is deleted");
}

#[test]
fn limits_are_kept() {
    let Some(place) = Place::with(".*", ".*", ".*") else { return };
    let limit = |path: &str, value: i64| place.put(path, &json!({"value": value}));
    let mut client = place.login();
    limit("/user-limits/u/max-connections", 1);
    let text =
        "530 NOT_ALLOWED - connection refused for user 'u': user connection limit (1) is reached";
    assert!(refused(&place.uri()).contains(text), "{}", refused(&place.uri()));
    limit("/user-limits/u/max-connections", -1);
    limit("/vhost-limits/%2F/max-connections", 1);
    let text = "530 NOT_ALLOWED - access to vhost '/' refused for user 'u': connection limit (1) is reached";
    assert!(refused(&place.uri()).contains(text), "{}", refused(&place.uri()));
    place.delete("/vhost-limits/%2F/max-connections");
    limit("/vhost-limits/%2F/max-queues", 2);
    declare(&mut client, "mine", false, FieldTable::new());
    declare(&mut client, "third", false, FieldTable::new());
    let text = "PRECONDITION_FAILED - cannot declare queue 'third': queue limit in vhost '/' (2) is reached";
    assert_eq!(closed(&mut client), Some((406, 50, 10, text.to_owned())));
    place.put("/users/w", &json!({"password": "secret", "tags": ""}));
    place.put("/permissions/%2F/w", &json!({"configure": "", "write": "", "read": ""}));
    limit("/user-limits/w/max-channels", 2);
    let uri = Uri { user: "w".into(), ..place.uri() };
    let mut client = Client::connect(&uri).expect("a connection");
    client.open_channel(1).expect("as many as allowed");
    client.open_channel(2).expect("as many as allowed");
    let refused = client.open_channel(3).expect_err("one more than allowed");
    let text = "530 NOT_ALLOWED - number of channels opened for user 'w' has reached the maximum \
                allowed user limit of (2)";
    assert!(format!("{refused:#}").contains(text), "{refused:#}");
}

#[test]
fn who_is_deleted_is_cut_off_and_who_has_a_new_password_is_not() {
    let Some(place) = Place::with(".*", ".*", ".*") else { return };
    let mut client = place.login();
    place.put("/users/u", &json!({"password": "renewed", "tags": ""}));
    let renewed = connection::UpdateSecret { new_secret: b"renewed", reason: "rotated" };
    client.send(0, renewed).unwrap();
    client.wait_for(0, "connection.update-secret-ok").expect("a new secret is taken");
    publish(&mut client, "", "mine");
    assert_eq!(closed(&mut client), None, "what is open stays open");
    let uri = Uri { password: "renewed".into(), ..place.uri() };
    Client::connect(&uri).expect("the new password is right");
    assert!(Client::connect(&place.uri()).is_err(), "the old one is not any more");
    place.delete("/users/u");
    assert_eq!(farewell(&mut client), "320 CONNECTION_FORCED - user 'u' is deleted");
    std::thread::sleep(Duration::from_millis(10));
    assert!(Client::connect(&uri).is_err(), "nobody of that name");
}
