//! What the broker makes up has the form that clients' own suites look for.

use broker_protocol::{
    FrameKind, Method, Properties,
    content::ContentHeader,
    encode::PublishTemplate,
    method::{basic, queue},
    table::{FieldTable, Value},
};
use warren_tests::client::Client;

use crate::rig::Rig;

/// Consumes on channel 1 without a name of its own and returns the one that it is given.
fn consume(client: &mut Client, queue: &str) -> String {
    client.send(1, basic::Consume { queue, no_ack: true, ..Default::default() }).unwrap();
    client
        .wait(1, |method| match method {
            Method::BasicConsumeOk(ok) => Some(ok.consumer_tag.to_owned()),
            _ => None,
        })
        .unwrap()
}

fn declare(client: &mut Client, queue: &str, arguments: FieldTable) -> String {
    client.send(1, queue::Declare { queue, arguments, ..Default::default() }).unwrap();
    client
        .wait(1, |method| match method {
            Method::QueueDeclareOk(ok) => Some(ok.queue.to_owned()),
            _ => None,
        })
        .unwrap()
}

fn publish(client: &mut Client, routing_key: &str, properties: &Properties<'_>) {
    let publish = basic::Publish { routing_key, ..Default::default() };
    PublishTemplate::new(1, 4096, publish, properties).write(&mut client.output, b"body");
    client.flush().unwrap();
}

/// The header of the next message that is delivered.
fn delivered(client: &mut Client) -> Vec<u8> {
    client.wait_for(1, "basic.deliver").unwrap();
    loop {
        while let Some(frame) = client.frame().unwrap() {
            if frame.kind == FrameKind::Header {
                return frame.payload.to_vec();
            }
        }
        assert!(client.fill().unwrap() > 0, "the broker closed the socket");
    }
}

/// `text` without `prefix`, which it must have, and of that length.
#[track_caller]
fn rest<'a>(text: &'a str, prefix: &str, length: usize) -> &'a str {
    let rest = text.strip_prefix(prefix).unwrap_or_else(|| panic!("{text} is no {prefix}"));
    assert_eq!(rest.len(), length, "{text}");
    rest
}

#[test]
fn names_of_queues_and_consumers_are_22_characters_of_base_64() {
    let rig = Rig::start();
    let mut client = rig.client();
    let queue = declare(&mut client, "", FieldTable::new());
    let tags = [consume(&mut client, &queue), consume(&mut client, &queue)];
    let made = [
        rest(&queue, "amq.gen-", 22),
        rest(&tags[0], "amq.ctag-", 22),
        rest(&tags[1], "amq.ctag-", 22),
    ];
    for name in made {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        assert!(name.bytes().all(known), "{name}");
    }
    assert_ne!(tags[0], tags[1]);
}

#[test]
fn an_address_for_replies_is_of_two_parts() {
    let rig = Rig::start();
    let (mut client, queue) = (rig.client(), rig.name("calls"));
    declare(&mut client, &queue, FieldTable::new());
    consume(&mut client, &queue);
    consume(&mut client, "amq.rabbitmq.reply-to");
    let reply_to = Properties { reply_to: Some("amq.rabbitmq.reply-to"), ..Properties::default() };
    publish(&mut client, &queue, &reply_to);
    let header = delivered(&mut client);
    let properties = ContentHeader::decode(&header).unwrap().properties;
    let address = properties.to_properties().unwrap().reply_to.unwrap().to_owned();
    let parts: Vec<_> = address.split('.').collect();
    assert_eq!(parts[..3], ["amq", "rabbitmq", "reply-to"], "{address}");
    assert!(parts.len() == 5 && parts[4].ends_with("=="), "{address}");
}

#[test]
fn a_first_death_is_told_in_rabbitmqs_order() {
    let rig = Rig::start();
    let (mut client, dead) = (rig.client(), rig.name("dead"));
    declare(&mut client, &dead, FieldTable::new());
    consume(&mut client, &dead);
    let arguments = [("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", &dead)]
        .into_iter()
        .collect();
    let queue = declare(&mut client, &rig.name("queue"), arguments);
    publish(&mut client, &queue, &Properties { expiration: Some("1"), ..Properties::default() });
    let header = delivered(&mut client);
    let properties = ContentHeader::decode(&header).unwrap().properties;
    let headers = properties.to_properties().unwrap().headers.unwrap();
    let Some(Value::Array(deaths)) = headers.get("x-death") else { panic!("{headers:?}") };
    let Value::Table(death) = &deaths[0] else { panic!("{deaths:?}") };
    let told: Vec<_> = death.iter().map(|(name, _)| name).collect();
    let expected =
        ["count", "reason", "queue", "time", "exchange", "routing-keys", "original-expiration"];
    assert_eq!(told, expected);
}
