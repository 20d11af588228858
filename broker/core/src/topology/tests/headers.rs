//! Headers exchanges: what a binding asks and what a message carries.

use broker_protocol::table::{FieldTable, Value};

use crate::message::sample;
use crate::routing::Targets;
use crate::topology::tests::{US, to_queue, topology};
use crate::topology::{Binding, Command};

#[test]
fn headers_are_matched_in_four_ways() {
    let table = |pairs: &[(&str, Value)]| -> FieldTable { pairs.iter().cloned().collect() };
    let (one, long, text) = (Value::I32(1), Value::I64(1), Value::from("1"));
    #[rustfmt::skip]
    let cases = [
        // asked                                              carried                       matches  because
        (vec![("a", one.clone())],                            vec![("a", long.clone())],    true,  "integers compare by value"),
        (vec![("a", one.clone())],                            vec![("a", text.clone())],    false, "a string is no integer"),
        (vec![("a", one.clone()), ("b", one.clone())],        vec![("a", one.clone())],     false, "all is the default"),
        (vec![("x-match", "any".into()), ("a", one.clone()), ("b", one.clone())], vec![("a", one.clone())], true, "any is enough"),
        (vec![("x-match", "any".into())],                     vec![("a", one.clone())],     false, "any of none is none"),
        (vec![("x-match", "all".into())],                     vec![],                       true,  "all of none is all"),
        (vec![("a", Value::Void)],                            vec![("a", text.clone())],    true,  "void asks for presence"),
        (vec![("a", Value::Void)],                            vec![("b", text.clone())],    false, "and presence is needed"),
        (vec![("x-a", one.clone())],                          vec![],                       true,  "names with x- do not count"),
        (vec![("x-match", "all-with-x".into()), ("x-a", one.clone())], vec![],              false, "unless asked for"),
        (vec![("x-match", "any-with-x".into()), ("x-a", one.clone())], vec![("x-a", one.clone())], true, "unless asked for"),
        (vec![("x-match", "any".into()), ("x-a", one.clone())], vec![("x-a", one.clone())], false, "names with x- do not count"),
    ];
    for (asked, carried, expected, because) in cases {
        let mut topology = topology();
        topology.queues(&["q"]);
        let rule = Binding { arguments: table(&asked), ..to_queue("amq.headers", "q", "") };
        topology.bindings(vec![rule.clone()]);
        let message = sample::with_headers("amq.headers", "", table(&carried));
        let mut targets = Targets::new();
        topology.snapshot().route("/", &message, &mut targets).unwrap();
        assert_eq!(!targets.is_empty(), expected, "{asked:?} / {carried:?}: {because}");
        topology.apply(Command::Unbind(rule, US)).unwrap();
        topology.snapshot().route("/", &message, &mut targets).unwrap();
        assert!(targets.is_empty());
    }
}
