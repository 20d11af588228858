//! Arguments of a queue, right and wrong.

use broker_protocol::table::{FieldTable, Value};

use crate::queue::{DeadLetterTo, Kind, Overflow, Settings};

fn plain() -> Settings {
    Settings::new("/".into(), "q".into())
}

fn parse(arguments: &[(&str, Value)]) -> Result<Settings, String> {
    let table: FieldTable = arguments.iter().cloned().collect();
    plain().with_arguments(&table).map_err(|refusal| refusal.text)
}

#[test]
fn known_arguments_become_settings() {
    let settings = parse(&[
        ("x-expires", Value::I64(60_000)),
        ("x-message-ttl", Value::U8(0)),
        ("x-max-length", Value::I32(5)),
        ("x-max-length-bytes", Value::I16(7)),
        ("x-overflow", "reject-publish".into()),
        ("x-dead-letter-exchange", "".into()),
        ("x-dead-letter-routing-key", "k".into()),
        ("x-max-priority", Value::I32(255)),
        ("x-single-active-consumer", true.into()),
        ("x-queue-type", "quorum".into()),
        ("x-delivery-limit", Value::I64(3)),
        ("x-queue-mode", "lazy".into()),
        ("x-of-the-application", Value::Void),
    ]);
    let expected = Settings {
        expires: Some(60_000),
        message_ttl: Some(0),
        max_length: Some(5),
        max_bytes: Some(7),
        overflow: Overflow::RejectPublish,
        dead_letter: Some(DeadLetterTo { exchange: "".into(), routing_key: Some("k".into()) }),
        max_priority: 255,
        single_active: true,
        kind: Kind::Quorum,
        delivery_limit: Some(3),
        ..plain()
    };
    assert_eq!(settings, Ok(expected));
    assert_eq!(parse(&[]), Ok(plain()));
}

#[test]
fn known_arguments_with_wrong_values_are_refused_by_name() {
    let text = || Value::from("1");
    #[rustfmt::skip]
    let cases = [
        ("x-expires",                 text(),             "\"expected integer, got longstr\""),
        ("x-expires",                 Value::I32(0),      "{value_zero,0}"),
        ("x-expires",                 Value::I32(-1),     "{value_negative,-1}"),
        ("x-message-ttl",             text(),             "\"expected integer, got longstr\""),
        ("x-message-ttl",             Value::I64(315_360_000_001), "{value_too_large,315360000001}"),
        ("x-message-ttl",             Value::I64(-5),     "{value_negative,-5}"),
        ("x-message-ttl",             Value::F64(0),      "\"expected integer, got double\""),
        ("x-max-length",              Value::I32(-1),     "{value_negative,-1}"),
        ("x-max-length-bytes",        Value::Bool(true),  "\"expected integer, got bool\""),
        ("x-overflow",                text(),             "invalid_overflow"),
        ("x-overflow",                Value::I32(1),      "{unacceptable_type,signedint}"),
        ("x-dead-letter-routing-key", Value::I32(1),      "{unacceptable_type,signedint}"),
        ("x-dead-letter-routing-key", text(),             "routing_key_but_no_dlx_defined"),
        ("x-dead-letter-strategy",    text(),             "invalid_dlx_strategy"),
        ("x-max-priority",            Value::I32(256),    "{max_value_exceeded,256}"),
        ("x-max-priority",            Value::I32(-1),     "{value_negative,-1}"),
        ("x-single-active-consumer",  text(),             "{unacceptable_type,longstr}"),
        ("x-queue-type",              text(),             "\"unsupported queue type '1'\""),
        ("x-queue-mode",              text(),             "\"unsupported queue mode '1'\""),
        ("x-delivery-limit",          Value::I32(-2),     "{value_negative,-2}"),
        ("x-queue-version",           Value::I32(3),      "\"unsupported queue version '3'\""),
        ("x-quorum-initial-group-size", text(),           "\"expected integer, got longstr\""),
    ];
    for (name, value, reason) in cases {
        let expected = format!(
            "PRECONDITION_FAILED - invalid arg '{name}' for queue 'q' in vhost '/': {reason}"
        );
        assert_eq!(parse(&[(name, value.clone())]), Err(expected), "{name} {value:?}");
    }
    let expected = "PRECONDITION_FAILED - invalid type 'signedint' for arg 'x-dead-letter-exchange' \
        in queue 'q' in vhost '/'";
    assert_eq!(parse(&[("x-dead-letter-exchange", Value::I32(1))]), Err(expected.to_owned()));
}

#[test]
fn a_delivery_limit_of_minus_one_is_none() {
    let quorum = ("x-queue-type", Value::from("quorum"));
    let settings = parse(&[quorum, ("x-delivery-limit", (-1).into())]).unwrap();
    assert_eq!(settings.delivery_limit, None);
}

#[test]
fn consumers_ask_nothing_of_a_queue_that_only_another_type_has() {
    #[rustfmt::skip]
    let cases = [
        ("classic", "x-stream-offset",         Some("rabbit_classic_queue")),
        ("quorum",  "x-stream-offset",         Some("rabbit_quorum_queue")),
        ("classic", "x-cancel-on-ha-failover", None),
        ("quorum",  "x-cancel-on-ha-failover", Some("rabbit_quorum_queue")),
        ("quorum",  "x-of-the-application",    None),
    ];
    for (kind, name, refused) in cases {
        let settings = parse(&[("x-queue-type", kind.into())]).unwrap();
        let arguments: FieldTable = [(name, Value::Bool(true))].into_iter().collect();
        let expected = refused.map(|module| {
            format!(
                "PRECONDITION_FAILED - invalid arg '{name}' for queue 'q' in vhost '/' of queue type {module}"
            )
        });
        let refusal = settings.check_consumer(&arguments).err().map(|refusal| refusal.text);
        assert_eq!(refusal, expected, "{kind} {name}");
    }
}
