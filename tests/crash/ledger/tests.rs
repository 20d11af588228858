//! That the model finds what it is to find.

use crate::ledger::{Ledger, Message};

/// Messages of publisher 1, confirmed.
fn confirmed<const N: usize>(ledger: &mut Ledger, queue: &str) -> [Message; N] {
    std::array::from_fn(|_| {
        let message = ledger.send(1, &[queue]);
        ledger.confirmed(message, &[queue]);
        message
    })
}

fn reconcile(ledger: &mut Ledger, queue: &str, source: &[Message], grave: &[Message]) -> usize {
    let all = |messages: &[Message]| messages.iter().copied().collect();
    ledger.reconcile(queue, &all(source), &all(grave), true);
    std::mem::take(&mut ledger.violations).len()
}

#[test]
fn what_was_confirmed_is_missed_until_it_is_acknowledged() {
    let mut ledger = Ledger::default();
    let [a, b] = confirmed(&mut ledger, "fan-a");
    let unconfirmed = ledger.send(1, &["fan-a"]);
    assert_eq!(reconcile(&mut ledger, "fan-a", &[a, b, unconfirmed], &[]), 0);
    assert_eq!(reconcile(&mut ledger, "fan-a", &[a, b], &[]), 1, "it was there");
    assert_eq!(reconcile(&mut ledger, "fan-a", &[b], &[]), 1, "never acknowledged");
    let mut ledger = Ledger::default();
    let [a, b] = confirmed(&mut ledger, "fan-a");
    ledger.acknowledging("fan-a", a);
    assert_eq!(reconcile(&mut ledger, "fan-a", &[b], &[]), 0);
}

#[test]
fn what_is_sent_again_may_have_been_dealt_with_before() {
    for acknowledged in [false, true] {
        let mut ledger = Ledger::default();
        let message = ledger.send(1, &["once"]);
        if acknowledged {
            ledger.acknowledging("once", message);
        }
        assert_eq!(reconcile(&mut ledger, "once", &[], &[]), 0);
        assert_eq!(ledger.send_again(1, "once", 9), [message]);
        ledger.confirmed(message, &["once"]);
        let found = reconcile(&mut ledger, "once", &[], &[]);
        assert_eq!(found, usize::from(!acknowledged), "acknowledged: {acknowledged}");
    }
}

#[test]
fn what_died_is_in_its_queue_or_its_grave() {
    for (rejected, [here, there], violations) in [
        (false, [true, false], 0),
        (false, [false, true], 1),
        (true, [false, true], 0),
        (true, [true, true], 0),
        (true, [true, false], 0),
        (true, [false, false], 1),
    ] {
        let mut ledger = Ledger::default();
        let [message] = confirmed(&mut ledger, "orders");
        if rejected {
            ledger.rejecting("orders", message);
        }
        let (here, there) = (&[message][..usize::from(here)], &[message][..usize::from(there)]);
        let found = reconcile(&mut ledger, "orders", here, there);
        assert_eq!(found, violations, "{rejected} {here:?} {there:?}");
    }
}

#[test]
fn what_is_gone_stays_away() {
    let mut ledger = Ledger::default();
    let [a, b] = confirmed(&mut ledger, "purged");
    ledger.observed("purged", a, false);
    ledger.acknowledging("purged", a);
    ledger.acknowledged("purged", a);
    ledger.observed("purged", b, false);
    assert_eq!(ledger.violations, [""; 0]);
    ledger.observed("purged", a, true);
    ledger.emptying("purged");
    ledger.emptied("purged");
    ledger.observed("purged", b, true);
    assert_eq!(ledger.violations.len(), 2, "{:?}", ledger.violations);
}

#[test]
fn order_and_the_redelivered_flag_are_watched() {
    let mut ledger = Ledger::default();
    let [a, b, c] = confirmed(&mut ledger, "fan-a");
    ledger.observed("fan-a", a, false);
    ledger.observed("fan-a", c, false);
    ledger.observed("fan-a", a, true);
    ledger.new_life();
    ledger.observed("fan-a", a, false);
    assert_eq!(ledger.violations, [""; 0]);
    ledger.observed("fan-a", b, false);
    ledger.observed("fan-a", b, false);
    assert_eq!(ledger.violations.len(), 2, "{:?}", ledger.violations);
}

#[test]
fn what_was_read_from_its_queue_may_die_after_what_stood_behind_it() {
    let mut ledger = Ledger::default();
    let [a, b, c] = confirmed(&mut ledger, "brief");
    ledger.observed("brief", a, false);
    for message in [c, a] {
        ledger.observed("expired", message, false);
    }
    assert_eq!(ledger.violations, [""; 0]);
    ledger.observed("expired", b, false);
    assert_eq!(ledger.violations.len(), 1, "{:?}", ledger.violations);
}

#[test]
fn a_body_is_read_back_and_damage_is_seen() {
    let message = Message { publisher: 3, number: 14 };
    let mut body = message.to_body(20);
    assert_eq!(Message::from_body(&body), Some(message));
    body[15] = b'x';
    assert_eq!(Message::from_body(&body), None);
}
