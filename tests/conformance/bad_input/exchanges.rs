//! Bad input to the class `exchange`.

use broker_protocol::{
    FieldTable, Value,
    method::{exchange, queue},
};

use super::{
    Closes::{Channel, Connection},
    EXCHANGE, INTERNAL, NOTHING, Row, row,
};

const DEFAULT: &str = "ACCESS_REFUSED - operation not permitted on the default exchange";
const NO_EXCHANGE: &str = "NOT_FOUND - no exchange 'bad-input-nothing' in vhost '/'";

fn declare(exchange: &'static str, kind: &'static str) -> exchange::Declare<'static> {
    exchange::Declare { exchange, kind, durable: true, ..Default::default() }
}

fn arguments(name: &str, value: impl Into<Value>) -> FieldTable {
    [(name, value)].into_iter().collect()
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = declarations();
    rows.extend(deletions());
    rows.extend(bindings());
    rows
}

fn declarations() -> Vec<Row> {
    let same = declare(EXCHANGE, "direct");
    let alternate = |value: Value| arguments("alternate-exchange", value);
    vec![
        row(
            declare(NOTHING, "odd"),
            Connection,
            503,
            "COMMAND_INVALID - unknown exchange type 'odd'",
        ),
        row(declare(NOTHING, ""), Connection, 503, "COMMAND_INVALID - invalid exchange type ''"),
        row(
            declare("amq.mine", "direct"),
            Channel,
            403,
            "exchange name 'amq.mine' contains reserved prefix 'amq.*'",
        ),
        row(declare("", "direct"), Channel, 403, DEFAULT),
        row(exchange::Declare { passive: true, ..declare("", "direct") }, Channel, 403, DEFAULT),
        row(
            exchange::Declare { passive: true, ..declare(NOTHING, "direct") },
            Channel,
            404,
            NO_EXCHANGE,
        ),
        row(declare(EXCHANGE, "topic"), Channel, 406, "inequivalent arg 'type' for exchange"),
        row(
            exchange::Declare { durable: false, ..same.clone() },
            Channel,
            406,
            "inequivalent arg 'durable'",
        ),
        row(
            exchange::Declare { auto_delete: true, ..same.clone() },
            Channel,
            406,
            "inequivalent arg 'auto_delete'",
        ),
        row(
            exchange::Declare { internal: true, ..same.clone() },
            Channel,
            406,
            "inequivalent arg 'internal'",
        ),
        row(
            exchange::Declare { no_wait: true, ..declare(EXCHANGE, "fanout") },
            Channel,
            406,
            "inequivalent arg 'type'",
        ),
        row(
            exchange::Declare { arguments: alternate("other".into()), ..same.clone() },
            Channel,
            406,
            "inequivalent arg 'alternate-exchange'",
        ),
        row(
            exchange::Declare { arguments: alternate(5.into()), ..declare(NOTHING, "direct") },
            Channel,
            406,
            "alternate-exchange",
        ),
    ]
}

fn deletions() -> Vec<Row> {
    vec![
        row(exchange::Delete { exchange: "", ..Default::default() }, Channel, 403, DEFAULT),
        row(
            exchange::Delete { exchange: "amq.topic", ..Default::default() },
            Channel,
            403,
            "amq.topic",
        ),
        row(
            exchange::Delete { exchange: EXCHANGE, if_unused: true, ..Default::default() },
            Channel,
            406,
            "exchange 'bad-input-exchange' in vhost '/' in use",
        ),
    ]
}

fn bindings() -> Vec<Row> {
    let bind = |source: &'static str, destination: &'static str| exchange::Bind {
        source,
        destination,
        routing_key: "k",
        ..Default::default()
    };
    let unbind = |source: &'static str, destination: &'static str| exchange::Unbind {
        source,
        destination,
        routing_key: "k",
        ..Default::default()
    };
    let odd = |value: Value| exchange::Bind {
        arguments: arguments("x-match", value),
        ..bind("amq.headers", EXCHANGE)
    };
    vec![
        row(bind(NOTHING, EXCHANGE), Channel, 404, NO_EXCHANGE),
        row(bind(EXCHANGE, NOTHING), Channel, 404, NO_EXCHANGE),
        row(bind("", EXCHANGE), Channel, 403, DEFAULT),
        row(bind(EXCHANGE, ""), Channel, 403, DEFAULT),
        row(exchange::Bind { no_wait: true, ..bind(NOTHING, INTERNAL) }, Channel, 404, NO_EXCHANGE),
        row(odd("most".into()), Channel, 406, "x-match"),
        row(odd(5.into()), Channel, 406, "x-match"),
        row(unbind("", EXCHANGE), Channel, 403, DEFAULT),
        row(unbind(EXCHANGE, ""), Channel, 403, DEFAULT),
        row(
            queue::Bind {
                queue: super::QUEUE,
                exchange: "amq.headers",
                arguments: arguments("x-match", "some"),
                ..Default::default()
            },
            Channel,
            406,
            "x-match",
        ),
    ]
}
