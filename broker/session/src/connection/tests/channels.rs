//! Channels: many on a connection, each with a life of its own.

use broker_core::refusal::Refusal;
use broker_protocol::method::{access, basic, channel, confirm, connection, queue};
use broker_protocol::reply::ReplyCode;

use super::Driver;
use crate::request::Answer;

#[test]
fn channels_are_counted_and_not_numbered() {
    let mut driver = Driver::running();
    for number in (1_000..).step_by(100).take(99) {
        driver.send(number, channel::Open {});
        assert_eq!(driver.output(), [format!("{number}: channel.open-ok")]);
    }
    driver.send(1_000, channel::Close::default());
    driver.send(u16::MAX, channel::Open {});
    assert_eq!(driver.output(), ["1000: channel.close-ok", "65535: channel.open-ok"]);
    driver.send(2, channel::Open {});
    let text = "number of channels opened (100) has reached the negotiated channel_max (100)";
    assert_eq!(driver.output(), [format!("connection.close 530 NOT_ALLOWED - {text} on 20.10")]);
}

#[test]
fn a_channel_closes_alone() {
    let mut driver = Driver::running();
    driver.send(2, channel::Open {});
    driver.send(1, basic::Ack { delivery_tag: 9, multiple: false });
    driver.send(1, basic::Qos::default());
    driver.send(2, basic::Qos::default());
    let text = "1: channel.close 406 PRECONDITION_FAILED - unknown delivery tag 9 on 60.80";
    assert_eq!(driver.output(), ["2: channel.open-ok", text, "2: basic.qos-ok"]);
    driver.send(1, channel::CloseOk {});
    driver.send(1, channel::Open {});
    assert_eq!(driver.output(), ["1: channel.open-ok"], "its number is free again");
}

#[test]
fn both_sides_may_close_at_once() {
    let mut driver = Driver::running();
    driver.send(1, basic::Ack { delivery_tag: 9, multiple: false });
    driver.output();
    driver.send(1, channel::Close::default());
    assert_eq!(driver.output(), ["1: channel.close-ok"]);
    driver.send(1, channel::CloseOk {});
    driver.send(1, channel::CloseOk {});
    assert_eq!(driver.connection.channels(), 0);
    assert!(driver.connection.is_running());
}

#[test]
fn input_waits_for_an_answer() {
    let mut driver = Driver::running();
    driver.send(1, queue::Declare { queue: "q", ..Default::default() });
    driver.send(1, queue::Purge { queue: "", no_wait: false });
    driver.send(1, basic::Qos::default());
    assert_eq!(driver.asked(), ["declare queue 'q'"]);
    driver.answer(Answer::Queue { name: "q".into(), messages: 1, consumers: 0 });
    assert_eq!(driver.asked(), ["purge 'q'"], "an empty name is the last one declared");
    driver.answer(Answer::Removed { messages: 1 });
    assert_eq!(driver.output(), ["1: queue.declare-ok", "1: queue.purge-ok", "1: basic.qos-ok"]);
}

#[test]
fn a_refusal_closes_what_it_says() {
    let mut driver = Driver::running();
    driver.send(1, queue::Purge { queue: "q", no_wait: true });
    let refusal = Refusal::new(ReplyCode::NotFound, "no queue 'q' in vhost '/'");
    driver.answer(Answer::Refused(refusal));
    let text = "1: channel.close 404 NOT_FOUND - no queue 'q' in vhost '/' on 50.30";
    assert_eq!(driver.output(), [text]);
}

#[test]
fn no_wait_means_no_answer() {
    let mut driver = Driver::running();
    driver.send(1, queue::Declare { queue: "q", no_wait: true, ..Default::default() });
    driver.answer(Answer::Queue { name: "q".into(), messages: 1, consumers: 0 });
    driver.send(1, queue::Purge { queue: "q", no_wait: true });
    driver.answer(Answer::Removed { messages: 1 });
    driver.send(1, queue::Delete { queue: "q", no_wait: true, ..Default::default() });
    driver.answer(Answer::Removed { messages: 1 });
    driver.send(1, confirm::Select { no_wait: true });
    driver.send(1, basic::Cancel { consumer_tag: "none", no_wait: true });
    assert_eq!(driver.output(), [""; 0]);
}

#[test]
fn line_ends_are_no_part_of_a_name() {
    let mut driver = Driver::running();
    driver.send(1, queue::Declare { queue: "a\r\nb\n", ..Default::default() });
    driver.answer(Answer::Queue { name: "ab".into(), messages: 0, consumers: 0 });
    driver.send(1, queue::Purge { queue: "a\nb", no_wait: false });
    assert_eq!(driver.asked(), ["declare queue 'ab'", "purge 'a\nb'"]);
}

#[test]
fn what_is_always_granted() {
    let mut driver = Driver::running();
    driver.send(1, access::Request::default());
    driver.send(1, channel::Flow { active: true });
    driver.send(1, basic::Cancel { consumer_tag: "unknown", no_wait: false });
    driver.send(1, confirm::Select { no_wait: false });
    driver.send(1, confirm::Select { no_wait: false });
    driver.send(1, basic::Recover { requeue: true });
    let expected = [
        "1: access.request-ok",
        "1: channel.flow-ok",
        "1: basic.cancel-ok",
        "1: confirm.select-ok",
        "1: confirm.select-ok",
        "1: basic.recover-ok",
    ];
    assert_eq!(driver.output(), expected);
}

#[test]
fn a_client_may_close_at_any_time() {
    let mut driver = Driver::running();
    let consumer = driver.consume(1, "c", false);
    driver.deliver(consumer, 5, b"x");
    driver.requests.clear();
    driver.output();
    driver.send(0, connection::Close::default());
    assert_eq!(driver.output(), ["0: connection.close-ok"]);
    assert_eq!(driver.asked(), ["unsubscribe", "requeue [5]", "closed"]);
    driver.feed(b"anything");
    driver.connection.disconnected(&mut driver.requests);
    assert_eq!(driver.asked(), [""; 0], "closed comes once");
}

#[test]
fn an_answer_that_comes_too_late_is_given_back() {
    let mut driver = Driver::running();
    driver.send(1, basic::Get { queue: "q", no_ack: false });
    driver.requests.clear();
    driver.connection.disconnected(&mut driver.requests);
    driver.answer(Answer::Got {
        queue: super::QUEUE,
        id: broker_core::id::MessageId(4),
        redelivered: false,
        message: super::message("", "q", b"x"),
        remaining: 0,
        timeout: None,
    });
    assert_eq!(driver.asked(), ["closed", "requeue [4]"]);
}
