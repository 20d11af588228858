//! Exchanges that tell duplicates: by which keys each queue is to judge.

use crate::dedup::WindowId;
use crate::topology::tests::*;

/// Binds as in `a>b`, where a name in capitals is an exchange.
fn built(exchanges: &[(&str, bool)], bindings: &[(&str, &str)]) -> Topology {
    let mut topology = topology();
    for (name, judges) in exchanges {
        let mut wanted = exchange(name, "fanout");
        wanted.arguments = arguments("x-message-deduplication", *judges);
        topology.apply(Command::DeclareExchange(wanted)).unwrap();
    }
    for (from, to) in bindings {
        let rule = if to.starts_with(char::is_uppercase) {
            to_exchange(from, to, "")
        } else {
            topology.apply(Command::DeclareQueue(queue(to))).unwrap();
            to_queue(from, to, "")
        };
        topology.apply(Command::Bind(rule, US)).unwrap();
    }
    topology
}

/// Per queue, the names of the exchanges by whose keys it judges.
fn judges(topology: &Topology, exchange: &str, key: &str) -> Vec<(u64, Vec<&'static str>)> {
    let message = sample::with_headers(exchange, "", arguments("x-deduplication-header", key));
    let mut targets = Targets::new();
    topology.snapshot().route("/", &message, &mut targets).unwrap();
    let names = ["A", "B", "C"];
    let name = |id| names.into_iter().find(|name| WindowId::of_exchange(name) == id).unwrap();
    let of = |(index, queue): (usize, &QueueId)| {
        let keys = targets.keys(index).into_iter().flat_map(|keys| keys.iter());
        (queue.0, keys.map(|key| name(key.window)).collect())
    };
    targets.queues().iter().enumerate().map(of).collect()
}

#[test]
fn a_queue_judges_by_every_exchange_on_the_way() {
    let exchanges = [("A", true), ("B", true), ("C", false)];
    let bindings = [("A", "q"), ("A", "B"), ("B", "qq"), ("A", "C"), ("C", "qqq"), ("B", "q")];
    let topology = built(&exchanges, &bindings);
    let expected = [(1, vec!["A"]), (3, vec!["A"]), (2, vec!["A", "B"])];
    assert_eq!(judges(&topology, "A", "k"), expected);
    assert_eq!(judges(&topology, "B", "k"), [(1, vec!["B"]), (2, vec!["B"])]);
    assert_eq!(judges(&topology, "C", "k"), [(3, vec![])]);
}

#[test]
fn a_queue_that_is_reached_past_the_judge_does_not_judge() {
    let exchanges = [("A", false), ("B", true)];
    let bindings = [("A", "B"), ("B", "q"), ("B", "qq"), ("A", "q"), ("B", "A")];
    let topology = built(&exchanges, &bindings);
    assert_eq!(judges(&topology, "A", "k"), [(1, vec![]), (2, vec!["B"])]);
}

#[test]
fn many_queues_are_each_found_once() {
    let names: Vec<String> = (1..=40).map(|len| "q".repeat(len)).collect();
    let behind = names.iter().map(|name| ("B", name.as_str()));
    let before = names.iter().step_by(2).map(|name| ("A", name.as_str()));
    let bindings: Vec<_> = before.chain(behind).chain([("A", "B")]).collect();
    let topology = built(&[("A", false), ("B", true)], &bindings);
    let judged = judges(&topology, "A", "k");
    let mut found: Vec<_> = judged.iter().map(|(queue, _)| *queue).collect();
    found.sort_unstable();
    assert_eq!(found, (1..=40).collect::<Vec<_>>());
    assert!(judged.iter().all(|(queue, keys)| keys.is_empty() == (queue % 2 == 1)), "{judged:?}");
}

#[test]
fn a_message_without_a_key_is_not_judged() {
    let topology = built(&[("A", true)], &[("A", "q")]);
    let message = sample::message("A", "", b"");
    let mut targets = Targets::new();
    topology.snapshot().route("/", &message, &mut targets).unwrap();
    assert_eq!((targets.queues(), targets.keys(0)), (&[QueueId(1)][..], None));
}

#[test]
fn the_plugins_exchange_type_is_a_fanout_that_needs_a_size() {
    let mut topology = topology();
    let plain = exchange("A", "x-message-deduplication");
    let refusal = topology.apply(Command::DeclareExchange(plain.clone())).unwrap_err();
    assert!(refusal.text.contains("'x-cache-size'"), "{}", refusal.text);
    let sized = DeclareExchange { arguments: arguments("x-cache-size", 10), ..plain };
    topology.apply(Command::DeclareExchange(sized.clone())).unwrap();
    topology.apply(Command::DeclareQueue(queue("q"))).unwrap();
    topology.apply(Command::Bind(to_queue("A", "q", "other"), US)).unwrap();
    assert_eq!(judges(&topology, "A", "k"), [(1, vec!["A"])]);
    let other = DeclareExchange { arguments: arguments("x-cache-size", 11), ..sized };
    let refusal = topology.apply(Command::DeclareExchange(other)).unwrap_err();
    assert!(refusal.text.contains("inequivalent arg 'x-cache-size'"), "{}", refusal.text);
}
