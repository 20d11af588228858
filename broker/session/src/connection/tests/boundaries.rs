//! However the network cuts a client's bytes, the same things happen.

use broker_core::id::MessageId;
use broker_protocol::encode;
use broker_protocol::frame::PROTOCOL_HEADER;
use broker_protocol::method::{Method, basic, channel, confirm, connection, queue};
use broker_protocol::properties::Properties;
use bytes::{Buf, BytesMut};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{Driver, QUEUE, asked, capabilities, message, publish, start_ok};
use crate::request::{Answer, Request};
use crate::settings::Settings;

/// Something that a client does.
#[derive(Debug, Clone)]
enum Act {
    Publish { channel: u16, size: usize },
    Method { channel: u16, method: Method<'static> },
    Garbage(Vec<u8>),
}

fn any_method() -> impl Strategy<Value = Method<'static>> {
    let tag = 0_u64..12;
    prop_oneof![
        Just(channel::Open {}.into()),
        Just(channel::Close::default().into()),
        Just(channel::CloseOk {}.into()),
        Just(confirm::Select { no_wait: false }.into()),
        Just(queue::Declare { queue: "q", ..Default::default() }.into()),
        Just(queue::Purge { queue: "", no_wait: false }.into()),
        Just(basic::Get { queue: "q", no_ack: false }.into()),
        Just(basic::Recover { requeue: true }.into()),
        Just(basic::Consume { queue: "q", ..Default::default() }.into()),
        Just(basic::Cancel { consumer_tag: "c", no_wait: false }.into()),
        (0_u16..3).prop_map(|prefetch_count| {
            basic::Qos { prefetch_size: 0, prefetch_count, global: true }.into()
        }),
        (tag.clone(), any::<bool>()).prop_map(|(delivery_tag, multiple)| basic::Ack {
            delivery_tag,
            multiple
        }
        .into()),
        (tag, any::<bool>()).prop_map(|(delivery_tag, requeue)| {
            basic::Nack { delivery_tag, multiple: true, requeue }.into()
        }),
    ]
}

fn any_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        20 => (1_u16..4, 0usize..20_000).prop_map(|(channel, size)| Act::Publish { channel, size }),
        20 => (1_u16..4, any_method()).prop_map(|(channel, method)| Act::Method { channel, method }),
        1 => vec(any::<u8>(), 0..20).prop_map(Act::Garbage),
    ]
}

/// The bytes of a whole connection.
fn bytes_of(acts: &[Act]) -> BytesMut {
    let mut out = BytesMut::from(&PROTOCOL_HEADER[..]);
    encode::method(&mut out, 0, start_ok(capabilities()));
    encode::method(
        &mut out,
        0,
        connection::TuneOk { channel_max: 9, frame_max: 8192, heartbeat: 0 },
    );
    encode::method(&mut out, 0, connection::Open { virtual_host: "/" });
    for number in 1..4 {
        encode::method(&mut out, number, channel::Open {});
    }
    for act in acts {
        match act {
            Act::Publish { channel, size } => {
                publish(&mut out, *channel, "e", "k", &Properties::default(), &vec![7; *size]);
            }
            Act::Method { channel, method } => encode::method(&mut out, *channel, method.clone()),
            Act::Garbage(bytes) => out.extend_from_slice(bytes),
        }
    }
    out
}

/// Runs a connection with a broker that grants everything; returns what was asked and what was written.
/// It confirms nothing, for when a confirm comes is a matter of packets.
fn run(packets: &[&[u8]]) -> (Vec<String>, Vec<u8>) {
    let mut driver = Driver::fresh(Settings::default());
    let (mut log, mut consumers, mut ids) = (Vec::new(), Vec::new(), 0);
    for packet in packets {
        driver.feed(packet);
        loop {
            let mut answer = None;
            for request in std::mem::take(&mut driver.requests) {
                record(&mut log, &request);
                match request {
                    Request::Consume { subscription, .. } => {
                        consumers.push(subscription.consumer);
                        answer = Some(Answer::Consuming { queue: QUEUE, timeout: None });
                    }
                    Request::Get { .. } => {
                        ids += 1;
                        answer = Some(got(ids));
                    }
                    Request::DeclareQueue(_) => {
                        let name = "q".into();
                        answer = Some(Answer::Queue { name, messages: 0, consumers: 0 });
                    }
                    Request::PurgeQueue { .. } => answer = Some(Answer::Removed { messages: 0 }),
                    Request::Authenticate(_) | Request::OpenVhost(_) => answer = Some(Answer::Done),
                    _ => {}
                }
            }
            match answer {
                Some(answer) => driver.answer(answer),
                None if driver.requests.is_empty() => break,
                None => {}
            }
        }
    }
    let output = driver.connection.output();
    let mut written = vec![0; output.remaining()];
    output.copy_to_slice(&mut written);
    (log, written)
}

fn got(id: u64) -> Answer {
    let (id, message) = (MessageId(id), message("e", "k", b"got"));
    Answer::Got { queue: QUEUE, id, redelivered: false, message, remaining: 0, timeout: None }
}

/// Notes a request; settled messages one by one, for how many go together is a matter of packets.
fn record(log: &mut Vec<String>, request: &Request) {
    match request {
        Request::Settle { outcome, ids, .. } => {
            log.extend(ids.iter().map(|id| format!("{outcome:?} {}", id.0)));
        }
        request => log.push(asked(request)),
    }
}

proptest! {
    #[test]
    fn packet_boundaries_do_not_matter(
        acts in vec(any_act(), 0..40),
        cuts in vec(1usize..9_000, 1..20),
    ) {
        let bytes = bytes_of(&acts);
        let (mut rest, mut packets) = (&bytes[..], Vec::new());
        for cut in cuts.iter().cycle() {
            let (packet, left) = rest.split_at(rest.len().min(*cut));
            packets.push(packet);
            rest = left;
            if rest.is_empty() {
                break;
            }
        }
        let at_once = run(&[&bytes]);
        prop_assert_eq!(run(&packets), at_once);
    }

    #[test]
    fn garbage_is_never_fatal(acts in vec(any_act(), 0..8), garbage in vec(any::<u8>(), 0..400)) {
        let mut bytes = bytes_of(&acts);
        bytes.extend_from_slice(&garbage);
        run(&[&bytes]);
    }
}
