//! Publishing: content in all its pieces, confirms, returns and refusals.

use broker_core::refusal::Refusal;
use broker_protocol::encode;
use broker_protocol::frame::Frame;
use broker_protocol::method::{basic, channel, confirm};
use broker_protocol::properties::Properties;
use broker_protocol::reply::ReplyCode;
use bytes::BytesMut;

use super::{Driver, message, publish};
use crate::request::{Answer, PublishId, Request};

/// Publishes on channel 1 and returns the publish's id.
fn published(driver: &mut Driver) -> PublishId {
    driver.publish(1, "e", "k", b"hello");
    match driver.requests.pop() {
        Some(Request::Publish(publish)) => publish.id,
        other => panic!("no publish but {other:?}"),
    }
}

#[test]
fn content_is_joined_however_it_is_cut() {
    for size in [0, 1, 5_000, 8_184, 8_185, 100_000] {
        let body: Vec<u8> = (0..size).map(|at| at as u8).collect();
        let mut driver = Driver::running();
        driver.publish(1, "e", "k", &body);
        let Some(Request::Publish(publish)) = driver.requests.pop() else { panic!("{size}") };
        assert_eq!(publish.message.body(), body, "{size}");
        assert_eq!((publish.message.exchange(), publish.message.routing_key()), ("e", "k"));
        assert!(!publish.confirm && !publish.mandatory);
    }
}

#[test]
fn channels_may_interleave_their_content() {
    let mut driver = Driver::running();
    driver.send(2, channel::Open {});
    let mut rest = [1, 2].map(|number| {
        let mut out = BytesMut::new();
        publish(&mut out, number, "", "k", &Properties::default(), &[number as u8; 20_000]);
        out
    });
    while rest.iter().any(|frames| !frames.is_empty()) {
        for frames in rest.iter_mut().filter(|frames| !frames.is_empty()) {
            let size = Frame::first(frames, 0).unwrap().unwrap().size();
            driver.input.extend_from_slice(&frames.split_to(size));
        }
    }
    driver.feed(&[]);
    let expected = [1, 2].map(|number| format!("publish {number}.0 to '' key 'k' body of 20000"));
    assert_eq!(driver.asked(), expected);
}

#[test]
fn confirms_are_gathered_into_one_ack() {
    let mut driver = Driver::running();
    driver.send(1, confirm::Select { no_wait: true });
    let ids: Vec<PublishId> = (0..5).map(|_| published(&mut driver)).collect();
    assert_eq!(ids.iter().map(|id| id.seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    for id in &ids[..4] {
        driver.connection.routed(*id, 1);
        driver.connection.settled(*id, true);
    }
    assert_eq!(driver.output(), ["1: basic.ack up to 4"]);
    driver.connection.routed(ids[4], 2);
    driver.connection.settled(ids[4], false);
    driver.connection.settled(ids[4], true);
    assert_eq!(driver.output(), ["1: basic.nack"]);
}

#[test]
fn outcomes_of_an_earlier_channel_are_not_taken_for_this_one() {
    let mut driver = Driver::running();
    driver.send(1, confirm::Select { no_wait: true });
    let old = published(&mut driver);
    driver.send(1, channel::Close::default());
    driver.send(1, channel::Open {});
    driver.send(1, confirm::Select { no_wait: true });
    let new = published(&mut driver);
    driver.output();
    assert_eq!((old.channel, old.seq), (new.channel, new.seq));
    assert!(!driver.connection.is_open(old) && driver.connection.is_open(new));
    driver.connection.routed(old, 0);
    driver.connection.returned(old, &message("e", "k", b""));
    driver.connection.refuse(old, Refusal::new(ReplyCode::NotFound, ""), &mut driver.requests);
    assert_eq!(driver.output(), [""; 0]);
    driver.connection.routed(new, 0);
    assert_eq!(driver.output(), ["1: basic.ack 1"]);
}

#[test]
fn what_cannot_be_routed_comes_back_before_its_confirm() {
    let mut driver = Driver::running();
    driver.send(1, confirm::Select { no_wait: true });
    let id = published(&mut driver);
    driver.connection.returned(id, &message("e", "k", b"hello"));
    driver.connection.routed(id, 0);
    let expected = ["1: basic.return", "1: header", "1: body of 5", "1: basic.ack 1"];
    assert_eq!(driver.output(), expected);
}

#[test]
fn what_was_confirmed_before_a_return_is_told_before_it() {
    let mut driver = Driver::running();
    driver.send(1, confirm::Select { no_wait: true });
    let (first, second) = (published(&mut driver), published(&mut driver));
    driver.connection.routed(first, 0);
    driver.connection.returned(second, &message("e", "k", b"hello"));
    driver.connection.routed(second, 0);
    let back = ["1: basic.return", "1: header", "1: body of 5"];
    let expected = [&["1: basic.ack 1"][..], &back, &["1: basic.ack 2"]].concat();
    assert_eq!(driver.output(), expected);
}

#[test]
fn a_refused_publish_closes_its_channel() {
    let mut driver = Driver::running();
    let id = published(&mut driver);
    let refusal = Refusal::new(ReplyCode::NotFound, "no exchange 'e' in vhost '/'");
    driver.connection.refuse(id, refusal, &mut driver.requests);
    let text = "1: channel.close 404 NOT_FOUND - no exchange 'e' in vhost '/' on 60.40";
    assert_eq!(driver.output(), [text]);
    assert!(!driver.connection.is_open(id));
    driver.publish(1, "e", "k", b"ignored until the client knows");
    assert_eq!(driver.asked(), [""; 0]);
}

#[test]
fn what_comes_after_a_refused_publish_is_not_asked_for() {
    let mut driver = Driver::running();
    driver.publish(1, "e", "k", b"hello");
    driver.send(1, basic::Get { queue: "q", no_ack: true });
    assert!(driver.connection.is_asking());
    let Request::Publish(publish) = driver.requests.remove(0) else { panic!() };
    let refusal = Refusal::new(ReplyCode::NotFound, "no exchange 'e' in vhost '/'");
    driver.connection.refuse(publish.id, refusal, &mut driver.requests);
    assert!(!driver.connection.is_asking());
    driver.output();
    driver.answer(Answer::Done);
    assert_eq!(driver.output(), [""; 0]);
    driver.send(1, channel::CloseOk {});
    driver.send(1, channel::Open {});
    assert_eq!(driver.output(), ["1: channel.open-ok"]);
}

#[test]
fn a_user_id_must_be_ones_own() {
    for (user, expected) in [("guest", None), ("mallory", Some("mallory"))] {
        let mut driver = Driver::running();
        let mut frames = BytesMut::new();
        let properties = Properties { user_id: Some(user), ..Properties::default() };
        publish(&mut frames, 1, "e", "k", &properties, b"x");
        driver.feed(&frames);
        let text = expected.map(|user| {
            format!(
                "1: channel.close 406 PRECONDITION_FAILED - user_id property set to '{user}' \
                 but authenticated user was 'guest' on 60.40"
            )
        });
        assert_eq!(driver.output(), Vec::from_iter(text));
        assert_eq!(driver.requests.len(), usize::from(expected.is_none()));
    }
}

#[test]
fn mandatory_is_passed_on() {
    let mut driver = Driver::running();
    let mut frames = BytesMut::new();
    let method = basic::Publish { mandatory: true, ..Default::default() };
    encode::PublishTemplate::new(1, 8192, method, &Properties::default()).write(&mut frames, b"");
    driver.feed(&frames);
    assert!(matches!(&driver.requests[..], [Request::Publish(publish)] if publish.mandatory));
}

#[test]
fn blocking_is_told_to_those_who_want_to_know() {
    let mut driver = Driver::running();
    driver.connection.blocked(Some("low on disk"));
    driver.connection.blocked(None);
    assert_eq!(driver.output(), ["0: connection.blocked", "0: connection.unblocked"]);
}

#[test]
fn what_has_an_answer_waits_for_the_publishes_before_it() {
    let mut driver = Driver::running();
    let mut frames = BytesMut::new();
    publish(&mut frames, 1, "e", "k", &Properties::default(), b"");
    encode::method(&mut frames, 1, basic::Qos::default());
    driver.connection.receive(&mut frames, driver.now, &mut driver.requests);
    assert!(driver.connection.is_paused());
    let Some(Request::Publish(publish)) = driver.requests.pop() else { panic!("no publish") };
    let refusal = Refusal::new(ReplyCode::AccessRefused, "no");
    driver.connection.refuse(publish.id, refusal, &mut driver.requests);
    driver.feed(b"");
    assert_eq!(driver.output(), ["1: channel.close 403 ACCESS_REFUSED - no on 60.40"]);
    assert!(!driver.connection.is_paused());
}
