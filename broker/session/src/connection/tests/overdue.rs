//! Clients that keep deliveries unacknowledged for too long.

use broker_core::id::{ConsumerId, MessageId};
use broker_protocol::method::{basic, channel, tx};
use broker_protocol::table::FieldTable;

use super::{Driver, QUEUE, message};
use crate::request::{Answer, Request};

impl Driver {
    /// A consumer with a limit of its own, on a queue with another.
    fn consume_within(&mut self, number: u16, own: Option<u64>, queue: Option<u64>) -> ConsumerId {
        let timeout = own.map(|own| ("x-consumer-timeout", i64::try_from(own).unwrap()));
        let arguments: FieldTable = timeout.into_iter().collect();
        self.send(number, basic::Consume { queue: "q", arguments, ..Default::default() });
        let Some(Request::Consume { subscription, .. }) = self.requests.pop() else {
            panic!("a subscription")
        };
        self.answer(Answer::Consuming { queue: QUEUE, timeout: queue });
        self.output();
        subscription.consumer
    }

    /// Lets so many ms pass in one go, and returns what the client reads, without heartbeats.
    fn wait(&mut self, millis: u64) -> Vec<String> {
        self.now = self.now.after(millis);
        self.feed(b"\x08\0\0\0\0\0\0\xCE");
        self.connection.handle_timeout(self.now, &mut self.requests);
        let mut lines = self.output();
        lines.retain(|line| line != "heartbeat");
        lines
    }
}

fn closed(channel: u16, timeout: u64) -> Vec<String> {
    vec![format!(
        "{channel}: channel.close 406 PRECONDITION_FAILED - delivery acknowledgement on channel \
         {channel} timed out. Timeout value used: {timeout} ms. This timeout value can be \
         configured, see consumers doc guide to learn more on 0.0"
    )]
}

#[test]
fn the_channel_is_closed_and_what_it_holds_goes_back() {
    for (own, queue) in [(None, Some(500)), (Some(500), None), (Some(500), Some(900))] {
        let mut driver = Driver::running();
        driver.send(2, channel::Open {});
        driver.output();
        let consumer = driver.consume_within(1, own, queue);
        let patient = driver.consume_within(2, None, None);
        driver.deliver(consumer, 10, b"");
        driver.deliver(patient, 11, b"");
        driver.output();
        assert_eq!(driver.wait(499), [""; 0], "{own:?} {queue:?}");
        driver.deliver(consumer, 12, b"");
        driver.output();
        assert_eq!(driver.wait(1), closed(1, 500), "{own:?} {queue:?}");
        assert_eq!(driver.asked(), ["unsubscribe", "requeue [10, 12]"]);
        assert_eq!(driver.wait(10_000), [""; 0], "the other channel goes on");
        driver.send(2, basic::Ack { delivery_tag: 1, multiple: false });
        assert_eq!(driver.asked(), ["ack [11]"]);
    }
}

#[test]
fn acknowledging_in_time_is_enough() {
    let mut driver = Driver::running();
    let consumer = driver.consume_within(1, None, Some(100));
    for round in 0..20 {
        driver.deliver(consumer, round, b"");
        driver.output();
        assert_eq!(driver.wait(99), [""; 0]);
        driver.send(1, basic::Ack { delivery_tag: round + 1, multiple: true });
    }
    assert_eq!(driver.wait(1_000), [""; 0]);
    driver.deliver(consumer, 99, b"");
    driver.output();
    assert_eq!(driver.wait(100), closed(1, 100));
}

#[test]
fn what_needs_no_acknowledgement_has_no_limit() {
    let mut driver = Driver::running();
    driver.send(1, basic::Consume { queue: "q", no_ack: true, ..Default::default() });
    let Some(Request::Consume { subscription, .. }) = driver.requests.pop() else { panic!() };
    driver.answer(Answer::Consuming { queue: QUEUE, timeout: Some(100) });
    driver.deliver(subscription.consumer, 1, b"");
    driver.output();
    assert_eq!(driver.wait(1_000), [""; 0]);
}

#[test]
fn what_was_got_has_the_limit_of_its_queue() {
    let mut driver = Driver::running();
    driver.send(1, basic::Get { queue: "q", no_ack: false });
    driver.answer(Answer::Got {
        queue: QUEUE,
        id: MessageId(5),
        redelivered: false,
        message: message("e", "k", b"got"),
        remaining: 0,
        timeout: Some(100),
    });
    driver.output();
    assert_eq!(driver.wait(99), [""; 0]);
    assert_eq!(driver.wait(1), closed(1, 100));
}

#[test]
fn a_limit_that_comes_later_counts_from_then_on() {
    let mut driver = Driver::running();
    let consumer = driver.consume_within(1, None, None);
    driver.deliver(consumer, 1, b"");
    assert_eq!(driver.wait(1_000).len(), 2, "a delivery");
    driver.connection.set_timeout(consumer, Some(300));
    assert_eq!(driver.wait(100), [""; 0]);
    driver.connection.set_timeout(consumer, Some(200));
    assert_eq!(driver.wait(99), [""; 0]);
    driver.connection.set_timeout(consumer, None);
    assert_eq!(driver.wait(1_000), [""; 0], "and may go again");
    driver.connection.set_timeout(consumer, Some(200));
    assert_eq!(driver.wait(200), closed(1, 200));
    driver.connection.set_timeout(consumer, Some(1));
}

#[test]
fn time_in_which_the_client_cannot_be_heard_does_not_count() {
    let mut driver = Driver::running();
    let consumer = driver.consume_within(1, None, Some(100));
    driver.deliver(consumer, 1, b"");
    driver.output();
    driver.send(1, basic::Get { queue: "q", no_ack: false });
    assert_eq!(driver.wait(5_000), [""; 0], "the broker takes its time to answer");
    driver.send(1, basic::Ack { delivery_tag: 1, multiple: false });
    driver.answer(Answer::Empty);
    assert_eq!(driver.output(), ["1: basic.get-empty"]);
    assert_eq!(driver.wait(5_000), [""; 0], "the acknowledgement lay there in time");

    driver.deliver(consumer, 2, b"");
    driver.output();
    for _ in 0..5 {
        driver.connection.not_listening(driver.now.after(90));
        assert_eq!(driver.wait(90), [""; 0], "nobody listens");
    }
    assert_eq!(driver.wait(100), closed(1, 100));
}

#[test]
fn what_a_rollback_brings_back_has_its_limit_again() {
    let mut driver = Driver::running();
    let consumer = driver.consume_within(1, None, Some(100));
    driver.send(1, tx::Select {});
    driver.deliver(consumer, 1, b"");
    driver.output();
    driver.send(1, basic::Ack { delivery_tag: 1, multiple: false });
    assert_eq!(driver.wait(1_000), [""; 0], "acknowledged, as far as the client is concerned");
    driver.send(1, tx::Rollback {});
    driver.output();
    assert_eq!(driver.wait(1), closed(1, 100));
}

#[test]
fn a_limit_that_makes_no_sense_is_refused() {
    for value in [broker_protocol::table::Value::from("soon"), (-1).into(), true.into()] {
        let mut driver = Driver::running();
        let arguments: FieldTable = [("x-consumer-timeout", value)].into_iter().collect();
        driver.send(1, basic::Consume { queue: "q", arguments, ..Default::default() });
        let output = driver.output();
        assert!(output[0].contains("406 PRECONDITION_FAILED - invalid arg 'x-consumer-timeout'"));
        assert!(output[0].ends_with("on 60.20"), "{output:?}");
    }
}
