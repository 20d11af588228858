//! What a dead message carries, and where it stops going round.

use broker_protocol::properties::Properties;
use broker_protocol::table::{FieldTable, Value};

use crate::message::{Message, sample};
use crate::queue::dead_letter::{Reason, goes_in_circles, obituary};
use crate::queue::{DeadLetterTo, Settings};
use crate::time::Timestamp;

const NOW: Timestamp = Timestamp(1_700_000_000_123);

fn die(message: &Message, queue: &str, reason: Reason) -> Message {
    let settings = Settings::new("/".into(), queue.into());
    let to = DeadLetterTo { exchange: "dlx".into(), routing_key: None };
    obituary(message, &settings, &to, reason, NOW).unwrap()
}

fn headers(message: &Message) -> FieldTable {
    message.properties().headers().unwrap()
}

fn table<const N: usize>(fields: [(&str, Value); N]) -> FieldTable {
    fields.into_iter().collect()
}

#[test]
fn the_first_death_is_told_in_full() {
    let carried = table([("CC", Value::Array(vec!["c".into()])), ("mine", 1.into())]);
    let properties = Properties {
        headers: Some(carried),
        expiration: Some("5000"),
        message_id: Some("id"),
        ..Properties::default()
    };
    let message = sample::with("e", "k", &properties, b"body");
    let settings = Settings::new("/".into(), "q".into());
    let to = DeadLetterTo { exchange: "dlx".into(), routing_key: Some("dead".into()) };
    let dead = obituary(&message, &settings, &to, Reason::Expired, NOW).unwrap();
    assert_eq!((dead.exchange(), dead.routing_key(), dead.body()), ("dlx", "dead", &b"body"[..]));
    let death = table([
        ("count", Value::I64(1)),
        ("reason", "expired".into()),
        ("queue", "q".into()),
        ("time", Value::Timestamp(1_700_000_000)),
        ("exchange", "e".into()),
        ("routing-keys", Value::Array(vec!["k".into(), "c".into()])),
        ("original-expiration", "5000".into()),
    ]);
    let expected = table([
        ("mine", 1.into()),
        ("x-first-death-exchange", "e".into()),
        ("x-first-death-queue", "q".into()),
        ("x-first-death-reason", "expired".into()),
        ("x-death", Value::Array(vec![death.into()])),
        ("x-last-death-exchange", "e".into()),
        ("x-last-death-queue", "q".into()),
        ("x-last-death-reason", "expired".into()),
    ]);
    let properties = dead.properties().to_properties().unwrap();
    assert_eq!(properties.headers, Some(expected));
    assert_eq!((properties.expiration, properties.message_id), (None, Some("id")));
}

#[test]
fn a_history_has_each_queue_and_reason_once_the_latest_first() {
    let first = die(&sample::message("e", "k", b""), "a", Reason::Rejected);
    let second = die(&first, "b", Reason::Expired);
    let third = die(&second, "a", Reason::Rejected);
    let fourth = die(&third, "a", Reason::MaxLength);
    let headers = headers(&fourth);
    let Some(Value::Array(deaths)) = headers.get("x-death") else { panic!("{headers:?}") };
    let told: Vec<_> = deaths
        .iter()
        .map(|death| {
            let Value::Table(death) = death else { panic!("{death:?}") };
            let text = |name| death.get(name).unwrap().as_str().unwrap();
            (text("queue"), text("reason"), death.get("count").unwrap().as_i64().unwrap())
        })
        .collect();
    assert_eq!(told, [("a", "maxlen", 1), ("a", "rejected", 2), ("b", "expired", 1)]);
    let end = |name| headers.get(name).and_then(Value::as_str).unwrap();
    assert_eq!((end("x-first-death-queue"), end("x-first-death-reason")), ("a", "rejected"));
    assert_eq!((end("x-last-death-queue"), end("x-last-death-reason")), ("a", "maxlen"));
    assert_eq!(end("x-first-death-exchange"), "e");
    assert_eq!(end("x-last-death-exchange"), "dlx");
}

#[test]
fn a_circle_that_nobody_wanted_ends() {
    use Reason::{DeliveryLimit, Expired, MaxLength, Rejected};
    #[rustfmt::skip]
    let cases = [
        (vec![("a", Expired)],                                    "a", true,  "straight back"),
        (vec![("a", Expired)],                                    "b", false, "on to another"),
        (vec![("a", MaxLength), ("b", DeliveryLimit)],            "a", true,  "back by a detour"),
        (vec![("a", Rejected)],                                   "a", false, "a client rejected it: it may try again"),
        (vec![("a", Expired), ("b", Rejected), ("c", Expired)],   "a", false, "a client had a hand in it"),
        (vec![("b", Rejected), ("a", Expired), ("c", Expired)],   "a", true,  "but not in this circle"),
        (vec![("a", Expired), ("a", Rejected)],                   "a", false, "the last death decides"),
    ];
    for (deaths, queue, expected, because) in cases {
        let alive = sample::message("e", "k", b"");
        let dead =
            deaths.iter().fold(alive, |message, (queue, reason)| die(&message, queue, *reason));
        assert_eq!(goes_in_circles(&dead, queue), expected, "{deaths:?} to {queue}: {because}");
    }
    let dead = die(&sample::message("e", "k", b""), "a", Expired);
    let again = sample::with_headers("e", "k", headers(&dead));
    assert!(!goes_in_circles(&again, "a"), "a client may publish what it got");
}

#[test]
fn a_history_that_is_none_is_begun_anew() {
    for odd in [Value::from("text"), Value::Array(vec!["text".into(), Value::Void])] {
        let message = sample::with_headers("e", "k", table([("x-death", odd)]));
        let dead = die(&message, "q", Reason::Expired);
        let Some(Value::Array(deaths)) = headers(&dead).remove("x-death") else { panic!() };
        assert!(matches!(&deaths[0], Value::Table(death) if death.len() == 6));
        assert!(goes_in_circles(&dead, "q"));
    }
}

#[test]
fn a_history_without_counts_is_counted() {
    let death =
        |queue: &str| Value::from(table([("queue", queue.into()), ("reason", "expired".into())]));
    let history = vec![death("a"), death("b"), death("a"), "odd".into(), death("a")];
    let message = sample::with_headers("e", "k", table([("x-death", Value::Array(history))]));
    let dead = die(&die(&message, "q", Reason::Expired), "a", Reason::Expired);
    let Some(Value::Array(deaths)) = headers(&dead).remove("x-death") else { panic!() };
    let told: Vec<_> = deaths
        .iter()
        .map(|death| {
            let Value::Table(death) = death else { panic!("{death:?}") };
            (
                death.get("queue").unwrap().as_str().unwrap(),
                death.get("count").unwrap().as_i64().unwrap(),
            )
        })
        .collect();
    assert_eq!(told, [("a", 4), ("q", 1), ("b", 1)]);
}
