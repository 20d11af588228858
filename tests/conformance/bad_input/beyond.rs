//! Bad input to what RabbitMQ has only with plugins, or in later versions: de-duplication, delays,
//! consistent hashing and consumer timeouts.

use broker_protocol::{
    FieldTable, Value,
    method::{basic, exchange, queue},
};

use super::{
    Closes::{Channel, Connection},
    NOTHING, QUEUE, Row, row,
};

fn table(name: &str, value: impl Into<Value>) -> FieldTable {
    [(name, value)].into_iter().collect()
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = of_queues_and_consumers();
    rows.extend(of_exchanges());
    rows
}

fn of_queues_and_consumers() -> Vec<Row> {
    let cases: [(&str, Value); 14] = [
        ("x-message-deduplication", "yes".into()),
        ("x-message-deduplication", 1.into()),
        ("x-cache-size", 0.into()),
        ("x-cache-size", (-5).into()),
        ("x-cache-size", "many".into()),
        ("x-cache-size", i64::MAX.into()),
        ("x-cache-ttl", "soon".into()),
        ("x-cache-ttl", (-1).into()),
        ("x-cache-persistence", "paper".into()),
        ("x-deduplication-key", 7.into()),
        ("x-deduplication-key", "".into()),
        ("x-consumer-timeout", "soon".into()),
        ("x-consumer-timeout", (-1).into()),
        ("x-consumer-timeout", i64::MAX.into()),
    ];
    let declare = |(name, value)| {
        let mut arguments: FieldTable = table("x-message-deduplication", true);
        arguments.insert(name, value);
        let queue = queue::Declare { queue: NOTHING, arguments, ..Default::default() };
        row(queue, Channel, 406, name)
    };
    let limit = |value: Value| {
        let mut arguments = table("x-queue-type", "quorum");
        arguments.insert("x-delivery-limit", value);
        let (queue, durable) = (NOTHING, true);
        let queue = queue::Declare { queue, durable, arguments, ..Default::default() };
        row(queue, Channel, 406, "invalid arg 'x-delivery-limit'")
    };
    let limits: [Value; 3] = ["often".into(), (-2).into(), true.into()];
    let consume = |value: Value| {
        let arguments = table("x-consumer-timeout", value);
        let consume = basic::Consume { queue: QUEUE, arguments, ..Default::default() };
        row(consume, Channel, 406, "invalid arg 'x-consumer-timeout'")
    };
    let values: [Value; 4] = ["soon".into(), (-1).into(), true.into(), 0.5_f64.into()];
    let declarations = cases.map(declare).into_iter().chain(limits.map(limit));
    declarations.chain(values.map(consume)).collect()
}

fn of_exchanges() -> Vec<Row> {
    let declare = |kind: &'static str, arguments: FieldTable, text: &'static str| {
        let exchange =
            exchange::Declare { exchange: NOTHING, kind, arguments, ..Default::default() };
        row(exchange, Channel, 406, text)
    };
    let (delayed, hashed) = ("x-delayed-message", "x-consistent-hash");
    let mut both = table("hash-header", "h");
    both.insert("hash-property", "message_id");
    let ring = exchange::Declare {
        exchange: "bad-input-hash",
        kind: hashed,
        auto_delete: true,
        ..Default::default()
    };
    let weigh = |routing_key: &'static str| {
        let (queue, exchange) = (QUEUE, "bad-input-hash");
        let bind = queue::Bind { queue, exchange, routing_key, ..Default::default() };
        row(bind, Channel, 406, "binding key must be").after(ring.clone(), "exchange.declare-ok")
    };
    vec![
        declare(delayed, FieldTable::new(), "x-delayed-type"),
        Row {
            closes: Connection,
            code: 503,
            ..declare(delayed, table("x-delayed-type", "odd"), "unknown exchange type 'odd'")
        },
        declare(delayed, table("x-delayed-type", 5), "x-delayed-type"),
        declare(delayed, table("x-delayed-type", delayed), "x-delayed-type"),
        declare(hashed, table("hash-header", 5), "hash-header"),
        declare(hashed, table("hash-property", "colour"), "Unsupported property: colour"),
        declare(hashed, both, "mutually exclusive"),
        declare("x-message-deduplication", FieldTable::new(), "x-cache-size"),
        declare("direct", table("x-message-deduplication", "yes"), "x-message-deduplication"),
        weigh("heavy"),
        weigh("-1"),
        weigh("0"),
        weigh(""),
    ]
}
