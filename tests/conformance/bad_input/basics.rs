//! Bad input to the class `basic`.

use broker_protocol::{
    FieldTable, Properties, Value,
    method::{basic, confirm, queue, tx},
};

use super::{
    Closes::{Channel, Connection},
    INTERNAL, LOCKED, NOTHING, QUEUE, Row, row,
};

const NO_QUEUE: &str = "NOT_FOUND - no queue 'bad-input-nothing' in vhost '/'";
const NOT_OURS: &str =
    "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'bad-input-locked'";
const NONE_YET: &str = "NOT_FOUND - no previously declared queue";

pub(super) fn rows() -> Vec<Row> {
    let mut rows = publishing();
    rows.extend(consuming());
    rows.extend(asking_too_much());
    rows.extend(settling());
    rows
}

fn publishing() -> Vec<Row> {
    let to_queue = basic::Publish { routing_key: QUEUE, ..Default::default() };
    let to = |exchange: &'static str| basic::Publish { exchange, ..Default::default() };
    let expiring = |expiration| Properties { expiration: Some(expiration), ..Default::default() };
    let headers = |name: &str, value: Value| {
        let headers: FieldTable = [(name, value)].into_iter().collect();
        Properties { headers: Some(headers), ..Default::default() }
    };
    let mode = |mode, text| {
        let properties = Properties { delivery_mode: Some(mode), ..Default::default() };
        row(to_queue.clone(), Channel, 406, text).with(properties)
    };
    let mut rows = vec![
        mode(0, "PRECONDITION_FAILED - invalid message: {delivery_mode_unknown,0}"),
        mode(3, "PRECONDITION_FAILED - invalid message: {delivery_mode_unknown,3}"),
        mode(255, "PRECONDITION_FAILED - invalid message: {delivery_mode_unknown,255}")
            .after(confirm::Select { no_wait: false }, "confirm.select-ok"),
        mode(3, "delivery_mode_unknown").after(tx::Select {}, "tx.select-ok"),
    ];
    rows.extend([
        row(to(NOTHING), Channel, 404, "NOT_FOUND - no exchange 'bad-input-nothing' in vhost '/'"),
        row(to(NOTHING), Channel, 404, "NOT_FOUND")
            .after(confirm::Select { no_wait: false }, "confirm.select-ok"),
        row(to(NOTHING), Channel, 404, "NOT_FOUND").after(tx::Select {}, "tx.select-ok"),
        row(basic::Publish { mandatory: true, ..to(NOTHING) }, Channel, 404, "NOT_FOUND"),
        row(to(INTERNAL), Channel, 403, "cannot publish to internal exchange 'bad-input-internal'"),
        row(
            basic::Publish { immediate: true, ..to_queue.clone() },
            Connection,
            540,
            "NOT_IMPLEMENTED - immediate=true",
        ),
        row(to_queue.clone(), Channel, 406, "invalid expiration 'soon'").with(expiring("soon")),
        row(to_queue.clone(), Channel, 406, "invalid expiration '-1'").with(expiring("-1")),
        row(to_queue.clone(), Channel, 406, "invalid expiration ''").with(expiring("")),
        row(to_queue.clone(), Channel, 406, "invalid expiration '99999999999999'")
            .with(expiring("99999999999999")),
        row(to_queue.clone(), Channel, 406, "CC").with(headers("CC", "a".into())),
        row(to_queue.clone(), Channel, 406, "BCC").with(headers("BCC", 7.into())),
        row(to_queue.clone(), Channel, 406, "fast reply consumer does not exist")
            .with(Properties { reply_to: Some("amq.rabbitmq.reply-to"), ..Default::default() }),
    ]);
    rows
}

fn consuming() -> Vec<Row> {
    let consume = |queue: &'static str| basic::Consume { queue, ..Default::default() };
    let named = basic::Consume { consumer_tag: "t", ..consume(QUEUE) };
    let alone = basic::Consume { exclusive: true, ..consume(QUEUE) };
    let priority = |value: Value| basic::Consume {
        arguments: [("x-priority", value)].into_iter().collect(),
        ..consume(QUEUE)
    };
    let failover = basic::Consume {
        arguments: [("x-cancel-on-ha-failover", "yes")].into_iter().collect(),
        ..consume(QUEUE)
    };
    let get = |queue: &'static str| basic::Get { queue, no_ack: false };
    let (first, replies) = ("basic.consume-ok", "amq.rabbitmq.reply-to");
    let awaiting = basic::Consume { no_ack: true, ..consume(replies) };
    vec![
        row(
            basic::Qos { prefetch_size: 1, ..Default::default() },
            Connection,
            540,
            "prefetch_size!=0 (1)",
        ),
        row(consume(NOTHING), Channel, 404, NO_QUEUE),
        row(consume(LOCKED), Channel, 405, NOT_OURS),
        row(consume(""), Channel, 404, NONE_YET),
        row(basic::Consume { no_wait: true, ..consume(NOTHING) }, Channel, 404, NO_QUEUE),
        row(named.clone(), Connection, 530, "attempt to reuse consumer tag 't'")
            .after(named, first),
        row(consume(QUEUE), Channel, 403, "in exclusive use").after(alone.clone(), first),
        row(alone, Channel, 403, "in exclusive use").after(consume(QUEUE), first),
        row(priority("high".into()), Channel, 406, "expected integer, got longstr"),
        row(failover, Channel, 406, "{unacceptable_type,longstr}"),
        row(priority(true.into()), Channel, 406, "x-priority"),
        row(consume(replies), Channel, 406, "reply consumer cannot acknowledge"),
        row(awaiting.clone(), Channel, 406, "reply consumer already set").after(awaiting, first),
        row(get(NOTHING), Channel, 404, NO_QUEUE),
        row(get(LOCKED), Channel, 405, NOT_OURS),
        row(get(""), Channel, 404, NONE_YET),
    ]
}

/// What a consumer may ask of another type of queue.
fn asking_too_much() -> Vec<Row> {
    let consume = |queue: &'static str, name: &str, value: Value| basic::Consume {
        queue,
        arguments: [(name, value)].into_iter().collect(),
        ..Default::default()
    };
    // It expires, as it is nobody's to delete.
    let arguments: [(&str, Value); 2] =
        [("x-queue-type", "quorum".into()), ("x-expires", 60_000.into())];
    let quorum = queue::Declare {
        queue: "bad-input-quorum",
        durable: true,
        arguments: arguments.into_iter().collect(),
        ..Default::default()
    };
    let of_quorum = |name: &str, value: Value, text| {
        let consume = consume("bad-input-quorum", name, value);
        row(consume, Channel, 406, text).after(quorum.clone(), "queue.declare-ok")
    };
    vec![
        row(
            consume(QUEUE, "x-stream-offset", "first".into()),
            Channel,
            406,
            "PRECONDITION_FAILED - invalid arg 'x-stream-offset' for queue 'bad-input-queue' in \
             vhost '/' of queue type rabbit_classic_queue",
        ),
        row(
            consume(QUEUE, "x-stream-offset", Value::Void),
            Channel,
            406,
            "'x-stream-offset' for queue 'bad-input-queue'",
        ),
        of_quorum("x-stream-offset", 5.into(), "of queue type rabbit_quorum_queue"),
        of_quorum(
            "x-cancel-on-ha-failover",
            true.into(),
            "PRECONDITION_FAILED - invalid arg 'x-cancel-on-ha-failover' for queue \
             'bad-input-quorum' in vhost '/' of queue type rabbit_quorum_queue",
        ),
    ]
}

fn settling() -> Vec<Row> {
    let unknown = "PRECONDITION_FAILED - unknown delivery tag";
    vec![
        row(basic::Ack { delivery_tag: 1, multiple: false }, Channel, 406, unknown),
        row(basic::Ack { delivery_tag: 0, multiple: false }, Channel, 406, unknown),
        row(basic::Ack { delivery_tag: 1, multiple: true }, Channel, 406, unknown),
        row(basic::Ack { delivery_tag: 1, multiple: false }, Channel, 406, unknown)
            .after(confirm::Select { no_wait: false }, "confirm.select-ok"),
        row(basic::Nack { delivery_tag: 3, multiple: false, requeue: true }, Channel, 406, unknown),
        row(basic::Nack { delivery_tag: 3, multiple: true, requeue: true }, Channel, 406, unknown),
        row(
            basic::Nack { delivery_tag: u64::MAX, multiple: true, requeue: false },
            Channel,
            406,
            unknown,
        ),
        row(basic::Reject { delivery_tag: 1, requeue: true }, Channel, 406, unknown),
        row(basic::Reject { delivery_tag: 0, requeue: true }, Channel, 406, unknown),
        row(basic::Recover { requeue: false }, Connection, 540, "requeue=false"),
        row(basic::RecoverAsync { requeue: false }, Connection, 540, "requeue=false"),
    ]
}
