//! What a client may make the broker hold, and clients that are no longer there.

use std::io::Write;

use broker_protocol::{
    FrameKind, Method, content, encode,
    frame::END,
    method::{basic, channel, confirm, connection, queue},
    properties::Properties,
};
use bytes::BytesMut;
use warren_tests::{
    client::Client,
    patience::{A_WHILE, SOON, until, until_true},
};

use crate::rig::Rig;

/// Appends a publish to a queue, of which only `sent` bytes of the body are there.
fn publish(out: &mut BytesMut, queue: &str, length: usize, sent: usize) {
    encode::method(out, 1, basic::Publish { routing_key: queue, ..Default::default() });
    let mut header = BytesMut::new();
    content::encode(&mut header, length as u64, &Properties::default());
    encode::header(out, 1, &header);
    for piece in vec![7; sent].chunks(4088) {
        out.extend_from_slice(&encode::head(FrameKind::Body, 1, piece.len()));
        out.extend_from_slice(piece);
        out.extend_from_slice(&[END]);
    }
}

/// How many messages wait in a queue.
fn ready(client: &mut Client, name: &str) -> u32 {
    let declare = queue::Declare { queue: name, passive: true, ..Default::default() };
    client.send(1, declare).unwrap();
    let pick = |method: &Method<'_>| match method {
        Method::QueueDeclareOk(ok) => Some(ok.message_count),
        _ => None,
    };
    client.wait(1, pick).unwrap()
}

fn declare(client: &mut Client, name: &str) {
    client.send(1, queue::Declare { queue: name, ..Default::default() }).unwrap();
    client.wait_for(1, "queue.declare-ok").unwrap();
}

#[test]
fn channels_are_counted_and_not_numbered() {
    let rig = Rig::start();
    let mut client = rig.client();
    for number in (100..).step_by(30).take(2046) {
        encode::method(&mut client.output, number, channel::Open {});
    }
    client.flush().unwrap();
    client.wait_for(100 + 30 * 2045, "channel.open-ok").unwrap();
    client.send(2, channel::Open {}).unwrap();
    let error = format!("{:#}", client.wait_for(2, "channel.open-ok").unwrap_err());
    let text = "number of channels opened (2047) has reached the negotiated channel_max (2047)";
    assert!(error.contains("530") && error.contains(text), "{error}");
}

#[test]
fn a_frame_may_be_as_large_as_agreed() {
    let rig = Rig::start();
    let name = rig.name("q");
    let mut client = rig.client();
    declare(&mut client, &name);
    // Clients that count the payload alone are let off.
    for (size, taken) in
        [(client.frame_max - 8, true), (client.frame_max, true), (client.frame_max + 1, false)]
    {
        let mut out = BytesMut::new();
        encode::method(&mut out, 1, basic::Publish { routing_key: &name, ..Default::default() });
        let mut header = BytesMut::new();
        content::encode(&mut header, size.into(), &Properties::default());
        encode::header(&mut out, 1, &header);
        out.extend_from_slice(&encode::head(FrameKind::Body, 1, size as usize));
        out.resize(out.len() + size as usize, 7);
        out.extend_from_slice(&[END]);
        client.output.extend_from_slice(&out);
        // The broker may hang up before it has read all of what it refuses.
        let sent = client.flush();
        let answered = client
            .send(1, basic::Get { queue: &name, no_ack: true })
            .and_then(|()| client.wait_for(1, "basic.get-ok").map_err(std::io::Error::other));
        assert_eq!(answered.is_ok(), taken, "{size}: {sent:?} {answered:?}");
        if let Err(error) = answered.map_err(|error| error.to_string()) {
            assert!(error.contains("501") || !error.contains("close"), "{error}");
        }
    }
}

#[test]
fn a_client_gets_no_more_than_it_reads() {
    const SIZE: usize = 256 << 10;
    let rig = Rig::start();
    let name = rig.name("q");
    let mut witness = rig.client();
    declare(&mut witness, &name);
    witness.send(1, confirm::Select { no_wait: false }).unwrap();
    for _ in 0..100 {
        publish(&mut witness.output, &name, SIZE, SIZE);
    }
    witness.flush().unwrap();
    until("all are there", SOON, || match ready(&mut witness, &name) {
        100 => Ok(()),
        count => Err(count),
    });
    let mut deaf = rig.client();
    for _ in 0..100 {
        encode::method(&mut deaf.output, 1, basic::Get { queue: &name, no_ack: true });
    }
    deaf.flush().unwrap();
    std::thread::sleep(A_WHILE * 3);
    let left = ready(&mut witness, &name);
    assert!(left > 30, "{left} left of 100: nobody has read the others");
    for _ in 0..100 {
        deaf.wait_for(1, "basic.get-ok").unwrap();
    }
    assert_eq!(ready(&mut witness, &name), 0);
}

#[test]
fn a_slow_reader_gets_large_messages_a_few_at_a_time() {
    const SIZE: usize = 1 << 20;
    let rig = Rig::start();
    let name = rig.name("q");
    let mut witness = rig.client();
    declare(&mut witness, &name);
    for _ in 0..60 {
        publish(&mut witness.output, &name, SIZE, SIZE);
    }
    witness.flush().unwrap();
    let mut deaf = rig.client();
    let consume = basic::Consume { queue: &name, no_ack: true, ..Default::default() };
    deaf.send(1, consume).unwrap();
    std::thread::sleep(A_WHILE * 3);
    let left = ready(&mut witness, &name);
    assert!(left > 20, "{left} left of 60: nobody has read the others");
    for _ in 0..60 {
        deaf.wait_for(1, "basic.deliver").unwrap();
    }
}

/// Publishes until the broker says that it is short of memory.
fn block(client: &mut Client, name: &str) {
    publish(&mut client.output, name, 200_000, 200_000);
    publish(&mut client.output, name, 1, 1);
    client.flush().unwrap();
    std::thread::sleep(A_WHILE);
    publish(&mut client.output, name, 1, 1);
    client.flush().unwrap();
}

#[test]
fn a_client_that_dies_while_it_is_blocked_is_missed() {
    let rig = Rig::start_with(&["--memory-watermark=100KiB"]);
    if rig.broker.is_none() {
        return println!("skipped: the broker under test has a watermark of its own");
    }
    let name = rig.name("q");
    let mut witness = rig.client();
    declare(&mut witness, &name);
    let mut dies = rig.client();
    block(&mut dies, &name);
    let mut ghost = rig.client();
    publish(&mut ghost.output, &name, 1, 1);
    ghost.send(1, basic::Get { queue: &name, no_ack: false }).unwrap();
    ghost.wait_for(1, "basic.get-ok").unwrap();
    publish(&mut ghost.output, &name, 1, 1);
    ghost.flush().unwrap();
    std::thread::sleep(A_WHILE);
    let before = ready(&mut witness, &name);
    drop(ghost);
    until_true("what it held goes back", SOON, || ready(&mut witness, &name) > before);
}

#[test]
fn unfinished_messages_have_a_limit_on_the_node() {
    let rig = Rig::start_with(&["--memory-watermark=8MiB", "--max-message-size=1MiB"]);
    if rig.broker.is_none() {
        return println!("skipped: RabbitMQ has no such limit");
    }
    let mut clients: Vec<_> = (0..6).map(|_| rig.client()).collect();
    let mut refused = 0;
    for client in &mut clients {
        let mut out = BytesMut::new();
        publish(&mut out, "nowhere", 1 << 20, 1_000_000);
        let _ = client.stream().write_all(&out);
        // The first is answered with what came before it, the second once that was counted, unless
        // the connection was closed.
        let _ = client.send(2, channel::Open {});
        let answer = client.wait_for(2, "channel.open-ok").and_then(|()| {
            let _ = client.send(3, channel::Open {});
            client.wait_for(3, "channel.open-ok")
        });
        match answer {
            Ok(()) => {}
            Err(error) => {
                assert!(format!("{error:#}").contains("506"), "{error:#}");
                refused += 1;
                let _ = client.send(0, connection::CloseOk {});
            }
        }
    }
    assert_eq!(refused, 2, "four fit");
    let mut out = BytesMut::new();
    publish(&mut out, "nowhere", 0, 0);
    let mut another = rig.client();
    another.output.extend_from_slice(&out);
    another.flush().unwrap();
    another.open_channel(2).unwrap();
}
