//! What a client may not do, what it closes, and in which words.

use broker_protocol::content;
use broker_protocol::encode;
use broker_protocol::frame::{END, FrameKind};
use broker_protocol::method::{Method, basic, channel, connection, queue, tx};
use broker_protocol::properties::Properties;
use broker_protocol::table::FieldTable;
use bytes::BytesMut;

use super::{Driver, capabilities};
use crate::settings::Settings;

fn priority(value: &str) -> FieldTable {
    [("x-priority", value)].into_iter().collect()
}

#[test]
fn methods_that_close() {
    #[rustfmt::skip]
    let cases: Vec<(u16, Method<'_>, &str)> = vec![
        (1, channel::Open {}.into(),                       "connection.close 504 CHANNEL_ERROR - second 'channel.open' seen on 20.10"),
        (5, basic::Qos::default().into(),                  "connection.close 504 CHANNEL_ERROR - expected 'channel.open' on 60.10"),
        (0, basic::Qos::default().into(),                  "connection.close 503 COMMAND_INVALID - unexpected method 'basic.qos' on 60.10"),
        (0, connection::TuneOk::default().into(),          "connection.close 503 COMMAND_INVALID - unexpected method 'connection.tune-ok' on 10.31"),
        (1, connection::OpenOk {}.into(),                  "connection.close 503 COMMAND_INVALID - unexpected method 'connection.open-ok' on 10.41"),
        (1, basic::GetEmpty {}.into(),                     "connection.close 503 COMMAND_INVALID - unimplemented method 'basic.get-empty' on 60.72"),
        (1, queue::BindOk {}.into(),                       "connection.close 503 COMMAND_INVALID - unimplemented method 'queue.bind-ok' on 50.21"),
        (1, channel::Flow { active: false }.into(),        "connection.close 540 NOT_IMPLEMENTED - active=false on 20.20"),
        (1, basic::Recover { requeue: false }.into(),      "connection.close 540 NOT_IMPLEMENTED - requeue=false on 60.110"),
        (1, basic::Qos { prefetch_size: 5, ..Default::default() }.into(), "connection.close 540 NOT_IMPLEMENTED - prefetch_size!=0 (5) on 60.10"),
        (1, basic::Publish { immediate: true, ..Default::default() }.into(), "connection.close 540 NOT_IMPLEMENTED - immediate=true on 60.40"),
        (1, tx::Commit {}.into(),                          "1: channel.close 406 PRECONDITION_FAILED - channel is not transactional on 90.20"),
        (1, tx::Rollback {}.into(),                        "1: channel.close 406 PRECONDITION_FAILED - channel is not transactional on 90.30"),
        (1, queue::Purge::default().into(),                "1: channel.close 404 NOT_FOUND - no previously declared queue on 50.30"),
        (1, basic::Get::default().into(),                  "1: channel.close 404 NOT_FOUND - no previously declared queue on 60.70"),
        (1, basic::Consume { queue: "q", arguments: priority("high"), ..Default::default() }.into(), "1: channel.close 406 PRECONDITION_FAILED - invalid arg 'x-priority' for queue 'q' in vhost '/': \"expected integer, got longstr\" on 60.20"),
    ];
    for (number, method, expected) in cases {
        let mut driver = Driver::running();
        let name = method.name();
        driver.send(number, method);
        assert_eq!(driver.output(), [expected], "{name} on {number}");
    }
}

#[test]
fn modes_of_a_channel_exclude_each_other() {
    let mut driver = Driver::running();
    driver.send(1, broker_protocol::method::confirm::Select { no_wait: true });
    driver.send(1, tx::Select {});
    let text = "PRECONDITION_FAILED - cannot switch from confirm to tx mode";
    assert_eq!(driver.output(), [format!("1: channel.close 406 {text} on 90.10")]);
    let mut driver = Driver::running();
    driver.send(1, tx::Select {});
    driver.send(1, broker_protocol::method::confirm::Select { no_wait: true });
    let text = "PRECONDITION_FAILED - cannot switch from tx to confirm mode";
    let closed = format!("1: channel.close 406 {text} on 85.10");
    assert_eq!(driver.output(), ["1: tx.select-ok", &closed]);
}

#[test]
fn a_new_secret_is_taken_note_of() {
    let mut driver = Driver::running();
    for new_secret in [&b"another"[..], b""] {
        driver.send(0, connection::UpdateSecret { new_secret, reason: "" });
        assert_eq!(driver.output(), ["0: connection.update-secret-ok"]);
        assert_eq!(driver.asked(), [""; 0]);
    }
}

#[test]
fn a_consumers_tag_is_its_own() {
    let mut driver = Driver::running();
    driver.consume(1, "t", false);
    driver.output();
    driver.send(1, basic::Consume { queue: "q", consumer_tag: "t", ..Default::default() });
    let text = "NOT_ALLOWED - attempt to reuse consumer tag 't'";
    assert_eq!(driver.output(), [format!("connection.close 530 {text} on 60.20")]);
}

/// A content header frame on channel 1.
fn header(class: u16, body_size: u64) -> Vec<u8> {
    let mut payload = BytesMut::new();
    content::encode(&mut payload, body_size, &Properties::default());
    payload[..2].copy_from_slice(&class.to_be_bytes());
    let mut out = BytesMut::new();
    encode::header(&mut out, 1, &payload);
    out.to_vec()
}

fn publish() -> Vec<u8> {
    let mut out = BytesMut::new();
    encode::method(&mut out, 1, basic::Publish::default());
    out.to_vec()
}

fn body(number: u16) -> Vec<u8> {
    let mut out = BytesMut::new();
    encode::body(&mut out, number, b"body", 0);
    out.to_vec()
}

#[test]
fn frames_that_close() {
    let unexpected = "connection.close 505 UNEXPECTED_FRAME - expected";
    #[rustfmt::skip]
    let cases = [
        (body(1), format!("{unexpected} method frame, got non method frame instead on 60.40")),
        (body(9), format!("{unexpected} method frame, got non method frame instead on 60.40")),
        ([publish(), body(1)].concat(), format!("{unexpected} content header for class 60, got non content header frame instead on 60.40")),
        ([publish(), publish()].concat(), format!("{unexpected} content header for class 60, got non content header frame instead on 60.40")),
        ([publish(), header(10, 1)].concat(), format!("{unexpected} content header for class 60, got one for class 10 instead on 60.40")),
        ([publish(), header(60, 5), header(60, 5)].concat(), format!("{unexpected} content body, got non content body frame instead on 60.40")),
        ([publish(), header(60, 3), body(1)].concat(), "connection.close 505 UNEXPECTED_FRAME - content body is longer than its header says on 60.40".to_owned()),
        (b"\x08\0\x01\0\0\0\0\xCE".to_vec(), "connection.close 505 UNEXPECTED_FRAME - heartbeat on channel 1 on 0.0".to_owned()),
        (b"\x07\0\x01\0\0\0\0\xCE".to_vec(), "connection.close 501 FRAME_ERROR - unknown frame type 7 on 0.0".to_owned()),
        (b"\x01\0\x01\0\0\0\0\xCD".to_vec(), "connection.close 501 FRAME_ERROR - frame does not end in 0xCE but in 0xcd on 0.0".to_owned()),
        (b"\x01\0\x01\0\0\xff\0".to_vec(), "connection.close 501 FRAME_ERROR - frame of 65280 bytes is larger than the negotiated 8192 on 0.0".to_owned()),
        (b"\x01\0\x01\0\0\0\x04\0\x3c\0\x0a\xCE".to_vec(), "connection.close 502 SYNTAX_ERROR - value runs past the end of its frame on 60.10".to_owned()),
        (b"\x01\0\x01\0\0\0\x04\0\x3c\0\xff\xCE".to_vec(), "connection.close 540 NOT_IMPLEMENTED - unknown method 60.255 on 60.255".to_owned()),
    ];
    for (bytes, expected) in cases {
        let mut driver = Driver::running();
        driver.feed(&bytes);
        assert_eq!(driver.output(), [expected], "{bytes:?}");
        assert_eq!(driver.asked(), [""; 0]);
        driver.feed(b"\x01garbage after the end");
        assert_eq!(driver.output(), [""; 0]);
    }
}

#[test]
fn any_method_may_be_cut_short() {
    for (class, method) in broker_protocol::method::IDS {
        for length in 0..12 {
            let mut payload = [&class.to_be_bytes()[..], &method.to_be_bytes()].concat();
            payload.resize(4 + length, 0);
            let mut frame = encode::head(FrameKind::Method, 1, payload.len()).to_vec();
            frame.append(&mut payload);
            frame.push(END);
            for count in 1..3 {
                let mut driver = Driver::running();
                driver.feed(&frame.repeat(count));
            }
        }
    }
}

#[test]
fn a_message_that_is_too_large_is_known_from_its_header() {
    let settings = Settings { max_body: 3, ..Settings::default() };
    let mut driver = Driver::logged_in(settings, capabilities());
    driver.send(1, channel::Open {});
    driver.output();
    driver.feed(&[publish(), header(60, 4), body(1)].concat());
    let text = "PRECONDITION_FAILED - message size 4 is larger than configured max size 3";
    assert_eq!(driver.output(), [format!("1: channel.close 406 {text} on 60.40")]);
    assert!(driver.connection.is_running(), "the body that follows is ignored");
}

#[test]
fn unfinished_content_is_bounded() {
    let settings = Settings { max_body: 10_000, ..Settings::default() };
    let mut driver = Driver::logged_in(settings, capabilities());
    for number in 1..=10_u16 {
        driver.send(number, channel::Open {});
        driver.send(number, basic::Publish::default());
        let mut content = BytesMut::from(&header(60, 9_000)[..]);
        content[1..3].copy_from_slice(&number.to_be_bytes());
        encode::body(&mut content, number, &[0; 8_000], 0);
        driver.feed(&content);
        assert!(driver.connection.unfinished < 50_000);
    }
    let text = "RESOURCE_ERROR - too much unfinished content on one connection";
    assert!(driver.output().contains(&format!("connection.close 506 {text} on 60.40")));
    assert_eq!(driver.connection.unfinished, 0);
}

#[test]
fn consumers_are_bounded() {
    let settings = Settings { max_consumers: 2, ..Settings::default() };
    let mut driver = Driver::logged_in(settings, capabilities());
    driver.send(1, channel::Open {});
    driver.consume(1, "", false);
    driver.consume(1, "", false);
    driver.output();
    driver.send(1, basic::Consume { queue: "q", ..Default::default() });
    let text = "RESOURCE_ERROR - number of consumers has reached the limit (2)";
    assert_eq!(driver.output(), [format!("connection.close 506 {text} on 60.20")]);
}
