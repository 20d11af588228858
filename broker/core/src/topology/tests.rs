//! The topology's rules, as tables of commands and what comes of them.

mod dedup;
mod delayed;
mod headers;
mod policies;
mod refusals;

use broker_protocol::reply::ReplyCode;
use broker_protocol::table::{FieldTable, Value};

use crate::id::{ConnectionId, QueueId};
use crate::message::sample;
use crate::name::Name;
use crate::refusal::Scope;
use crate::routing::Targets;
use crate::topology::{
    Binding, Command, DeclareExchange, DeclareQueue, Destination, Outcome, Topology,
};

const US: ConnectionId = ConnectionId(1);
const THEM: ConnectionId = ConnectionId(2);

fn root() -> Name {
    Name::new("/")
}

fn topology() -> Topology {
    let mut topology = Topology::new();
    topology.apply(Command::CreateVhost { vhost: root() }).unwrap();
    topology
}

fn exchange(name: &str, kind: &str) -> DeclareExchange {
    DeclareExchange {
        vhost: root(),
        name: name.into(),
        kind: kind.into(),
        passive: false,
        durable: false,
        auto_delete: false,
        internal: false,
        delays: QueueId(0),
        arguments: FieldTable::new(),
    }
}

/// A queue whose id is its length in letters, so that routing results read themselves.
fn queue(name: &str) -> DeclareQueue {
    DeclareQueue {
        vhost: root(),
        name: name.into(),
        generated_name: "amq.gen-1".into(),
        id: QueueId(name.len() as u64),
        connection: US,
        passive: false,
        durable: false,
        exclusive: false,
        auto_delete: false,
        arguments: FieldTable::new(),
    }
}

fn to_queue(source: &str, name: &str, key: &str) -> Binding {
    binding(source, Destination::Queue(name.into()), key)
}

fn to_exchange(source: &str, name: &str, key: &str) -> Binding {
    binding(source, Destination::Exchange(name.into()), key)
}

fn binding(source: &str, destination: Destination, key: &str) -> Binding {
    let arguments = FieldTable::new();
    Binding {
        vhost: root(),
        source: source.into(),
        destination,
        routing_key: key.into(),
        arguments,
    }
}

fn arguments(key: &str, value: impl Into<Value>) -> FieldTable {
    [(key, value)].into_iter().collect()
}

impl Topology {
    fn exchanges(&mut self, wanted: &[(&str, &str)]) {
        for (name, kind) in wanted {
            self.apply(Command::DeclareExchange(exchange(name, kind))).unwrap();
        }
    }

    fn queues(&mut self, wanted: &[&str]) {
        for name in wanted {
            self.apply(Command::DeclareQueue(queue(name))).unwrap();
        }
    }

    fn bindings(&mut self, wanted: Vec<Binding>) {
        for binding in wanted {
            self.apply(Command::Bind(binding, US)).unwrap();
        }
    }

    fn routed(&self, exchange: &str, key: &str) -> Vec<u64> {
        let mut targets = Targets::new();
        let message = sample::message(exchange, key, b"");
        self.snapshot().route("/", &message, &mut targets).unwrap();
        targets.queues().iter().map(|id| id.0).collect()
    }
}

#[test]
fn an_unknown_exchange_type_closes_the_connection_and_a_missing_queue_the_channel() {
    let mut topology = topology();
    let odd = topology.apply(Command::DeclareExchange(exchange("e", "odd"))).unwrap_err();
    assert_eq!((odd.scope, odd.code), (Scope::Connection, ReplyCode::CommandInvalid));
    let passive = DeclareQueue { passive: true, ..queue("none") };
    let missing = topology.apply(Command::DeclareQueue(passive)).unwrap_err();
    assert_eq!((missing.scope, missing.code), (Scope::Channel, ReplyCode::NotFound));
}

#[test]
fn what_is_asked_for_twice_is_done_once() {
    let mut topology = topology();
    topology.exchanges(&[("e", "direct")]);
    topology.queues(&["q"]);
    topology.bindings(vec![to_queue("e", "q", "k")]);
    let unbind = || Command::Unbind(to_queue("e", "q", "k"), US);
    let delete = || Command::DeleteExchange { vhost: root(), name: "e".into(), if_unused: false };
    let unchanged = [
        Command::CreateVhost { vhost: root() },
        Command::DeclareExchange(exchange("e", "direct")),
        Command::DeclareExchange(DeclareExchange { passive: true, ..exchange("e", "odd") }),
        Command::DeclareExchange(DeclareExchange {
            durable: true,
            ..exchange("amq.topic", "topic")
        }),
        Command::Bind(to_queue("e", "q", "k"), US),
        Command::Unbind(to_queue("e", "q", "other"), US),
        Command::Unbind(to_queue("none", "none", "k"), US),
    ];
    for command in unchanged {
        let said = format!("{command:?}");
        let outcome = topology.apply(command).unwrap();
        assert!(matches!(outcome, Outcome::Done { changed: false }), "{said}");
    }
    for (command, expected) in
        [(unbind(), true), (unbind(), false), (delete(), true), (delete(), false)]
    {
        let said = format!("{command:?}");
        let Outcome::Done { changed } = topology.apply(command).unwrap() else { panic!("{said}") };
        assert_eq!(changed, expected, "{said}");
    }
}

#[test]
fn a_queue_is_declared_once_and_then_found() {
    let mut topology = topology();
    let mut declare = |wanted: DeclareQueue| match topology.apply(Command::DeclareQueue(wanted)) {
        Ok(Outcome::Queue { name, id, created, settings }) => {
            assert_eq!(name, settings.name);
            (name.to_string(), id.0, created, settings.durable)
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(declare(DeclareQueue { durable: true, ..queue("q") }), ("q".into(), 1, true, true));
    let again = DeclareQueue { durable: true, id: QueueId(9), ..queue("q") };
    assert_eq!(declare(again), ("q".into(), 1, false, true), "the first id stays");
    assert_eq!(declare(DeclareQueue { passive: true, ..queue("q") }), ("q".into(), 1, false, true));
    assert_eq!(declare(queue("")), ("amq.gen-1".into(), 0, true, false), "the server names it");
    let own = DeclareQueue { durable: true, exclusive: true, ..queue("own") };
    assert_eq!(declare(own.clone()), ("own".into(), 3, true, false), "exclusive means not durable");
    assert_eq!(declare(own), ("own".into(), 3, false, false));
}

#[test]
fn each_exchange_type_routes_by_its_own_rule() {
    let mut topology = topology();
    topology.exchanges(&[("d", "direct"), ("f", "fanout"), ("t", "topic")]);
    topology.queues(&["q", "qq", "qqq"]);
    topology.bindings(vec![
        to_queue("d", "q", "a"),
        to_queue("d", "qq", "a"),
        to_queue("d", "qqq", "b"),
        to_queue("f", "q", "a"),
        to_queue("f", "q", "b"),
        to_queue("f", "qq", ""),
        to_queue("t", "q", "#"),
        to_queue("t", "qq", "a.*"),
        to_queue("t", "qqq", "a.b"),
    ]);
    #[rustfmt::skip]
    let cases: [(&str, &str, &[u64], &str); 9] = [
        ("",  "qq",  &[2],       "the default exchange knows every queue by name"),
        ("",  "no",  &[],        "and no others"),
        ("d", "a",   &[1, 2],    "direct: every queue with that key"),
        ("d", "c",   &[],        "direct: nobody asked"),
        ("f", "x",   &[1, 2],    "fanout: everyone, once"),
        ("t", "a.b", &[1, 2, 3], "topic: every pattern that matches"),
        ("t", "a",   &[1],       "topic: * needs a word"),
        ("t", "",    &[1],       "topic: # needs none"),
        ("amq.direct", "a", &[], "predeclared, nothing bound"),
    ];
    for (exchange, key, expected, because) in cases {
        let mut routed = topology.routed(exchange, key);
        routed.sort_unstable();
        assert_eq!(routed, expected, "{exchange} / {key}: {because}");
    }
}

#[test]
fn a_target_bound_twice_stays_until_both_bindings_are_gone() {
    let mut topology = topology();
    topology.queues(&["q"]);
    let first = to_queue("amq.direct", "q", "k");
    let second = Binding { arguments: arguments("why", "not"), ..first.clone() };
    topology.bindings(vec![first.clone(), second.clone()]);
    topology.apply(Command::Unbind(first, US)).unwrap();
    assert_eq!(topology.routed("amq.direct", "k"), [1]);
    topology.apply(Command::Unbind(second, US)).unwrap();
    assert_eq!(topology.routed("amq.direct", "k"), []);
}

#[test]
fn many_bindings_come_and_go_like_few() {
    for kind in ["direct", "fanout", "topic"] {
        let mut topology = topology();
        topology.exchanges(&[("e", kind)]);
        let names: Vec<_> = (0..100).map(|n| format!("q{n}")).collect();
        for (n, name) in names.iter().enumerate() {
            let wanted = DeclareQueue { id: QueueId(n as u64), ..queue(name) };
            topology.apply(Command::DeclareQueue(wanted)).unwrap();
            topology.bindings(vec![to_queue("e", name, "all"), to_queue("e", name, name)]);
        }
        assert_eq!(topology.routed("e", "all"), (0..100).collect::<Vec<_>>(), "{kind}");
        if kind != "fanout" {
            assert_eq!(topology.routed("e", "q42"), [42], "{kind}");
        }
        for (n, name) in names.iter().enumerate() {
            let gone = Command::QueueGone {
                vhost: root(),
                name: name.as_str().into(),
                id: QueueId(n as u64),
            };
            topology.apply(gone).unwrap();
        }
        assert_eq!(topology.routed("e", "all"), [], "{kind}");
        assert_eq!(topology.snapshot().vhost("/").unwrap().bindings().count(), 0, "{kind}");
    }
}

#[test]
fn exchanges_lead_to_exchanges_and_cycles_end() {
    let mut topology = topology();
    topology.exchanges(&[("a", "fanout"), ("b", "topic"), ("c", "direct")]);
    topology.queues(&["q", "qq"]);
    topology.bindings(vec![
        to_exchange("a", "b", ""),
        to_exchange("b", "c", "k.#"),
        to_exchange("c", "a", "k.x"),
        to_queue("b", "q", "#"),
        to_queue("c", "qq", "k.x"),
        to_queue("c", "q", "k.x"),
    ]);
    for start in ["a", "b", "c"] {
        let mut routed = topology.routed(start, "k.x");
        routed.sort_unstable();
        assert_eq!(routed, [1, 2], "from {start}: each queue once");
    }
    assert_eq!(topology.routed("a", "other"), [1]);
}

#[test]
fn many_exchanges_are_visited_once_each() {
    let mut topology = topology();
    topology.queues(&["q"]);
    let names: Vec<_> = (0..40).map(|n| format!("e{n}")).collect();
    for name in &names {
        topology.exchanges(&[(name, "fanout")]);
    }
    for from in &names {
        let to = names.iter().map(|to| to_exchange(from, to, ""));
        topology.bindings(to.chain([to_queue(from, "q", "")]).collect());
    }
    assert_eq!(topology.routed("e0", ""), [1]);
}

#[test]
fn what_an_exchange_has_no_binding_for_goes_to_its_alternate() {
    let mut topology = topology();
    for (name, alternate) in [("first", "second"), ("second", "first"), ("lost", "nowhere")] {
        let arguments = arguments("alternate-exchange", alternate);
        let wanted = DeclareExchange { arguments, ..exchange(name, "direct") };
        topology.apply(Command::DeclareExchange(wanted)).unwrap();
    }
    topology.queues(&["q", "qq"]);
    topology.bindings(vec![to_queue("first", "q", "a"), to_queue("second", "qq", "b")]);
    #[rustfmt::skip]
    let cases: [(&str, &str, &[u64], &str); 4] = [
        ("first", "a", &[1], "bound: the alternate gets nothing"),
        ("first", "b", &[2], "not bound: the alternate gets it"),
        ("first", "c", &[],  "bound nowhere: the cycle ends"),
        ("lost",  "a", &[],  "an alternate that does not exist is nowhere"),
    ];
    for (exchange, key, expected, because) in cases {
        assert_eq!(topology.routed(exchange, key), expected, "{because}");
    }
}

#[test]
fn publishing_is_refused_where_clients_must_not() {
    let mut topology = topology();
    let internal = DeclareExchange { internal: true, ..exchange("in", "fanout") };
    topology.apply(Command::DeclareExchange(internal)).unwrap();
    let cases = [
        ("in", "ACCESS_REFUSED - cannot publish to internal exchange 'in' in vhost '/'"),
        ("no", "NOT_FOUND - no exchange 'no' in vhost '/'"),
    ];
    for (exchange, expected) in cases {
        let message = sample::message(exchange, "k", b"");
        let refusal = topology.snapshot().route("/", &message, &mut Targets::new()).unwrap_err();
        assert_eq!((refusal.scope, &*refusal.text), (Scope::Channel, expected));
    }
    topology.queues(&["q"]);
    topology.bindings(vec![to_exchange("amq.fanout", "in", ""), to_queue("in", "q", "")]);
    assert_eq!(topology.routed("amq.fanout", ""), [1], "other exchanges may");
}

#[test]
fn an_auto_delete_exchange_goes_with_its_last_binding_and_takes_others_along() {
    let mut topology = topology();
    for name in ["outer", "inner"] {
        let wanted = DeclareExchange { auto_delete: true, ..exchange(name, "fanout") };
        topology.apply(Command::DeclareExchange(wanted)).unwrap();
    }
    topology.queues(&["q"]);
    topology.bindings(vec![to_exchange("outer", "inner", ""), to_queue("inner", "q", "")]);
    let before = topology.snapshot();
    let gone = Command::QueueGone { vhost: root(), name: "q".into(), id: QueueId(1) };
    topology.apply(gone).unwrap();
    let after = topology.snapshot();
    let exists = |name| after.vhost("/").unwrap().exchange(name).is_some();
    assert!(!exists("inner") && !exists("outer"));
    let mut targets = Targets::new();
    before.route("/", &sample::message("outer", "", b""), &mut targets).unwrap();
    assert_eq!(targets.queues(), [QueueId(1)], "an older snapshot does not change");
}

#[test]
fn a_name_declared_again_is_another_queue() {
    let mut topology = topology();
    topology.queues(&["q"]);
    topology.bindings(vec![to_queue("amq.fanout", "q", "")]);
    let gone = |id| Command::QueueGone { vhost: root(), name: "q".into(), id: QueueId(id) };
    topology.apply(gone(1)).unwrap();
    topology.apply(Command::DeclareQueue(DeclareQueue { id: QueueId(7), ..queue("q") })).unwrap();
    assert_eq!(topology.routed("amq.fanout", ""), [], "the bindings went with the first");
    topology.apply(gone(1)).unwrap();
    assert_eq!(
        topology.routed("", "q"),
        [7],
        "a late notice about the first is not about the second"
    );
}

#[test]
fn exclusive_queues_go_with_their_connection_and_all_queues_with_their_vhost() {
    let mut topology = topology();
    topology.queues(&["q"]);
    for (name, connection) in [("own", US), ("their", THEM)] {
        let wanted = DeclareQueue { exclusive: true, connection, ..queue(name) };
        topology.apply(Command::DeclareQueue(wanted)).unwrap();
    }
    let removed = |outcome| match outcome {
        Ok(Outcome::Removed { queues }) => {
            queues.into_iter().map(|(name, _)| name.to_string()).collect()
        }
        other => panic!("{other:?}"),
    };
    let closed: Vec<String> = removed(topology.apply(Command::ConnectionClosed { connection: US }));
    assert_eq!(closed, ["own"]);
    assert_eq!(topology.routed("", "own"), []);
    let all: Vec<String> = removed(topology.apply(Command::DeleteVhost { vhost: root() }));
    assert_eq!(all, ["q", "their"]);
    assert!(topology.snapshot().vhost("/").is_none());
    let closed: Vec<String> =
        removed(topology.apply(Command::ConnectionClosed { connection: THEM }));
    assert!(closed.is_empty());
}

#[test]
fn copies_go_where_their_keys_lead() {
    let mut topology = topology();
    topology.queues(&["q", "qq", "qqq"]);
    topology.bindings(vec![to_queue("amq.topic", "q", "a.*"), to_queue("amq.topic", "qq", "b")]);
    let keys = |keys: &[&str]| Value::Array(keys.iter().map(|&key| key.into()).collect());
    let headers: FieldTable =
        [("CC", keys(&["b", "qq"])), ("BCC", keys(&["qqq", "qq"]))].into_iter().collect();
    for (exchange, key, expected) in [("amq.topic", "a.a", vec![1, 2]), ("", "q", vec![1, 2, 3])] {
        let message = sample::with_headers(exchange, key, headers.clone());
        let mut targets = Targets::new();
        topology.snapshot().route("/", &message, &mut targets).unwrap();
        let mut routed: Vec<_> = targets.queues().iter().map(|id| id.0).collect();
        routed.sort_unstable();
        assert_eq!(routed, expected, "{exchange}");
    }
}
