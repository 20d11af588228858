//! Direct reply-to: who may consume replies, what requests say, and what reaches the channel.

use broker_protocol::method::{Method, basic, channel};
use broker_protocol::properties::Properties;
use bytes::BytesMut;

use super::{Driver, message, publish};
use crate::request::{Answer, REPLY_TO, Request, Requester};

const ADDRESS: &str = "amq.rabbitmq.reply-to.secret";

fn consume(tag: &str, no_ack: bool) -> basic::Consume<'_> {
    basic::Consume { queue: REPLY_TO, consumer_tag: tag, no_ack, ..Default::default() }
}

/// A connection whose channel 1 waits for replies, under the tag `r`.
fn waiting() -> (Driver, Requester) {
    let mut driver = Driver::running();
    driver.send(1, consume("r", true));
    let Some(Request::AwaitReplies(requester)) = driver.requests.pop() else { panic!() };
    driver.answer(Answer::AwaitingReplies { address: ADDRESS.into() });
    assert_eq!(driver.output(), ["1: basic.consume-ok"]);
    (driver, requester)
}

/// Frames of a request on channel 1 with this `reply-to`.
fn request(reply_to: Option<&str>, body: &[u8]) -> BytesMut {
    let mut frames = BytesMut::new();
    let headers = [("kept", "header")].into_iter().collect();
    let properties = Properties { reply_to, headers: Some(headers), ..Properties::default() };
    publish(&mut frames, 1, "e", "k", &properties, body);
    frames
}

#[test]
fn what_a_channel_may_not_do() {
    #[rustfmt::skip]
    let cases: [(bool, Method<'_>, &str); 4] = [
        (false, consume("c", false).into(), "1: channel.close 406 PRECONDITION_FAILED - reply consumer cannot acknowledge on 60.20"),
        (true, consume("c", false).into(),  "1: channel.close 406 PRECONDITION_FAILED - reply consumer cannot acknowledge on 60.20"),
        (true, consume("c", true).into(),   "1: channel.close 406 PRECONDITION_FAILED - reply consumer already set on 60.20"),
        (true, consume("r", true).into(),   "connection.close 530 NOT_ALLOWED - attempt to reuse consumer tag 'r' on 60.20"),
    ];
    for (consumes, method, expected) in cases {
        let mut driver = if consumes { waiting().0 } else { Driver::running() };
        driver.send(1, method);
        assert_eq!(driver.output(), [expected]);
        let forgone = consumes.then(|| format!("forgo '{ADDRESS}'"));
        assert_eq!(driver.asked(), Vec::from_iter(forgone), "what is closed waits no more");
    }
}

#[test]
fn requests_say_the_address() {
    for (said, expected) in [
        (None, None),
        (Some("answers"), Some("answers")),
        (Some("amq.rabbitmq.reply-to.other"), Some("amq.rabbitmq.reply-to.other")),
        (Some(REPLY_TO), Some(ADDRESS)),
    ] {
        for size in [0, 5, 100_000] {
            let (mut driver, _) = waiting();
            let body = vec![7; size];
            driver.feed(&request(said, &body));
            let Some(Request::Publish(publish)) = driver.requests.pop() else { panic!("{said:?}") };
            let message = publish.message;
            assert_eq!(message.properties().reply_to(), expected, "{size}");
            assert_eq!(message.properties().headers().map(|headers| headers.len()), Some(1));
            assert_eq!((message.exchange(), message.routing_key()), ("e", "k"));
            assert!(message.body() == body, "{said:?} {size}");
        }
    }
}

#[test]
fn a_request_needs_somebody_who_waits() {
    let text =
        "1: channel.close 406 PRECONDITION_FAILED - fast reply consumer does not exist on 60.40";
    for size in [5, 100_000] {
        let mut driver = Driver::running();
        driver.feed(&request(Some(REPLY_TO), &vec![0; size]));
        assert_eq!(driver.output(), [text], "{size}");
        assert_eq!(driver.asked(), [""; 0]);
    }
    let (mut driver, _) = waiting();
    driver.send(1, basic::Cancel { consumer_tag: "r", no_wait: true });
    driver.requests.clear();
    driver.feed(&request(Some(REPLY_TO), b""));
    assert_eq!(driver.output(), [text], "cancelled");
}

#[test]
fn replies_share_the_channels_tags_and_no_prefetch() {
    let (mut driver, requester) = waiting();
    driver.send(1, basic::Qos { prefetch_size: 0, prefetch_count: 1, global: true });
    let consumer = driver.consume(1, "c", false);
    driver.output();
    driver.requests.clear();
    driver.connection.deliver_reply(requester, &message("", ADDRESS, b"a"));
    driver.deliver(consumer, 10, b"");
    driver.connection.deliver_reply(requester, &message("", ADDRESS, &[0; 10_000]));
    #[rustfmt::skip]
    let expected = [
        "1: basic.deliver r 1", "1: header", "1: body of 1",
        "1: basic.deliver c 2", "1: header",
        "1: basic.deliver r 3", "1: header", "1: body of 8184", "1: body of 1816",
    ];
    assert_eq!(driver.output(), expected);
    assert!(driver.asked().is_empty() && !driver.connection.is_thirsty());
}

#[test]
fn waiting_ends_with_the_consumer_or_its_channel() {
    let cancel = basic::Cancel { consumer_tag: "r", no_wait: false };
    let cases: [(Method<'_>, &str); 2] = [
        (cancel.into(), "1: basic.cancel-ok"),
        (channel::Close::default().into(), "1: channel.close-ok"),
    ];
    for (method, answer) in cases {
        let (mut driver, requester) = waiting();
        driver.send(1, method);
        assert_eq!(driver.output(), [answer]);
        assert_eq!(driver.asked(), [format!("forgo '{ADDRESS}'")]);
        driver.connection.deliver_reply(requester, &message("", ADDRESS, b"late"));
        assert_eq!(driver.output(), [""; 0]);
    }
    let (mut driver, _) = waiting();
    driver.connection.disconnected(&mut driver.requests);
    assert_eq!(driver.asked(), [format!("forgo '{ADDRESS}'"), "closed".into()]);
}

#[test]
fn another_consumer_does_not_get_what_was_meant_for_the_last() {
    let (mut driver, earlier) = waiting();
    driver.send(1, basic::Cancel { consumer_tag: "r", no_wait: true });
    driver.send(1, consume("r", true));
    driver.answer(Answer::AwaitingReplies { address: "amq.rabbitmq.reply-to.new".into() });
    driver.output();
    driver.connection.deliver_reply(earlier, &message("", ADDRESS, b"late"));
    assert_eq!(driver.output(), [""; 0]);
}

#[test]
fn an_address_that_comes_after_the_end_goes_back() {
    let mut driver = Driver::running();
    driver.send(1, consume("r", true));
    driver.connection.disconnected(&mut driver.requests);
    driver.requests.clear();
    driver.answer(Answer::AwaitingReplies { address: ADDRESS.into() });
    assert_eq!(driver.asked(), [format!("forgo '{ADDRESS}'")]);
}
