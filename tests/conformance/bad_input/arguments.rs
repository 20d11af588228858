//! Arguments of `queue.declare` with wrong types and values: refused by name.

use broker_protocol::{Value, method::queue};

use super::{Closes::Channel, NOTHING, Row, row};

/// Arguments that take a whole number, which may not be negative.
const NUMBERS: [&str; 7] = [
    "x-expires",
    "x-message-ttl",
    "x-max-length",
    "x-max-length-bytes",
    "x-max-in-memory-length",
    "x-max-in-memory-bytes",
    "x-max-priority",
];

/// Arguments that take one of a few words.
const WORDS: [&str; 5] = [
    "x-overflow",
    "x-queue-type",
    "x-queue-mode",
    "x-dead-letter-strategy",
    "x-queue-leader-locator",
];

/// Arguments that take any text.
const TEXTS: [&str; 2] = ["x-dead-letter-exchange", "x-dead-letter-routing-key"];

fn wrong(name: &'static str, value: impl Into<Value>) -> Row {
    let arguments = [(name, value)].into_iter().collect();
    let declare = queue::Declare { queue: NOTHING, durable: true, arguments, ..Default::default() };
    row(declare, Channel, 406, name)
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for name in NUMBERS {
        let values: [Value; 5] =
            ["soon".into(), (-1).into(), 1.5_f64.into(), true.into(), Value::Void];
        rows.extend(values.map(|value| wrong(name, value)));
    }
    for name in WORDS {
        let values: [Value; 4] = ["sideways".into(), "".into(), 1.into(), false.into()];
        rows.extend(values.map(|value| wrong(name, value)));
    }
    for name in TEXTS {
        rows.extend([Value::from(1), true.into()].map(|value| wrong(name, value)));
    }
    rows.extend([
        wrong("x-expires", 0),
        wrong("x-expires", 315_360_000_001_i64),
        wrong("x-message-ttl", 315_360_000_001_i64),
        wrong("x-max-priority", 256),
        wrong("x-dead-letter-routing-key", "key"),
        wrong("x-single-active-consumer", "yes"),
        wrong("x-single-active-consumer", 1),
        wrong("x-queue-version", 3),
        wrong("x-delivery-limit", "often"),
        wrong("x-quorum-initial-group-size", "few"),
    ]);
    rows
}
