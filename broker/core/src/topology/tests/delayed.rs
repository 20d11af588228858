//! Exchanges that hold messages back: where a message goes at first, and where once it is due.

use crate::message::Message;
use crate::topology::Routes;
use crate::topology::tests::*;

fn delaying(name: &str, inner: &str, id: u64) -> DeclareExchange {
    DeclareExchange {
        delays: QueueId(id),
        arguments: arguments("x-delayed-type", inner),
        ..exchange(name, "x-delayed-message")
    }
}

fn message(exchange: &str, key: &str, delay: i32) -> Message {
    sample::with_headers(exchange, key, arguments("x-delay", delay))
}

fn route(topology: &Topology, message: &Message) -> Vec<u64> {
    let mut targets = Targets::new();
    topology.snapshot().route("/", message, &mut targets).unwrap();
    targets.queues().iter().map(|queue| queue.0).collect()
}

/// Exchange `d` delays and leads to queue `q` under `a.*`; `e` leads to `d` and to `qq`.
fn built() -> Topology {
    let mut topology = topology();
    for command in [
        Command::DeclareExchange(delaying("d", "topic", 70)),
        Command::DeclareExchange(exchange("e", "fanout")),
        Command::DeclareQueue(queue("q")),
        Command::DeclareQueue(queue("qq")),
        Command::Bind(to_queue("d", "q", "a.*"), US),
        Command::Bind(to_exchange("e", "d", ""), US),
        Command::Bind(to_queue("e", "qq", ""), US),
    ] {
        topology.apply(command).unwrap();
    }
    topology
}

#[test]
fn a_message_with_a_delay_goes_to_the_exchanges_own_queue() {
    let topology = built();
    assert_eq!(route(&topology, &message("d", "a.b", 5)), [70]);
    assert_eq!(route(&topology, &message("d", "none", 5)), [70], "bindings count when it is due");
    assert_eq!(route(&topology, &message("d", "a.b", -5)), [1]);
    assert_eq!(route(&topology, &message("d", "a.b", 0)), [1]);
    let mut all = route(&topology, &message("e", "a.b", 5));
    all.sort_unstable();
    assert_eq!(all, [2, 70], "held back behind a binding between exchanges, too");
}

#[test]
fn a_message_that_is_due_goes_on_from_there() {
    let topology = built();
    let routes = topology.snapshot();
    let vhost = routes.vhost("/").unwrap();
    let mut targets = Targets::new();
    let due = message("e", "a.b", 5).released().unwrap();
    vhost.route_from("d", &due, &mut targets);
    assert_eq!(targets.queues(), [QueueId(1)], "and not to what its first exchange leads to");
    assert!(targets.is_plain());
    vhost.route_from("gone", &due, &mut targets);
    assert!(targets.is_empty());
}

#[test]
fn the_queue_comes_and_goes_with_its_exchange() {
    let changes = |before: &Routes, after: &Routes| {
        let ids = |all: Vec<(QueueId, _)>| all.into_iter().map(|(id, _)| id.0).collect();
        let [made, gone]: [Vec<u64>; 2] =
            [ids(before.delays_made(after)), ids(after.delays_made(before))];
        (made, gone)
    };
    let mut topology = topology();
    let mut step = |command| {
        let before = topology.snapshot();
        topology.apply(command).unwrap();
        changes(&before, &topology.snapshot())
    };
    let nothing = (vec![], vec![]);
    let fleeting = DeclareExchange { auto_delete: true, ..delaying("b", "direct", 71) };
    assert_eq!(step(Command::DeclareExchange(delaying("a", "fanout", 70))), (vec![70], vec![]));
    assert_eq!(step(Command::DeclareExchange(delaying("a", "fanout", 72))), nothing);
    assert_eq!(step(Command::DeclareExchange(fleeting)), (vec![71], vec![]));
    assert_eq!(step(Command::DeclareQueue(queue("q"))), nothing);
    assert_eq!(step(Command::Bind(to_queue("b", "q", "k"), US)), nothing);
    let gone = Command::QueueGone { vhost: root(), name: "q".into(), id: QueueId(1) };
    assert_eq!(step(gone), (vec![], vec![71]), "the last binding took the exchange along");
    assert_eq!(step(Command::DeleteVhost { vhost: root() }), (vec![], vec![70]));
}

#[test]
fn the_type_has_to_be_one_that_routes() {
    let mut topology = topology();
    let missing = "PRECONDITION_FAILED - Invalid argument, 'x-delayed-type' must be an existing exchange type";
    #[rustfmt::skip]
    let cases = [
        (delaying("d", "x-delayed-message", 7), missing),
        (DeclareExchange { arguments: FieldTable::new(), ..delaying("d", "", 7) }, missing),
        (DeclareExchange { arguments: arguments("x-delayed-type", 5), ..delaying("d", "", 7) }, missing),
        (delaying("d", "odd", 7), "COMMAND_INVALID - unknown exchange type 'odd'"),
    ];
    for (wanted, expected) in cases {
        let refusal = topology.apply(Command::DeclareExchange(wanted)).unwrap_err();
        assert_eq!(refusal.text, expected);
    }
    topology.apply(Command::DeclareExchange(delaying("d", "topic", 7))).unwrap();
    let other = Command::DeclareExchange(delaying("d", "fanout", 8));
    let refusal = topology.apply(other).unwrap_err();
    assert!(refusal.text.contains("inequivalent arg 'x-delayed-type'"), "{}", refusal.text);
}
