//! Deliveries: tags, acknowledgements, prefetch and what goes back.

use broker_core::id::{MessageId, QueueId};
use broker_protocol::method::{basic, channel, queue};
use bytes::Buf;

use super::{Driver, QUEUE, message};
use crate::request::{Answer, Request};

fn ack(delivery_tag: u64, multiple: bool) -> basic::Ack {
    basic::Ack { delivery_tag, multiple }
}

/// A channel with seven messages delivered, their ids ten times their tags.
fn with_deliveries() -> Driver {
    let mut driver = Driver::running();
    let consumer = driver.consume(1, "c", false);
    for tag in 1..=7 {
        driver.deliver(consumer, tag * 10, b"body");
    }
    driver.requests.clear();
    driver.output();
    driver
}

#[test]
fn deliveries_carry_rising_tags() {
    let mut driver = Driver::running();
    let consumer = driver.consume(1, "c", true);
    assert_eq!(driver.output(), ["1: basic.consume-ok"]);
    driver.deliver(consumer, 10, b"body");
    driver.deliver(consumer, 11, b"");
    driver.deliver(consumer, 12, &[0; 10_000]);
    let header = "1: header";
    #[rustfmt::skip]
    let expected = [
        "1: basic.deliver c 1", header, "1: body of 4",
        "1: basic.deliver c 2", header,
        "1: basic.deliver c 3", header, "1: body of 8184", "1: body of 1816",
    ];
    assert_eq!(driver.output(), expected);
}

/// Acknowledgements (tag, multiple) and what they settle.
type Case = (&'static [(u64, bool)], &'static [&'static str]);

#[test]
fn acknowledgements_settle_what_they_name() {
    #[rustfmt::skip]
    let cases: [Case; 6] = [
        (&[(3, false)],             &["ack [30]"]),
        (&[(3, true)],              &["ack [10, 20, 30]"]),
        (&[(2, false), (3, true)],  &["ack [20]", "ack [10, 30]"]),
        (&[(0, true)],              &["ack [10, 20, 30, 40, 50, 60, 70]"]),
        (&[(0, true), (0, true)],   &["ack [10, 20, 30, 40, 50, 60, 70]"]),
        (&[(7, false), (1, false)], &["ack [70]", "ack [10]"]),
    ];
    for (acks, expected) in cases {
        let mut driver = with_deliveries();
        for (tag, multiple) in acks {
            driver.send(1, ack(*tag, *multiple));
        }
        assert_eq!(driver.asked(), expected, "{acks:?}");
        assert_eq!(driver.output(), [""; 0]);
    }
}

#[test]
fn what_is_not_held_is_an_unknown_tag() {
    for (tag, multiple) in [(8, false), (8, true), (0, false)] {
        let mut driver = with_deliveries();
        driver.send(1, ack(tag, multiple));
        let text = format!("PRECONDITION_FAILED - unknown delivery tag {tag}");
        assert_eq!(driver.output(), [format!("1: channel.close 406 {text} on 60.80")]);
        let given_back = ["unsubscribe", "requeue [10, 20, 30, 40, 50, 60, 70]"];
        assert_eq!(driver.asked(), given_back, "the channel's end puts all back");
    }
    for again in [false, true] {
        let mut driver = with_deliveries();
        driver.send(1, ack(2, false));
        driver.send(1, ack(2, again));
        assert_eq!(driver.output().len(), 1, "acknowledged twice, multiple: {again}");
    }
}

#[test]
fn refusing_puts_back_or_drops() {
    let mut driver = with_deliveries();
    driver.send(1, basic::Reject { delivery_tag: 1, requeue: true });
    driver.send(1, basic::Reject { delivery_tag: 2, requeue: false });
    driver.send(1, basic::Nack { delivery_tag: 4, multiple: true, requeue: true });
    driver.send(1, basic::Nack { delivery_tag: 5, multiple: false, requeue: false });
    driver.send(1, basic::Recover { requeue: true });
    let expected =
        ["requeue [10]", "reject [20]", "requeue [30, 40]", "reject [50]", "requeue [60, 70]"];
    assert_eq!(driver.asked(), expected);
}

#[test]
fn acknowledgements_of_one_read_leave_together_and_before_a_question() {
    let mut driver = with_deliveries();
    let mut frames = bytes::BytesMut::new();
    for tag in 1..=3 {
        broker_protocol::encode::method(&mut frames, 1, ack(tag, false));
    }
    broker_protocol::encode::method(&mut frames, 1, basic::Get { queue: "q", no_ack: false });
    driver.feed(&frames);
    assert_eq!(driver.asked(), ["ack [10, 20, 30]", "get 'q'"]);
}

#[test]
fn a_message_is_got_or_there_is_none() {
    let mut driver = Driver::running();
    driver.send(1, basic::Get { queue: "q", no_ack: false });
    driver.answer(Answer::Got {
        queue: QUEUE,
        id: MessageId(5),
        redelivered: true,
        message: message("e", "k", b"got"),
        remaining: 2,
        timeout: None,
    });
    driver.send(1, basic::Get { queue: "q", no_ack: false });
    driver.answer(Answer::Empty);
    let expected = ["1: basic.get-ok", "1: header", "1: body of 3", "1: basic.get-empty"];
    assert_eq!(driver.output(), expected);
    driver.requests.clear();
    driver.send(1, ack(1, false));
    assert_eq!(driver.asked(), ["ack [5]"]);
}

#[test]
fn a_prefetch_of_the_channel_holds_deliveries_back() {
    let mut driver = Driver::running();
    driver.send(1, basic::Qos { prefetch_size: 0, prefetch_count: 2, global: true });
    let (a, b) = (driver.consume(1, "a", false), driver.consume(1, "b", false));
    driver.output();
    for (consumer, id) in [(a, 1), (b, 2), (a, 3), (b, 4)] {
        driver.deliver(consumer, id, b"");
    }
    let delivered = |n: u64, tag: &str| [format!("1: basic.deliver {tag} {n}"), "1: header".into()];
    assert_eq!(driver.output(), [delivered(1, "a"), delivered(2, "b")].concat());
    driver.send(1, ack(1, false));
    assert_eq!(driver.output(), delivered(3, "a"));
    driver.requests.clear();
    driver.send(1, basic::Cancel { consumer_tag: "b", no_wait: true });
    driver.answer(Answer::Done);
    assert_eq!(driver.asked(), ["cancel", "requeue [4]"], "what was held goes back");
    driver.send(1, channel::Close::default());
    assert_eq!(driver.asked(), ["unsubscribe", "requeue [2, 3]"]);
}

#[test]
fn queues_are_told_the_lower_prefetch() {
    #[rustfmt::skip]
    let cases = [
        // own, shared, told
        (0, 0, 0),
        (9, 0, 9),
        (0, 5, 5),
        (9, 5, 5),
        (3, 5, 3),
    ];
    let qos = |prefetch_count, global| basic::Qos { prefetch_size: 0, prefetch_count, global };
    for (own, shared, told) in cases {
        let mut driver = Driver::running();
        driver.send(1, qos(own, false));
        driver.send(1, qos(shared, true));
        driver.send(1, basic::Consume { queue: "q", ..Default::default() });
        let Some(Request::Consume { subscription, .. }) = driver.requests.pop() else { panic!() };
        assert_eq!(subscription.prefetch, told, "own {own}, shared {shared}");
        driver.answer(Answer::Consuming { queue: QUEUE, timeout: None });
        driver.send(1, qos(1, false));
        assert_eq!(driver.asked(), [""; 0], "only consumers to come");
        driver.send(1, qos(2, true));
        let told = if own == 0 { 2 } else { own.min(2) };
        assert_eq!(driver.asked(), [format!("prefetch {told}")]);
    }
}

#[test]
fn grants_follow_what_was_written() {
    let mut driver = Driver::running();
    let consumer = driver.consume(1, "c", true);
    for id in 0..1023 {
        driver.deliver(consumer, id, b"");
    }
    driver.connection.replenish(&mut driver.requests);
    assert_eq!(driver.asked(), [""; 0], "less than half a window is used");
    for id in 1023..1030 {
        driver.deliver(consumer, id, b"");
    }
    assert!(driver.connection.is_thirsty());
    driver.connection.replenish(&mut driver.requests);
    assert_eq!(driver.asked(), ["grant 1030"]);
    driver.connection.replenish(&mut driver.requests);
    assert_eq!(driver.asked(), [""; 0]);
}

#[test]
fn large_messages_are_granted_as_often_as_they_weigh() {
    let mut driver = Driver::running();
    let consumer = driver.consume(1, "c", true);
    let body = vec![0; 1 << 20];
    for id in 0..4 {
        assert!(!driver.connection.is_thirsty(), "{id} MiB are less than half a window");
        driver.deliver(consumer, id, &body);
    }
    driver.connection.replenish(&mut driver.requests);
    assert_eq!(driver.asked(), ["grant 1024"]);
}

#[test]
fn a_consumer_whose_queue_goes_is_told() {
    let mut driver = with_deliveries();
    let consumer = driver.consume(1, "d", false);
    driver.output();
    driver.connection.cancelled(consumer, &mut driver.requests);
    assert_eq!(driver.output(), ["1: basic.cancel"]);
    driver.deliver(consumer, 99, b"late");
    assert_eq!(driver.asked(), ["requeue [99]"], "a delivery that crossed goes back");
    assert_eq!(driver.output(), [""; 0]);
}

#[test]
fn what_was_on_its_way_comes_before_the_cancellation_is_answered() {
    let mut driver = Driver::running();
    let consumer = driver.consume(1, "c", true);
    driver.output();
    driver.send(1, basic::Cancel { consumer_tag: "c", no_wait: false });
    assert_eq!(driver.asked(), ["cancel"]);
    driver.deliver(consumer, 1, b"");
    driver.answer(Answer::Done);
    assert_eq!(driver.output(), ["1: basic.deliver c 1", "1: header", "1: basic.cancel-ok"]);
    driver.send(1, basic::Cancel { consumer_tag: "c", no_wait: false });
    assert_eq!((driver.asked(), driver.output()), (vec![], vec!["1: basic.cancel-ok".to_owned()]));
}

#[test]
fn who_deletes_a_queue_hears_of_that_before_its_consumers_end() {
    let mut driver = with_deliveries();
    driver.send(2, channel::Open {});
    let (here, there) = (driver.consume(1, "here", false), driver.consume(2, "there", false));
    driver.output();
    driver.send(1, queue::Delete { queue: "q", ..Default::default() });
    driver.connection.cancelled(here, &mut driver.requests);
    driver.connection.cancelled(there, &mut driver.requests);
    driver.answer(Answer::Removed { messages: 0 });
    assert_eq!(driver.output(), ["2: basic.cancel", "1: queue.delete-ok", "1: basic.cancel"]);
}

#[test]
fn who_need_not_acknowledge_keeps_to_the_limit_of_the_channel() {
    let mut driver = Driver::running();
    driver.send(1, basic::Qos { prefetch_size: 0, prefetch_count: 1, global: true });
    let (a, b) = (driver.consume(1, "a", false), driver.consume(1, "b", true));
    driver.output();
    driver.deliver(a, 10, b"");
    driver.deliver(b, 20, b"");
    assert_eq!(driver.output(), ["1: basic.deliver a 1", "1: header"]);
    driver.send(1, ack(1, false));
    assert_eq!(driver.output(), ["1: basic.deliver b 2", "1: header"]);
    assert_eq!(driver.asked(), ["ack [20]", "ack [10]"], "its queue waits for an answer");
    driver.deliver(b, 30, b"");
    assert_eq!(driver.output().len(), 2, "it does not count itself");
}

#[test]
fn what_was_fetched_does_not_count_against_the_limit() {
    let mut driver = Driver::running();
    driver.send(1, basic::Qos { prefetch_size: 0, prefetch_count: 1, global: true });
    let consumer = driver.consume(1, "c", false);
    driver.send(1, basic::Get { queue: "q", no_ack: false });
    driver.answer(Answer::Got {
        queue: QUEUE,
        id: MessageId(1),
        redelivered: false,
        message: message("", "q", b""),
        remaining: 0,
        timeout: None,
    });
    driver.output();
    driver.deliver(consumer, 2, b"");
    driver.deliver(consumer, 3, b"");
    assert_eq!(driver.output(), ["1: basic.deliver c 2", "1: header"]);
    driver.send(1, ack(1, false));
    assert_eq!(driver.output(), [""; 0], "nor is its acknowledgement room for another");
    driver.send(1, ack(2, false));
    assert_eq!(driver.output(), ["1: basic.deliver c 3", "1: header"]);
}

#[test]
fn deliveries_held_and_then_recovered_are_granted_again() {
    let mut driver = Driver::running();
    driver.send(1, basic::Qos { prefetch_size: 0, prefetch_count: 1, global: true });
    let (a, b) = (driver.consume(1, "a", false), driver.consume(1, "b", false));
    for _ in 0..1024 {
        driver.deliver(a, 1, b"");
        driver.deliver(b, 2, b"");
        driver.send(1, basic::Recover { requeue: true });
    }
    driver.requests.clear();
    driver.connection.replenish(&mut driver.requests);
    assert_eq!(driver.asked(), ["grant 1024", "grant 1024"]);
}

/// Work that grows with the square of the queues is felt here.
#[test]
fn acknowledging_what_came_in_turn_from_many_queues_is_linear() {
    const QUEUES: u64 = 4_000;
    let mut driver = Driver::running();
    for id in 0..10 * QUEUES {
        driver.send(1, basic::Get { queue: "q", no_ack: false });
        driver.answer(Answer::Got {
            queue: QueueId(id % QUEUES),
            id: MessageId(id),
            redelivered: false,
            message: message("", "q", b""),
            remaining: 0,
            timeout: None,
        });
        let written = driver.connection.output().remaining();
        driver.connection.output().advance(written);
        driver.requests.clear();
    }
    driver.send(1, ack(0, true));
    let settled = |request: &Request| match request {
        Request::Settle { ids, .. } => ids.len() as u64,
        _ => 0,
    };
    assert_eq!(driver.requests.iter().map(settled).sum::<u64>(), 10 * QUEUES);
}
