//! Shares, loyalty and refusals of consistent-hash exchanges.

use broker_protocol::properties::Properties;
use broker_protocol::table::{FieldTable, Value};

use crate::id::QueueId;
use crate::message::{Message, sample};
use crate::routing::destinations::Target;
use crate::routing::hash::ConsistentHash;
use crate::routing::targets::Targets;

fn exchange(arguments: &[(&str, Value)], weights: &[&str]) -> ConsistentHash {
    let table: FieldTable = arguments.iter().cloned().collect();
    let mut exchange = ConsistentHash::new(&table, "exchange 'e' in vhost '/'").unwrap();
    for (queue, weight) in (0..).zip(weights) {
        exchange.add(weight, Target::Queue(QueueId(queue)));
    }
    exchange
}

fn winner(exchange: &ConsistentHash, message: &Message) -> u64 {
    let mut targets = Targets::new();
    assert!(exchange.find(message.routing_key(), message, &mut targets));
    assert_eq!(targets.queues().len(), 1);
    targets.queues()[0].0
}

fn by_keys(exchange: &ConsistentHash) -> Vec<u64> {
    let keys = (0..4_000).map(|n| sample::message("e", &format!("key-{n}"), b""));
    keys.map(|message| winner(exchange, &message)).collect()
}

#[test]
fn shares_follow_the_weights() {
    let winners = by_keys(&exchange(&[], &["1", "1", "2"]));
    let share = |queue| winners.iter().filter(|winner| **winner == queue).count();
    for (queue, expected) in [(0, 1_000), (1, 1_000), (2, 2_000)] {
        let got = share(queue);
        assert!(got.abs_diff(expected) < 150, "queue {queue} got {got}");
    }
}

#[test]
fn a_target_that_goes_moves_only_its_own_keys() {
    let mut exchange = exchange(&[], &["1", "1", "1"]);
    let before = by_keys(&exchange);
    exchange.add("1", Target::Queue(QueueId(2)));
    exchange.remove("1", &Target::Queue(QueueId(2)));
    assert_eq!(by_keys(&exchange), before, "bound twice, unbound once");
    exchange.remove("1", &Target::Queue(QueueId(2)));
    for (old, new) in before.iter().zip(by_keys(&exchange)) {
        assert!(*old == new || *old == 2);
    }
    exchange.remove("1", &Target::Queue(QueueId(0)));
    exchange.remove("1", &Target::Queue(QueueId(1)));
    let message = sample::message("e", "k", b"");
    assert!(!exchange.find("k", &message, &mut Targets::new()), "nobody is left");
}

#[test]
fn what_is_hashed_decides() {
    let headers = |n: u64| Some([("customer", Value::I64(n as i64))].into_iter().collect());
    let make = |n: u64, id: &str| {
        let properties = Properties {
            headers: headers(n),
            message_id: Some(id),
            correlation_id: Some(id),
            timestamp: Some(n),
            ..Properties::default()
        };
        sample::with("e", &format!("key-{n}"), &properties, b"")
    };
    let cases = [
        ("hash-header", "customer"),
        ("hash-property", "message_id"),
        ("hash-property", "correlation_id"),
        ("hash-property", "timestamp"),
    ];
    for (argument, value) in cases {
        let exchange = exchange(&[(argument, value.into())], &["1", "1", "1", "1"]);
        let spread: std::collections::BTreeSet<_> =
            (0..64).map(|n| winner(&exchange, &make(n, &format!("id-{n}")))).collect();
        assert_eq!(spread.len(), 4, "{value}: other values, other queues");
        let same =
            sample::with("e", "other", &make(7, "id-7").properties().to_properties().unwrap(), b"");
        assert_eq!(winner(&exchange, &same), winner(&exchange, &make(7, "id-7")), "{value}");
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let refusal = |arguments: &[(&str, Value)]| {
        let table: FieldTable = arguments.iter().cloned().collect();
        ConsistentHash::new(&table, "exchange 'e' in vhost '/'").unwrap_err().text
    };
    let (header, property) = (("hash-header", "h".into()), ("hash-property", "message_id".into()));
    let expected = "PRECONDITION_FAILED - hash-header and hash-property are mutually exclusive";
    assert_eq!(refusal(&[header, property]), expected);
    let expected = "PRECONDITION_FAILED - Unsupported property: app_id";
    assert_eq!(refusal(&[("hash-property", "app_id".into())]), expected);
    for (key, expected) in [
        ("0", "PRECONDITION_FAILED - The binding key must be greater than 0"),
        ("-1", "PRECONDITION_FAILED - The binding key must be greater than 0"),
        ("a", "PRECONDITION_FAILED - The binding key must be an integer: <<\"a\">>"),
    ] {
        assert_eq!(ConsistentHash::check(key).unwrap_err().text, expected);
    }
    assert!(ConsistentHash::check("10").is_ok());
}
