//! What can be declared, and which messages are the same.

use broker_protocol::properties::Properties;
use broker_protocol::table::{FieldTable, Value};

use crate::dedup::{Rule, WindowId};
use crate::message::{Message, sample};

fn table(fields: &[(&str, Value)]) -> FieldTable {
    fields.iter().cloned().collect()
}

fn rule(fields: &[(&str, Value)]) -> Result<Option<Rule>, String> {
    let on = [&[("x-message-deduplication", true.into())], fields].concat();
    Rule::from_arguments(&table(&on), "queue 'q'").map_err(|refusal| refusal.text)
}

fn by(key: &str) -> Rule {
    rule(&[("x-deduplication-key", key.into())]).unwrap().unwrap()
}

fn message(headers: &[(&str, Value)]) -> Message {
    sample::with_headers("e", "k", table(headers))
}

#[test]
fn arguments_are_checked_by_name() {
    let refused = |key: &str, reason: &str| {
        Err(format!("PRECONDITION_FAILED - invalid arg '{key}' for queue 'q': {reason}"))
    };
    let no_number = "must be an integer greater than 0";
    #[rustfmt::skip]
    let cases = [
        ("x-cache-size",        Value::I32(0),          no_number),
        ("x-cache-size",        Value::I32(-1),         no_number),
        ("x-cache-size",        "many".into(),          no_number),
        ("x-cache-size",        Value::I64(1 << 31),    "{value_too_large,2147483648}"),
        ("x-cache-ttl",         Value::I32(0),          no_number),
        ("x-cache-ttl",         Value::Bool(true),      no_number),
        ("x-cache-ttl",         Value::I64(i64::MAX),   "{value_too_large,9223372036854775807}"),
        ("x-cache-persistence", "tape".into(),          "must be either 'disk' or 'memory'"),
        ("x-deduplication-key", Value::I32(1),          "{unacceptable_type,signedint}"),
        ("x-deduplication-key", "".into(),              "must name a header or a property"),
    ];
    for (key, value, reason) in cases {
        assert_eq!(rule(&[(key, value.clone())]), refused(key, reason), "{key} {value:?}");
    }
    let odd = table(&[("x-message-deduplication", "yes".into())]);
    let text = Rule::from_arguments(&odd, "queue 'q'").unwrap_err().text;
    assert!(text.contains("'x-message-deduplication'"), "{text}");
}

#[test]
fn what_is_not_said_has_a_default() {
    let limits = |fields: &[_]| rule(fields).unwrap().map(|rule| (rule.limit, rule.life));
    assert_eq!(limits(&[]), Some((250_000, 86_400_000)));
    assert_eq!(limits(&[("x-cache-size", "7".into()), ("x-cache-ttl", 9.into())]), Some((7, 9)));
    let off = table(&[("x-cache-size", 5.into())]);
    assert_eq!(Rule::from_arguments(&off, "queue 'q'"), Ok(None));
    let refusal = Rule::required(&FieldTable::new(), "exchange 'e'").unwrap_err();
    assert!(refusal.text.contains("'x-cache-size' must be an integer"), "{}", refusal.text);
}

#[test]
fn messages_are_the_same_by_what_the_rule_looks_at() {
    let key = |rule: &Rule, message: &Message| {
        rule.key(WindowId::OWN, message).map(|key| key.fingerprint)
    };
    let plain = rule(&[]).unwrap().unwrap();
    let header = |value: Value| message(&[("x-deduplication-header", value)]);
    let of = |value: Value| key(&plain, &header(value));
    assert_eq!(of("a".into()), of("a".into()));
    assert_ne!(of("a".into()), of("b".into()));
    assert_eq!(of(Value::I8(5)), of(Value::I64(5)), "whatever the width");
    assert_ne!(of(Value::I8(5)), of("5".into()), "a number is not a text");
    assert_eq!(of(Value::Array(vec![])), None);
    assert_eq!(key(&plain, &message(&[])), None, "no key, no duplicate");

    let named =
        |id| sample::with("e", "k", &Properties { message_id: id, ..Properties::default() }, b"");
    let by_id = by("message-id");
    assert_eq!(key(&by_id, &named(Some("1"))), key(&by_id, &named(Some("1"))));
    assert_ne!(key(&by_id, &named(Some("1"))), key(&by_id, &named(Some("2"))));
    assert_eq!(key(&by_id, &named(None)), None);
    assert!(key(&by("bizId"), &message(&[("bizId", "payment-7".into())])).is_some());
}

#[test]
fn a_message_may_say_for_how_long() {
    let rule = rule(&[("x-cache-ttl", 500.into())]).unwrap().unwrap();
    let life = |life: Value| {
        let headers = [("x-deduplication-header", "a".into()), ("x-cache-ttl", life)];
        rule.key(WindowId::OWN, &message(&headers)).unwrap().life
    };
    assert_eq!(life(7.into()), 7);
    assert_eq!(life("8".into()), 8);
    assert_eq!(life(Value::I32(-1)), 500, "makes no sense, and so is not heard");
}
