//! Brokers in every state, and what the cluster's status says.

use operator_api::cluster::BrokerClusterSpec;
use operator_api::condition::{self, READY};

use super::*;
use crate::cluster::members::Ended;

fn seen(state: MemberState, restarts: i32) -> Seen {
    Seen {
        name: "orders-0".into(),
        run: format!("u1/{restarts}/c"),
        ip: "127.1.2.3".parse().ok(),
        state,
        restarts,
        ended: (restarts > 0).then(|| Ended { reason: Some("Error".into()), exit_code: 137 }),
        waits: None,
    }
}

fn broker(state: MemberState, restarts: i32, epoch: Option<&str>) -> Broker {
    let identity = epoch.map(|epoch| Identity {
        epoch: epoch.into(),
        version: "0.1.0".into(),
        totals: Totals::default(),
    });
    Broker { seen: seen(state, restarts), identity }
}

fn cluster(replicas: i32) -> BrokerCluster {
    let mut cluster = BrokerCluster::new("orders", BrokerClusterSpec::default());
    cluster.spec.replicas = replicas;
    cluster.metadata.namespace = Some("shop".into());
    cluster.metadata.generation = Some(2);
    cluster
}

/// Looks at `brokers` and keeps what was seen.
fn look(cluster: &mut BrokerCluster, brokers: &[Broker], second: i64) -> Vec<Incident> {
    let before = cluster.status.clone().unwrap_or_default();
    let verdict = verdict(cluster.spec.replicas, brokers, before.version.is_some());
    let now = Timestamp::from_second(second).unwrap();
    cluster.status = Some(status(cluster, &verdict, brokers, now));
    incidents(&before.members, brokers)
}

#[test]
fn brokers_and_phases() {
    use MemberState::{CrashLooping, Pending, Running, Starting};
    #[rustfmt::skip]
    let cases = [
        ("nothing yet",             vec![],                                      false, Reason::Pending,      Phase::Pending),
        ("no node yet",             vec![broker(Pending, 0, None)],              false, Reason::Pending,      Phase::Pending),
        ("no answer yet",           vec![broker(Starting, 0, None)],             false, Reason::Starting,     Phase::Pending),
        ("no epoch yet",            vec![broker(Running, 0, None)],              false, Reason::Starting,     Phase::Pending),
        ("all is well",             vec![broker(Running, 0, Some("a"))],         true,  Reason::Running,      Phase::Running),
        ("it died",                 vec![broker(Starting, 1, None)],             true,  Reason::Unavailable,  Phase::Unavailable),
        ("it dies and dies",        vec![broker(CrashLooping, 5, None)],         true,  Reason::CrashLooping, Phase::Unavailable),
        ("its pod is away",         vec![],                                      true,  Reason::Unavailable,  Phase::Unavailable),
    ];
    for (because, brokers, answered_before, reason, expected) in cases {
        let verdict = verdict(1, &brokers, answered_before);
        assert_eq!((verdict.reason, phase(verdict.reason)), (reason, expected), "{because}");
        assert!(!verdict.message.is_empty());
    }
    let two = [broker(Running, 0, Some("a")), broker(Starting, 0, None)];
    assert_eq!(verdict(2, &two, true).reason, Reason::Degraded);
}

#[test]
fn mirrors_are_refused_with_a_way_out() {
    assert_eq!(flaw(&cluster(1)), None);
    let flaw = flaw(&cluster(3)).unwrap();
    assert_eq!((flaw.reason, phase(flaw.reason)), (Reason::ReplicationUnavailable, Phase::Failed));
    assert!(flaw.message.contains("set it to 1"), "{}", flaw.message);
}

#[test]
fn a_killed_broker_leaves_its_story() {
    let mut cluster = cluster(1);
    let running = |restarts, epoch| [broker(MemberState::Running, restarts, Some(epoch))];
    assert_eq!(look(&mut cluster, &running(0, "a"), 1), []);

    let died = look(&mut cluster, &[broker(MemberState::Starting, 1, None)], 2);
    assert!(
        matches!(&died[..], [Incident::Ended { told, .. }] if told.contains("exit code 137 (Error)")),
        "{died:?}"
    );
    let status = cluster.status.clone().unwrap();
    assert_eq!((status.phase, status.ready.as_deref()), (Some(Phase::Unavailable), Some("0/1")));
    let restart = status.last_restart.clone().unwrap();
    assert_eq!((restart.member.as_str(), restart.exit_code), ("orders-0", Some(137)));
    assert_eq!(status.members[0].epoch.as_deref(), Some("a"), "kept to be compared with the next");

    let back = look(&mut cluster, &running(1, "b"), 3);
    assert!(matches!(&back[..], [Incident::StartedAnew { epoch, .. }] if epoch == "b"), "{back:?}");
    let status = cluster.status.clone().unwrap();
    assert_eq!(status.phase, Some(Phase::Running));
    assert_eq!(status.last_restart, Some(restart), "the last restart stays to be seen");
    assert_eq!(condition::find(&status.conditions, READY).unwrap().status, "True");

    let before = cluster.clone();
    assert_eq!(look(&mut cluster, &running(1, "b"), 4), []);
    assert_eq!(cluster, before, "another look that learns nothing changes nothing");
}
