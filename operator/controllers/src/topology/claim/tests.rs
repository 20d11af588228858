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
    Claim { object, needs, birth: (time, format!("uid-{second}")), stake: Stake::Coming }
}

#[test]
fn the_oldest_claim_wins() {
    let claims = Claims::default();
    let insert = |name, claim| claims.insert(&named(name), claim);
    assert!(!insert("young", claim(queue("billing"), 2, vec![])), "nobody else stands for it");
    assert!(insert("old", claim(queue("billing"), 1, vec![])));
    assert!(!insert("old", claim(queue("billing"), 1, vec![])), "no news");
    assert!(!insert("other", claim(queue("audit"), 0, vec![])));

    let rivals = |name| claims.rivals(&named(name));
    let rival = |name, older, stake| vec![Rival { resource: named(name), older, stake }];
    assert_eq!(rivals("young"), rival("old", true, Stake::Coming));
    assert_eq!(rivals("old"), rival("young", false, Stake::Coming));
    assert_eq!((rivals("other"), rivals("unknown")), (vec![], vec![]));

    let going = Claim { stake: Stake::Going, ..claim(queue("billing"), 2, vec![]) };
    assert!(insert("young", going), "the other may wait for it");
    assert_eq!(rivals("old"), rival("young", false, Stake::Going));

    claims.remove(&named("old"));
    assert_eq!(rivals("young"), vec![], "the next in age takes over");
}

#[test]
fn who_comes_first_and_who_inherits() {
    use Stake::{Coming, Flawed, Going, Holds, Refused};
    #[rustfmt::skip]
    let cases = [
        // older rivals       younger rivals        first     heir      because
        (vec![],              vec![],               None,     None,     "it is alone"),
        (vec![Coming],        vec![],               Some(0),  Some(0),  "the oldest wins"),
        (vec![Going, Holds],  vec![],               Some(1),  Some(1),  "what goes claims nothing"),
        (vec![Flawed],        vec![Coming],         None,     Some(1),  "what cannot be claims nothing"),
        (vec![Refused],       vec![Coming],         Some(0),  None,     "the next in age is not taken by the broker"),
        (vec![Refused],       vec![Coming, Holds],  Some(0),  Some(2),  "somebody sees to its end already"),
        (vec![],              vec![Going, Coming],  None,     Some(1),  "one that stays takes over"),
        (vec![],              vec![Going, Going],   None,     None,     "all go: the last one removes it"),
    ];
    for (older, younger, expected_first, expected_heir, because) in cases {
        let rival = |(index, (older, stake)): (usize, (bool, Stake))| Rival {
            resource: named(&index.to_string()),
            older,
            stake,
        };
        let stakes = older.into_iter().map(|stake| (true, stake));
        let stakes = stakes.chain(younger.into_iter().map(|stake| (false, stake)));
        let rivals: Vec<_> = stakes.enumerate().map(rival).collect();
        assert_eq!(first(&rivals), expected_first.map(|index: usize| &rivals[index]), "{because}");
        assert_eq!(heir(&rivals), expected_heir.map(|index: usize| &rivals[index]), "{because}");
    }
}

#[test]
fn what_a_broker_lost_is_found() {
    let claims = Claims::default();
    let holds = |object| Claim { stake: Stake::Holds, ..claim(object, 1, vec![]) };
    claims.insert(&named("kept"), holds(queue("kept")));
    claims.insert(&named("lost"), holds(queue("lost")));
    claims.insert(&named("early"), claim(queue("early"), 2, vec![]));
    claims.insert(&named("topic"), holds(object(What::Exchange("kept".into()))));
    let names = Names::new([("/", "kept"), ("other", "lost")], [("/", "amq.topic")]);
    let mut missing = claims.missing(&named("orders"), &names);
    missing.sort();
    assert_eq!(missing, [named("lost"), named("topic")]);
    assert_eq!(claims.missing(&named("elsewhere"), &names), []);
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
