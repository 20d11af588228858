//! How long a delivery may stay unacknowledged, where a queue, a consumer or a policy limits it.
//!
//! RabbitMQ looks at that once a minute only, and so is not asked.

use broker_protocol::{
    FieldTable, Method,
    method::{basic, queue},
};
use serde_json::json;
use warren_tests::{client::Client, management::request};

use crate::rig::Rig;

const LIMIT: &str = "x-consumer-timeout";

fn within(millis: i64) -> FieldTable {
    [(LIMIT, millis)].into_iter().collect()
}

fn declare(client: &mut Client, queue: &str, arguments: FieldTable) {
    let declare = queue::Declare { queue, arguments, ..Default::default() };
    client.send(1, declare).unwrap();
    client.wait_for(1, "queue.declare-ok").unwrap();
}

/// Publishes a message, which a consumer on `channel` then holds.
fn hold(client: &mut Client, channel: u16, queue: &str, arguments: FieldTable) {
    let publish = basic::Publish { routing_key: queue, ..Default::default() };
    broker_protocol::encode::PublishTemplate::new(1, 4096, publish, &Default::default())
        .write(&mut client.output, b"body");
    client.flush().unwrap();
    let consume = basic::Consume { queue, arguments, ..Default::default() };
    client.send(channel, consume).unwrap();
    client.wait_for(channel, "basic.deliver").unwrap();
}

/// Waits until `channel` is closed, and says how.
fn closed(client: &mut Client, channel: u16) -> (u16, String, (u16, u16)) {
    let close = |method: &Method<'_>| match method {
        Method::ChannelClose(close) => {
            let on = (close.class_id, close.method_id);
            Some((close.reply_code, close.reply_text.to_owned(), on))
        }
        _ => None,
    };
    client.wait(channel, close).unwrap()
}

fn expected(channel: u16, millis: i64) -> (u16, String, (u16, u16)) {
    let text = format!(
        "PRECONDITION_FAILED - delivery acknowledgement on channel {channel} timed out. Timeout \
         value used: {millis} ms. This timeout value can be configured, see consumers doc guide to \
         learn more"
    );
    (406, text, (0, 0))
}

#[test]
fn a_delivery_that_is_kept_too_long_closes_its_channel_and_goes_back() {
    let rig = Rig::start();
    if rig.broker.is_none() {
        return;
    }
    let mut client = rig.client();
    for number in [2, 3] {
        client.open_channel(number).unwrap();
    }
    declare(&mut client, "by-queue", within(200));
    declare(&mut client, "by-consumer", FieldTable::new());
    hold(&mut client, 2, "by-queue", FieldTable::new());
    assert_eq!(closed(&mut client, 2), expected(2, 200));
    hold(&mut client, 3, "by-consumer", within(250));
    assert_eq!(closed(&mut client, 3), expected(3, 250));

    for queue in ["by-queue", "by-consumer"] {
        client.send(1, basic::Get { queue, no_ack: true }).unwrap();
        let redelivered = client.wait(1, |method| match method {
            Method::BasicGetOk(got) => Some(got.redelivered),
            _ => None,
        });
        assert!(redelivered.unwrap(), "{queue}: it is back, and the first channel goes on");
    }
    client.close().unwrap();
}

#[test]
fn a_policy_limits_what_is_held_already() {
    let rig = Rig::start();
    if rig.broker.is_none() {
        return;
    }
    let mut client = rig.client();
    client.open_channel(2).unwrap();
    declare(&mut client, "q", FieldTable::new());
    hold(&mut client, 2, "q", FieldTable::new());
    let policy = json!({"pattern": "^q$", "definition": {"consumer-timeout": 300}});
    let set = request(&rig.uri.host, "PUT", "/operator-policies/%2F/slow", Some(&policy));
    assert_eq!(set.0, 201);
    assert_eq!(closed(&mut client, 2), expected(2, 300));
    client.close().unwrap();
}
