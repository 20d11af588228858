//! Who claims what.

use super::*;

fn named(name: &str) -> Named {
    Named::new("shop", name)
}

fn object(what: What) -> ObjectKey {
    ObjectKey { cluster: named("orders"), vhost: "/".into(), what }
}

fn queue(name: &str) -> ObjectKey {
    object(What::Queue(name.into()))
}

fn claim(object: ObjectKey, second: i64, needs: Vec<ObjectKey>) -> Claim {
    let time = Timestamp::from_second(second).unwrap();
    Claim { object, needs, birth: (time, format!("uid-{second}")), keeps: true }
}

#[test]
fn the_oldest_claim_wins() {
    let claims = Claims::default();
    claims.insert(&named("young"), claim(queue("billing"), 2, vec![]));
    claims.insert(&named("old"), claim(queue("billing"), 1, vec![]));
    claims.insert(&named("other"), claim(queue("audit"), 0, vec![]));

    let rivals = |name| claims.rivals(&named(name));
    let rival = |name, older, keeps| vec![Rival { resource: named(name), older, keeps }];
    assert_eq!(rivals("young"), rival("old", true, true));
    assert_eq!(rivals("old"), rival("young", false, true));
    assert_eq!((rivals("other"), rivals("unknown")), (vec![], vec![]));

    let going = Claim { keeps: false, ..claim(queue("billing"), 2, vec![]) };
    claims.insert(&named("young"), going);
    assert_eq!(rivals("old"), rival("young", false, false), "it will not keep the object");

    claims.remove(&named("old"));
    assert_eq!(rivals("young"), vec![], "the next in age takes over");
}

#[test]
fn a_binding_is_found_from_its_ends() {
    let claims = Claims::default();
    let exchange = object(What::Exchange("orders".into()));
    let binding = object(What::Binding {
        source: "orders".into(),
        destination: Box::new(What::Queue("billing".into())),
        routing_key: "#".into(),
        arguments: "{}".into(),
    });
    let ends = vec![exchange.clone(), queue("billing")];
    claims.insert(&named("b"), claim(binding.clone(), 1, ends));

    for end in [&exchange, &queue("billing")] {
        assert_eq!(claims.dependents(end), [named("b")], "{}", end.what);
    }
    assert_eq!(claims.dependents(&queue("audit")), []);
    assert_eq!(claims.claimants(&binding), [named("b")]);
    assert_eq!(claims.in_cluster(&named("orders")), [named("b")]);

    claims.insert(&named("b"), claim(queue("audit"), 1, vec![]));
    assert_eq!(claims.dependents(&exchange), [], "a changed claim leaves nothing of the old");
    claims.remove(&named("b"));
    assert_eq!(claims.in_cluster(&named("orders")), []);
}
