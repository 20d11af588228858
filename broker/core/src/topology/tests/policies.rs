//! Policies in the topology: what they do to queues and exchanges that are there, and to those to come.

use std::sync::Arc;

use broker_protocol::table::{FieldTable, Value};

use super::*;
use crate::policy::{ApplyTo, Pattern, Policy, Rank};

fn set(rank: Rank, name: &str, pattern: &str, priority: i64, values: &[(&str, Value)]) -> Command {
    let definition = values.iter().cloned().collect();
    let pattern = Pattern::new(pattern).unwrap();
    let policy =
        Policy::new(rank, name.into(), pattern, ApplyTo::All, priority, definition).unwrap();
    Command::SetPolicy { vhost: root(), rank, policy: Arc::new(policy) }
}

fn delete(rank: Rank, name: &str) -> Command {
    Command::DeletePolicy { vhost: root(), rank, name: name.into() }
}

/// Which queues are to be told, with their maximum length.
fn told(topology: &mut Topology, command: Command) -> Vec<(u64, Option<u64>)> {
    match topology.apply(command).unwrap() {
        Outcome::Governed { queues } => {
            queues.iter().map(|(id, settings)| (id.0, settings.max_length)).collect()
        }
        Outcome::Done { changed: false } => vec![],
        other => panic!("{other:?}"),
    }
}

fn names(topology: &Topology, queue: &str) -> [Option<String>; 2] {
    let routes = topology.snapshot();
    let governed = &routes.vhost("/").unwrap().queue(queue).unwrap().governed;
    [&governed.policy, &governed.operator]
        .map(|policy| policy.as_ref().map(|policy| policy.name.to_string()))
}

#[test]
fn queues_that_behave_differently_are_told() {
    let mut topology = topology();
    topology.queues(&["a", "aa", "b"]);
    let wanted = DeclareQueue { arguments: arguments("x-max-length", 3), ..queue("aaaa") };
    topology.apply(Command::DeclareQueue(wanted.clone())).unwrap();

    let length = |length: i64| [("max-length", Value::from(length))];
    let first = set(Rank::User, "p", "^a+$", 1, &length(5));
    assert_eq!(told(&mut topology, first.clone()), [(1, Some(5)), (2, Some(5))], "3 is stricter");
    assert_eq!(told(&mut topology, first), [], "it is there already");
    assert_eq!(names(&topology, "aaaa"), [Some("p".into()), None], "though it changes nothing");
    assert_eq!(names(&topology, "b"), [None, None]);

    let stricter = set(Rank::Operator, "op", "aa", 0, &length(4));
    assert_eq!(told(&mut topology, stricter), [(2, Some(4))]);
    let lower = set(Rank::User, "q", "^a+$", 0, &length(1));
    assert_eq!(told(&mut topology, lower), [], "one of a higher priority applies");
    assert_eq!(told(&mut topology, delete(Rank::User, "p")).len(), 3, "now it does");
    assert_eq!(names(&topology, "aa"), [Some("q".into()), Some("op".into())]);

    topology.queues(&["aaaaa"]);
    let routes = topology.snapshot();
    let late = &routes.vhost("/").unwrap().queue("aaaaa").unwrap().settings;
    assert_eq!(late.max_length, Some(1), "one that comes later is under them from the start");
    topology.apply(Command::DeclareQueue(wanted)).unwrap();
    assert_eq!(told(&mut topology, delete(Rank::User, "no")), []);

    topology.apply(delete(Rank::User, "q")).unwrap();
    topology.apply(delete(Rank::Operator, "op")).unwrap();
    let routes = topology.snapshot();
    for (name, expected) in [("a", None), ("aaaa", Some(3))] {
        let settings = &routes.vhost("/").unwrap().queue(name).unwrap().settings;
        assert_eq!(settings.max_length, expected, "{name} is as it was declared");
    }
}

#[test]
fn an_alternate_exchange_may_come_from_a_policy() {
    let mut topology = topology();
    topology.exchanges(&[("e", "direct"), ("ae", "fanout")]);
    let own = DeclareExchange {
        arguments: arguments("alternate-exchange", ""),
        ..exchange("ee", "direct")
    };
    topology.apply(Command::DeclareExchange(own)).unwrap();
    topology.queues(&["q"]);
    topology.bindings(vec![to_queue("ae", "q", "")]);
    assert_eq!(topology.routed("e", "k"), []);
    let alternate = [("alternate-exchange", Value::from("ae"))];
    assert_eq!(told(&mut topology, set(Rank::User, "p", "^e", 0, &alternate)), []);
    assert_eq!(topology.routed("e", "k"), [1]);
    assert_eq!(topology.routed("ee", "k"), [], "the argument comes first");
    topology.exchanges(&[("eee", "topic")]);
    assert_eq!(topology.routed("eee", "k"), [1], "declared later");
    topology.apply(delete(Rank::User, "p")).unwrap();
    assert_eq!(topology.routed("e", "k"), []);
}

#[test]
fn a_policy_is_no_difference_between_declarations() {
    let mut topology = topology();
    topology.queues(&["q"]);
    topology.exchanges(&[("e", "direct")]);
    let values = [("max-length", Value::from(5)), ("alternate-exchange", "ae".into())];
    topology.apply(set(Rank::User, "p", "", 0, &values)).unwrap();
    topology.queues(&["q"]);
    topology.exchanges(&[("e", "direct")]);
    let wanted = DeclareQueue { arguments: arguments("x-max-length", 5), ..queue("q") };
    let refusal = topology.apply(Command::DeclareQueue(wanted)).unwrap_err();
    assert!(refusal.text.contains("inequivalent arg 'x-max-length'"), "{}", refusal.text);
}

#[test]
fn policies_belong_to_a_vhost() {
    let mut topology = topology();
    topology.apply(Command::CreateVhost { vhost: "other".into() }).unwrap();
    topology.queues(&["q"]);
    let Command::SetPolicy { rank, policy, .. } =
        set(Rank::User, "p", "", 0, &[("max-length", 1.into())])
    else {
        panic!("a policy")
    };
    let elsewhere = Command::SetPolicy { vhost: "other".into(), rank, policy: policy.clone() };
    assert_eq!(told(&mut topology, elsewhere), []);
    assert_eq!(names(&topology, "q"), [None, None]);
    let nowhere = Command::SetPolicy { vhost: "no".into(), rank, policy };
    let refusal = topology.apply(nowhere).unwrap_err();
    assert_eq!(refusal.text, "NOT_ALLOWED - vhost no not found");
}

#[test]
fn a_dead_letter_key_needs_an_exchange_from_somewhere() {
    let mut topology = topology();
    let values = [("dead-letter-routing-key", Value::from("k"))];
    topology.apply(set(Rank::User, "p", "", 0, &values)).unwrap();
    let arguments: FieldTable = arguments("x-dead-letter-exchange", "dlx");
    let wanted = DeclareQueue { arguments, ..queue("qq") };
    topology.apply(Command::DeclareQueue(wanted)).unwrap();
    topology.queues(&["q"]);
    let routes = topology.snapshot();
    let to = |name| routes.vhost("/").unwrap().queue(name).unwrap().settings.dead_letter.clone();
    assert_eq!(to("qq").unwrap().routing_key, Some("k".into()));
    assert_eq!(to("q"), None);
}
