//! What the topology refuses, in RabbitMQ's words.

use broker_protocol::table::Value;

use crate::topology::tests::{
    THEM, US, arguments, exchange, queue, root, to_exchange, to_queue, topology,
};
use crate::topology::{Binding, Command, DeclareExchange, DeclareQueue, Outcome, Topology};

const LOCKED: &str = "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'own' in vhost '/'. \
    It could be originally declared on another connection or the exclusive property value does \
    not match that of the original declaration.";

/// Queue `q` bound to exchange `e`, exchange `alt` with an alternate, queue `own` that is ours
/// alone, and a queue `short` with a maximum length.
fn furnished() -> Topology {
    let mut topology = topology();
    let arguments = arguments("alternate-exchange", "other");
    let alternate = DeclareExchange { arguments, ..exchange("alt", "topic") };
    topology.apply(Command::DeclareExchange(alternate)).unwrap();
    topology.exchanges(&[("e", "direct")]);
    topology.queues(&["q"]);
    let own = DeclareQueue { exclusive: true, ..queue("own") };
    topology.apply(Command::DeclareQueue(own)).unwrap();
    topology.apply(Command::DeclareQueue(short(Value::I32(10)))).unwrap();
    topology.bindings(vec![to_queue("e", "q", "k")]);
    topology
}

fn short(length: Value) -> DeclareQueue {
    DeclareQueue { arguments: arguments("x-max-length", length), ..queue("short") }
}

fn refused(cases: impl IntoIterator<Item = (Command, &'static str)>) {
    let mut topology = furnished();
    for (command, expected) in cases {
        let said = format!("{command:?}");
        assert_eq!(topology.apply(command).unwrap_err().text, expected, "{said}");
    }
}

#[test]
fn equal_enough_is_equal() {
    let classic = DeclareQueue { arguments: arguments("x-queue-type", "classic"), ..queue("q") };
    let unknown = DeclareQueue { arguments: arguments("x-mine", 1), ..queue("q") };
    let cases = [
        (short(Value::I64(10)), "numbers compare by value, whatever their width"),
        (classic, "classic is what a queue is that does not say"),
        (unknown, "arguments that mean nothing do not count"),
    ];
    for (wanted, because) in cases {
        let same = furnished().apply(Command::DeclareQueue(wanted)).unwrap();
        assert!(matches!(same, Outcome::Queue { created: false, .. }), "{because}");
    }
}

#[test]
fn exchanges_are_refused_in_rabbitmqs_words() {
    let declare = Command::DeclareExchange;
    let delete = |name: &str, if_unused| Command::DeleteExchange {
        vhost: root(),
        name: name.into(),
        if_unused,
    };
    #[rustfmt::skip]
    let cases = [
        (declare(exchange("e", "odd")), "COMMAND_INVALID - unknown exchange type 'odd'"),
        (declare(exchange("e", "")), "COMMAND_INVALID - invalid exchange type ''"),
        (declare(exchange("", "direct")), "ACCESS_REFUSED - operation not permitted on the default exchange"),
        (declare(exchange("amq.mine", "direct")), "ACCESS_REFUSED - exchange name 'amq.mine' contains reserved prefix 'amq.*'"),
        (declare(exchange("e", "topic")), "PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'e' in vhost '/': received 'topic' but current is 'direct'"),
        (declare(DeclareExchange { durable: true, ..exchange("e", "direct") }), "PRECONDITION_FAILED - inequivalent arg 'durable' for exchange 'e' in vhost '/': received 'true' but current is 'false'"),
        (declare(DeclareExchange { auto_delete: true, ..exchange("e", "direct") }), "PRECONDITION_FAILED - inequivalent arg 'auto_delete' for exchange 'e' in vhost '/': received 'true' but current is 'false'"),
        (declare(DeclareExchange { internal: true, ..exchange("e", "direct") }), "PRECONDITION_FAILED - inequivalent arg 'internal' for exchange 'e' in vhost '/': received 'true' but current is 'false'"),
        (declare(exchange("alt", "topic")), "PRECONDITION_FAILED - inequivalent arg 'alternate-exchange' for exchange 'alt' in vhost '/': received none but current is the value 'other' of type 'longstr'"),
        (declare(DeclareExchange { arguments: arguments("alternate-exchange", 5), ..exchange("new", "topic") }), "PRECONDITION_FAILED - invalid type 'signedint' for arg 'alternate-exchange' in exchange 'new' in vhost '/'"),
        (declare(DeclareExchange { passive: true, ..exchange("none", "") }), "NOT_FOUND - no exchange 'none' in vhost '/'"),
        (declare(DeclareExchange { vhost: "/v".into(), ..exchange("e", "direct") }), "NOT_ALLOWED - vhost /v not found"),
        (delete("", false), "ACCESS_REFUSED - operation not permitted on the default exchange"),
        (delete("amq.direct", false), "ACCESS_REFUSED - deletion of system exchange 'amq.direct' in vhost '/' not allowed"),
        (delete("e", true), "PRECONDITION_FAILED - exchange 'e' in vhost '/' in use"),
    ];
    refused(cases);
}

#[test]
fn queues_are_refused_in_rabbitmqs_words() {
    #[rustfmt::skip]
    let cases = [
        (Command::DeclareQueue(queue("amq.mine")), "ACCESS_REFUSED - queue name 'amq.mine' contains reserved prefix 'amq.*'"),
        (Command::DeclareQueue(DeclareQueue { durable: true, ..queue("q") }), "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'q' in vhost '/': received 'true' but current is 'false'"),
        (Command::DeclareQueue(DeclareQueue { auto_delete: true, ..queue("q") }), "PRECONDITION_FAILED - inequivalent arg 'auto_delete' for queue 'q' in vhost '/': received 'true' but current is 'false'"),
        (Command::DeclareQueue(short(Value::I32(20))), "PRECONDITION_FAILED - inequivalent arg 'x-max-length' for queue 'short' in vhost '/': received '20' but current is '10'"),
        (Command::DeclareQueue(queue("short")), "PRECONDITION_FAILED - inequivalent arg 'x-max-length' for queue 'short' in vhost '/': received none but current is the value '10' of type 'signedint'"),
        (Command::DeclareQueue(DeclareQueue { arguments: arguments("x-max-length", "ten"), ..queue("new") }), "PRECONDITION_FAILED - invalid arg 'x-max-length' for queue 'new' in vhost '/': \"expected integer, got longstr\""),
        (Command::DeclareQueue(DeclareQueue { arguments: arguments("x-queue-type", "quorum"), ..queue("new") }), "PRECONDITION_FAILED - invalid property 'non-durable' for queue 'new' in vhost '/'"),
        (Command::DeclareQueue(DeclareQueue { arguments: arguments("x-queue-type", "quorum"), ..queue("q") }), "PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue 'q' in vhost '/': received the value 'quorum' of type 'longstr' but current is none"),
        (Command::DeclareQueue(DeclareQueue { arguments: arguments("x-delivery-limit", 3), ..queue("new") }), "PRECONDITION_FAILED - invalid arg 'x-delivery-limit' for queue 'new' in vhost '/' of queue type rabbit_classic_queue"),
        (Command::DeclareQueue(DeclareQueue { arguments: arguments("x-max-age", "1h"), ..queue("new") }), "PRECONDITION_FAILED - invalid arg 'x-max-age' for queue 'new' in vhost '/' of queue type rabbit_classic_queue"),
        (Command::DeclareQueue(DeclareQueue { passive: true, ..queue("none") }), "NOT_FOUND - no queue 'none' in vhost '/'"),
        (Command::DeclareQueue(DeclareQueue { connection: THEM, ..queue("own") }), LOCKED),
        (Command::DeclareQueue(DeclareQueue { connection: THEM, exclusive: true, ..queue("own") }), LOCKED),
        (Command::DeclareQueue(DeclareQueue { connection: THEM, passive: true, ..queue("own") }), LOCKED),
        (Command::DeclareQueue(queue("own")), LOCKED),
    ];
    refused(cases);
}

#[test]
fn bindings_are_refused_in_rabbitmqs_words() {
    #[rustfmt::skip]
    let cases = [
        (Command::Bind(to_queue("e", "own", ""), THEM), LOCKED),
        (Command::Bind(to_queue("", "q", ""), US), "ACCESS_REFUSED - operation not permitted on the default exchange"),
        (Command::Bind(to_exchange("e", "", ""), US), "ACCESS_REFUSED - operation not permitted on the default exchange"),
        (Command::Bind(to_queue("none", "q", ""), US), "NOT_FOUND - no exchange 'none' in vhost '/'"),
        (Command::Bind(to_queue("none", "none", ""), US), "NOT_FOUND - no exchange 'none' in vhost '/'"),
        (Command::Bind(to_queue("e", "none", ""), US), "NOT_FOUND - no queue 'none' in vhost '/'"),
        (Command::Bind(to_exchange("e", "none", ""), US), "NOT_FOUND - no exchange 'none' in vhost '/'"),
        (Command::Unbind(to_queue("", "q", ""), US), "ACCESS_REFUSED - operation not permitted on the default exchange"),
        (Command::Bind(Binding { arguments: arguments("x-match", "most"), ..to_queue("amq.headers", "q", "") }, US), "PRECONDITION_FAILED - Invalid x-match field value <<\"most\">>; expected all, any, all-with-x, or any-with-x"),
        (Command::Bind(Binding { arguments: arguments("x-match", 5), ..to_queue("amq.headers", "q", "") }, US), "PRECONDITION_FAILED - Invalid x-match field type signedint (value 5); expected longstr"),
    ];
    refused(cases);
}

/// An earlier version took them, and what is on the disk stays.
#[test]
fn a_queue_of_the_past_keeps_arguments_that_are_refused_by_now() {
    let mut topology = topology();
    let limited = DeclareQueue { arguments: arguments("x-delivery-limit", 3), ..queue("old") };
    assert!(topology.apply(Command::DeclareQueue(limited.clone())).is_err());
    topology.replay(Command::DeclareQueue(limited.clone())).unwrap();
    let vhost = topology.routes.vhost(&root()).unwrap();
    assert_eq!(vhost.queue("old").unwrap().settings.delivery_limit, Some(3));
    let again = topology.apply(Command::DeclareQueue(limited)).unwrap();
    assert!(matches!(again, Outcome::Queue { created: false, .. }), "it may be declared again");
}
