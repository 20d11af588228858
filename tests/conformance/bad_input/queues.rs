//! Bad input to the class `queue`.

use broker_protocol::method::{basic, queue};

use super::{Closes::Channel, EXCHANGE, LOCKED, NOTHING, QUEUE, Row, row};

const DEFAULT: &str = "ACCESS_REFUSED - operation not permitted on the default exchange";
const NO_QUEUE: &str = "NOT_FOUND - no queue 'bad-input-nothing' in vhost '/'";
const NO_EXCHANGE: &str = "NOT_FOUND - no exchange 'bad-input-nothing' in vhost '/'";
const NOT_OURS: &str =
    "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'bad-input-locked'";
const NONE_YET: &str = "NOT_FOUND - no previously declared queue";

pub(super) fn rows() -> Vec<Row> {
    let mut rows = declarations();
    rows.extend(bindings());
    rows.extend(removals());
    rows
}

fn declarations() -> Vec<Row> {
    let same = queue::Declare { queue: QUEUE, durable: true, ..Default::default() };
    let other = |queue: &'static str| queue::Declare { queue, ..Default::default() };
    vec![
        row(
            other("amq.mine"),
            Channel,
            403,
            "queue name 'amq.mine' contains reserved prefix 'amq.*'",
        ),
        row(queue::Declare { passive: true, ..other(NOTHING) }, Channel, 404, NO_QUEUE),
        row(
            queue::Declare { passive: true, ..other("") },
            Channel,
            404,
            "no queue '' in vhost '/'",
        ),
        row(queue::Declare { passive: true, ..other(LOCKED) }, Channel, 405, NOT_OURS),
        row(other(LOCKED), Channel, 405, NOT_OURS),
        row(queue::Declare { exclusive: true, ..other(LOCKED) }, Channel, 405, NOT_OURS),
        row(
            queue::Declare { durable: false, ..same.clone() },
            Channel,
            406,
            "inequivalent arg 'durable'",
        ),
        row(
            queue::Declare { auto_delete: true, ..same.clone() },
            Channel,
            406,
            "inequivalent arg 'auto_delete'",
        ),
        row(
            queue::Declare { no_wait: true, durable: false, ..same },
            Channel,
            406,
            "inequivalent arg 'durable'",
        ),
    ]
}

fn bindings() -> Vec<Row> {
    let bind = |queue: &'static str, exchange: &'static str| queue::Bind {
        queue,
        exchange,
        routing_key: "k",
        ..Default::default()
    };
    let unbind = |queue: &'static str, exchange: &'static str| queue::Unbind {
        queue,
        exchange,
        routing_key: "k",
        ..Default::default()
    };
    vec![
        row(bind(NOTHING, EXCHANGE), Channel, 404, NO_QUEUE),
        row(bind(QUEUE, NOTHING), Channel, 404, NO_EXCHANGE),
        row(bind(QUEUE, ""), Channel, 403, DEFAULT),
        row(bind("", EXCHANGE), Channel, 404, NONE_YET),
        row(bind(LOCKED, EXCHANGE), Channel, 405, NOT_OURS),
        row(queue::Bind { no_wait: true, ..bind(QUEUE, NOTHING) }, Channel, 404, NO_EXCHANGE),
        row(unbind(QUEUE, ""), Channel, 403, DEFAULT),
        row(unbind("", EXCHANGE), Channel, 404, NONE_YET),
    ]
}

fn removals() -> Vec<Row> {
    let delete = |queue: &'static str| queue::Delete { queue, ..Default::default() };
    let consume = basic::Consume { queue: QUEUE, ..Default::default() };
    vec![
        row(queue::Purge { queue: NOTHING, ..Default::default() }, Channel, 404, NO_QUEUE),
        row(queue::Purge { queue: LOCKED, ..Default::default() }, Channel, 405, NOT_OURS),
        row(queue::Purge { queue: "", ..Default::default() }, Channel, 404, NONE_YET),
        row(queue::Purge { queue: NOTHING, no_wait: true }, Channel, 404, NO_QUEUE),
        row(delete(LOCKED), Channel, 405, NOT_OURS),
        row(delete(""), Channel, 404, NONE_YET),
        row(
            queue::Delete { if_unused: true, ..delete(QUEUE) },
            Channel,
            406,
            "queue 'bad-input-queue' in vhost '/' in use",
        )
        .after(consume, "basic.consume-ok"),
    ]
}
