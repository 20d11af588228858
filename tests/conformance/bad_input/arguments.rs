//! Arguments of `queue.declare` with wrong types and values: refused by name.

use broker_protocol::{FieldTable, Value, method::queue};

use super::{Closes::Channel, NOTHING, Row, row};

/// Arguments that take a whole number, which may not be negative.
const NUMBERS: [&str; 5] =
    ["x-expires", "x-message-ttl", "x-max-length", "x-max-length-bytes", "x-max-priority"];

/// Likewise, of quorum queues.
const NUMBERS_OF_QUORUM: [&str; 2] = ["x-max-in-memory-length", "x-max-in-memory-bytes"];

/// Arguments that take one of a few words.
const WORDS: [&str; 3] = ["x-overflow", "x-queue-type", "x-queue-mode"];

/// Likewise, of quorum queues.
const WORDS_OF_QUORUM: [&str; 2] = ["x-dead-letter-strategy", "x-queue-leader-locator"];

/// Arguments that take any text.
const TEXTS: [&str; 2] = ["x-dead-letter-exchange", "x-dead-letter-routing-key"];

/// Arguments that a type of queue does not have but another has, each with a value that is right there.
#[rustfmt::skip]
const FOREIGN: [(&str, &str, Sample); 14] = [
    ("classic", "x-delivery-limit",                Sample::Number(3)),
    ("classic", "x-quorum-initial-group-size",     Sample::Number(1)),
    ("classic", "x-dead-letter-strategy",          Sample::Text("at-most-once")),
    ("classic", "x-max-in-memory-length",          Sample::Number(1)),
    ("classic", "x-max-in-memory-bytes",           Sample::Number(1)),
    ("classic", "x-max-age",                       Sample::Text("1h")),
    ("classic", "x-stream-max-segment-size-bytes", Sample::Number(1_000_000)),
    ("classic", "x-initial-cluster-size",          Sample::Number(1)),
    ("quorum",  "x-max-priority",                  Sample::Number(5)),
    ("quorum",  "x-queue-mode",                    Sample::Text("default")),
    ("quorum",  "x-queue-version",                 Sample::Number(1)),
    ("quorum",  "x-queue-master-locator",          Sample::Text("min-masters")),
    ("quorum",  "x-max-age",                       Sample::Text("1h")),
    ("quorum",  "x-initial-cluster-size",          Sample::Number(1)),
];

#[derive(Clone, Copy)]
enum Sample {
    Number(i64),
    Text(&'static str),
}

fn declare(arguments: FieldTable) -> queue::Declare<'static> {
    queue::Declare { queue: NOTHING, durable: true, arguments, ..Default::default() }
}

fn wrong(name: &'static str, value: impl Into<Value>) -> Row {
    row(declare([(name, value)].into_iter().collect()), Channel, 406, name)
}

fn wrong_of_quorum(name: &'static str, value: impl Into<Value>) -> Row {
    let mut arguments: FieldTable = [("x-queue-type", "quorum")].into_iter().collect();
    arguments.insert(name, value);
    row(declare(arguments), Channel, 406, name)
}

fn foreign((kind, name, value): (&'static str, &'static str, Sample)) -> [Row; 2] {
    let mut arguments: FieldTable = [("x-queue-type", kind)].into_iter().collect();
    match value {
        Sample::Number(number) => arguments.insert(name, number),
        Sample::Text(text) => arguments.insert(name, text),
    }
    let text = match kind {
        "classic" => {
            "' for queue 'bad-input-nothing' in vhost '/' of queue type rabbit_classic_queue"
        }
        _ => "' for queue 'bad-input-nothing' in vhost '/' of queue type rabbit_quorum_queue",
    };
    let named = row(declare(arguments.clone()), Channel, 406, name);
    [named, row(declare(arguments), Channel, 406, text)]
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows: Vec<_> = FOREIGN.into_iter().flat_map(foreign).collect();
    let numbers =
        || -> [Value; 5] { ["soon".into(), (-1).into(), 1.5_f64.into(), true.into(), Value::Void] };
    let words = || -> [Value; 4] { ["sideways".into(), "".into(), 1.into(), false.into()] };
    rows.extend(NUMBERS.iter().flat_map(|name| numbers().map(|value| wrong(name, value))));
    rows.extend(WORDS.iter().flat_map(|name| words().map(|value| wrong(name, value))));
    let of_quorum = NUMBERS_OF_QUORUM.iter().map(|name| (name, numbers().to_vec()));
    let of_quorum = of_quorum.chain(WORDS_OF_QUORUM.iter().map(|name| (name, words().to_vec())));
    for (name, values) in of_quorum {
        rows.extend(values.into_iter().map(|value| wrong_of_quorum(name, value)));
    }
    for name in TEXTS {
        rows.extend([Value::from(1), true.into()].map(|value| wrong(name, value)));
    }
    let unacceptable = "invalid arg 'x-dead-letter-routing-key' for queue 'bad-input-nothing' in \
        vhost '/': {unacceptable_type,signedint}";
    rows.extend([
        Row { text: unacceptable, ..wrong("x-dead-letter-routing-key", 1) },
        wrong("x-expires", 0),
        wrong("x-expires", 315_360_000_001_i64),
        wrong("x-message-ttl", 315_360_000_001_i64),
        wrong("x-max-priority", 256),
        wrong("x-dead-letter-routing-key", "key"),
        wrong("x-single-active-consumer", "yes"),
        wrong("x-single-active-consumer", 1),
        wrong("x-queue-version", 3),
        wrong("x-delivery-limit", "often"),
        wrong_of_quorum("x-quorum-initial-group-size", "few"),
        wrong_of_quorum("x-quorum-initial-group-size", 0),
    ]);
    rows
}
