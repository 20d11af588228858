//! Facts and decisions, as tables.

use operator_api::cluster::access::AllowedNamespaces;
use operator_topology::{Endpoint, Password};

use super::*;

fn broker() -> Broker {
    Broker {
        endpoint: Endpoint {
            cluster: "shop/orders".into(),
            host: "127.0.0.1".into(),
            port: 5672,
            username: "u".into(),
            password: Password::new("p"),
        },
        epoch: "1".into(),
        member: "orders-0".into(),
    }
}

fn cluster(state: State) -> Option<Arc<Cluster>> {
    let access = AllowedNamespaces::default();
    Some(Arc::new(Cluster { uid: "1".into(), access, state }))
}

fn facts(state: State) -> Facts {
    Facts {
        deleting: false,
        finalizer: true,
        forced: false,
        retain: false,
        programmed: true,
        foreign: false,
        refused: false,
        flaw: None,
        rival: None,
        heir: None,
        cluster_name: Named::new("shop", "orders"),
        cluster: cluster(state),
        allowed: true,
    }
}

fn up() -> Facts {
    facts(State::Up(broker()))
}

fn down() -> Facts {
    facts(State::Down)
}

fn reason(decision: &Decision) -> String {
    match decision {
        Decision::Settle(verdict) => verdict.reason.as_str().to_owned(),
        Decision::Release(release) => format!("{release:?}"),
        Decision::Program(_) => "program".into(),
        Decision::Remove(_) => "remove".into(),
        Decision::Withdraw(_) => "withdraw".into(),
        Decision::Nothing => "nothing".into(),
    }
}

#[test]
fn a_live_resource() {
    let rival = Some(Named::new("shop", "older"));
    let flaw = Some(Verdict::new(Reason::ReplicationUnavailable, "…"));
    #[rustfmt::skip]
    let cases = [
        ("all is well",            up(),                                             "program"),
        ("the manifest cannot be", Facts { flaw, ..up() },                           "ReplicationUnavailable"),
        ("no cluster",             Facts { cluster: None, ..up() },                  "ClusterNotFound"),
        ("cluster goes",           facts(State::Deleting),                           "ClusterNotFound"),
        ("not allowed",            Facts { allowed: false, ..up() },                 "NamespaceNotAllowed"),
        ("somebody was first",     Facts { rival, ..up() },                          "Conflict"),
        ("cluster just seen",      facts(State::Unobserved),                         "nothing"),
        ("cluster impossible",     facts(State::Rejected("replicas".into())),        "WaitingForCluster"),
        ("was up once",            down(),                                           "BrokerUnreachable"),
        ("never was up",           Facts { programmed: false, ..down() },            "WaitingForCluster"),
    ];
    for (because, facts, expected) in cases {
        assert_eq!(reason(&facts.decide()), expected, "{because}");
    }
}

#[test]
fn a_resource_being_deleted() {
    let gone = |facts: Facts| Facts { deleting: true, ..facts };
    let heir = |stake| Some(Rival { resource: Named::new("shop", "next"), older: false, stake });
    #[rustfmt::skip]
    let cases = [
        ("the broker is asked",            gone(up()),                                              "remove"),
        ("even when forced",               Facts { forced: true, ..gone(up()) },                    "remove"),
        ("nothing of ours holds it",       Facts { finalizer: false, ..gone(up()) },                "nothing"),
        ("kept on purpose",                Facts { retain: true, ..gone(up()) },                    "Retained"),
        ("kept also when down",            Facts { retain: true, ..gone(down()) },                  "Retained"),
        ("another has it",                 Facts { heir: heir(Stake::Holds), ..gone(up()) },        "Shared"),
        ("another has it, also when down", Facts { heir: heir(Stake::Holds), ..gone(down()) },      "Shared"),
        ("another is to take it",          Facts { heir: heir(Stake::Coming), ..gone(up()) },       "Deleting"),
        ("nobody can take it now",         Facts { heir: heir(Stake::Coming), ..gone(down()) },     "BrokerUnreachable"),
        ("no time to wait for an heir",    Facts { heir: heir(Stake::Coming), forced: true, ..gone(up()) }, "Forced"),
        ("no cluster, no object",          Facts { cluster: None, ..gone(up()) },                   "ClusterGone"),
        ("cluster goes too",               gone(facts(State::Deleting)),                            "ClusterGone"),
        ("no broker to ask",               gone(down()),                                            "BrokerUnreachable"),
        ("no broker, and in a hurry",      Facts { forced: true, ..gone(down()) },                  "Forced"),
        ("a withdrawn permission",         Facts { allowed: false, ..gone(up()) },                  "remove"),
        ("cluster just seen",              gone(facts(State::Unobserved)),                          "nothing"),
        ("may have been declared",         Facts { programmed: false, ..gone(up()) },               "withdraw"),
        ("may have been, and no broker",   Facts { programmed: false, ..gone(down()) },             "BrokerUnreachable"),
        ("never was accepted",             Facts { programmed: false, refused: true, ..gone(up()) }, "NeverProgrammed"),
        ("is not accepted any more",       Facts { refused: true, ..gone(up()) },                   "remove"),
        ("it is somebody else's",          Facts { foreign: true, ..gone(up()) },                   "Foreign"),
    ];
    for (because, facts, expected) in cases {
        assert_eq!(reason(&facts.decide()), expected, "{because}");
    }
}

#[test]
fn whoever_waits_is_told_how_to_go_on() {
    let heir = Rival { resource: Named::new("shop", "next"), older: false, stake: Stake::Coming };
    let waiting = Facts { deleting: true, heir: Some(heir), ..up() };
    let Decision::Settle(verdict) = waiting.decide() else { panic!("not settled") };
    assert!(verdict.message.contains("shop/next"), "{}", verdict.message);
    assert!(verdict.message.contains("warren.dev/force-delete=true"), "{}", verdict.message);
    let unreachable = Facts { deleting: true, ..down() };
    let Decision::Settle(verdict) = unreachable.decide() else { panic!("not settled") };
    assert!(verdict.message.contains("warren.dev/force-delete=true"), "{}", verdict.message);
    let Decision::Settle(verdict) = Facts { cluster: None, ..up() }.decide() else {
        panic!("not settled")
    };
    assert!(verdict.message.contains("shop/orders does not exist: create it"));
}
