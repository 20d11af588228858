//! Transactions: what is kept back, carried out together, and given back.

use broker_core::refusal::Refusal;
use broker_protocol::method::{basic, channel, tx};
use broker_protocol::reply::ReplyCode;

use super::{Driver, capabilities};
use crate::request::Answer;
use crate::settings::Settings;

/// A connection with a transactional channel that holds deliveries 1 to 4.
fn transactional() -> Driver {
    let mut driver = Driver::running();
    driver.send(1, tx::Select {});
    let consumer = driver.consume(1, "t", false);
    for id in 1..=4 {
        driver.deliver(consumer, id, b"");
    }
    driver.output();
    driver.asked();
    driver
}

fn ack(driver: &mut Driver, delivery_tag: u64, multiple: bool) {
    driver.send(1, basic::Ack { delivery_tag, multiple });
}

#[test]
fn nothing_happens_before_the_commit_and_then_all_of_it() {
    let mut driver = transactional();
    driver.publish(1, "e", "a", b"x");
    ack(&mut driver, 2, true);
    driver.send(1, basic::Nack { delivery_tag: 3, multiple: false, requeue: false });
    driver.publish(1, "e", "b", b"x");
    assert_eq!(driver.asked(), ["check key 'a'", "check key 'b'"]);
    driver.send(1, tx::Commit {});
    assert_eq!(driver.asked(), [r#"commit ["a", "b"] ack [1, 2] reject [3]"#]);
    assert!(driver.connection.is_parked());
    assert_eq!(driver.output(), [""; 0]);
    driver.answer(Answer::Done);
    assert_eq!(driver.output(), ["1: tx.commit-ok"]);
    driver.send(1, tx::Commit {});
    assert_eq!(driver.asked(), ["commit []"], "a transaction begins anew");
}

#[test]
fn a_rollback_takes_back_publishes_and_acknowledgements() {
    let mut driver = transactional();
    driver.publish(1, "e", "a", b"x");
    ack(&mut driver, 3, false);
    ack(&mut driver, 2, true);
    driver.asked();
    driver.send(1, tx::Rollback {});
    assert_eq!(driver.output(), ["1: tx.rollback-ok"]);
    assert_eq!(driver.asked(), [""; 0]);
    ack(&mut driver, 3, true);
    ack(&mut driver, 4, false);
    driver.send(1, tx::Commit {});
    assert_eq!(driver.asked(), ["commit [] ack [1, 2, 3, 4]"]);
}

#[test]
fn what_was_acknowledged_once_is_unknown_until_rolled_back() {
    let mut driver = transactional();
    ack(&mut driver, 1, false);
    ack(&mut driver, 1, false);
    let text = "PRECONDITION_FAILED - unknown delivery tag 1";
    assert_eq!(driver.output(), [format!("1: channel.close 406 {text} on 60.80")]);
}

#[test]
fn closing_is_a_rollback() {
    let mut driver = transactional();
    driver.publish(1, "e", "a", b"x");
    ack(&mut driver, 1, false);
    driver.asked();
    driver.send(1, channel::Close::default());
    assert_eq!(driver.asked(), ["unsubscribe", "requeue [2, 3, 4, 1]"]);
}

#[test]
fn a_refused_commit_closes_the_channel() {
    let mut driver = transactional();
    ack(&mut driver, 1, false);
    driver.send(1, tx::Commit {});
    driver.asked();
    let refusal = Refusal::new(ReplyCode::PreconditionFailed, "partial tx completion");
    driver.answer(Answer::Refused(refusal));
    let text = "PRECONDITION_FAILED - partial tx completion";
    assert_eq!(driver.output(), [format!("1: channel.close 406 {text} on 90.20")]);
    assert_eq!(driver.asked(), ["unsubscribe", "requeue [2, 3, 4]"], "1 is the committer's");
}

#[test]
fn a_transaction_cannot_grow_for_ever() {
    for (max_uncommitted, max_uncommitted_bytes) in [(2, 1 << 20), (100, 2 * 30)] {
        let settings = Settings { max_uncommitted, max_uncommitted_bytes, ..Settings::default() };
        let mut driver = Driver::logged_in(settings, capabilities());
        driver.send(1, channel::Open {});
        driver.send(1, tx::Select {});
        driver.output();
        let room = |driver: &mut Driver| {
            driver.publish(1, "e", "k", b"123");
            driver.publish(1, "e", "k", b"123");
            driver.output()
        };
        assert_eq!(room(&mut driver), [""; 0]);
        driver.send(1, tx::Rollback {});
        driver.send(1, tx::Commit {});
        driver.answer(Answer::Done);
        driver.output();
        assert_eq!(room(&mut driver), [""; 0], "a rollback makes room");
        driver.publish(1, "e", "k", b"123");
        let text = "PRECONDITION_FAILED - transaction is too large";
        assert_eq!(driver.output(), [format!("1: channel.close 406 {text} on 60.40")]);
    }
}

#[test]
fn a_shared_prefetch_counts_what_is_not_committed() {
    let mut driver = transactional();
    driver.send(1, basic::Qos { prefetch_count: 4, global: true, ..Default::default() });
    let consumer = driver.consume(1, "other", false);
    driver.output();
    driver.deliver(consumer, 5, b"");
    ack(&mut driver, 1, false);
    assert_eq!(driver.output(), [""; 0], "delivery 1 is with the client until the commit");
    driver.send(1, tx::Commit {});
    assert_eq!(driver.output(), ["1: basic.deliver other 5", "1: header"]);
}
