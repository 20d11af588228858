//! Every reason, as kstatus and `kubectl wait` read it.

use super::*;

const REASONS: [Reason; 24] = [
    Reason::Programmed,
    Reason::ClusterNotFound,
    Reason::NamespaceNotAllowed,
    Reason::Conflict,
    Reason::AlreadyExists,
    Reason::InvalidArguments,
    Reason::ReplicationUnavailable,
    Reason::WaitingForCluster,
    Reason::WaitingForVhost,
    Reason::ReferenceNotFound,
    Reason::ResourceLocked,
    Reason::BrokerUnreachable,
    Reason::ImmutableMismatch,
    Reason::AccessRefused,
    Reason::BrokerRefused,
    Reason::DeletionBlocked,
    Reason::Running,
    Reason::Pending,
    Reason::Starting,
    Reason::Degraded,
    Reason::Unavailable,
    Reason::CrashLooping,
    Reason::ApplyFailed,
    Reason::Deleting,
];

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn recorded(reason: Reason) -> Vec<Condition> {
    let mut conditions = Vec::new();
    Verdict::new(reason, "because").record(&mut conditions, Some(3), None, at(1));
    conditions
}

fn status<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a str> {
    condition::find(conditions, type_).map(|condition| condition.status.as_str())
}

#[test]
fn kstatus_reads_every_reason_right() {
    for reason in REASONS {
        let conditions = recorded(reason);
        let stalled = status(&conditions, STALLED) == Some("True");
        let reconciling = status(&conditions, RECONCILING) == Some("True");
        let ready = status(&conditions, READY) == Some("True");
        // Failed, InProgress and Current exclude each other, and one of them holds.
        assert_eq!(
            u8::from(stalled) + u8::from(reconciling) + u8::from(ready),
            1,
            "{}",
            reason.as_str()
        );
        assert!(conditions.iter().all(|condition| condition.observed_generation == Some(3)));
        assert!(conditions.iter().all(|condition| !condition.reason.is_empty()));
        // Reconciling and Stalled stand only while true.
        for type_ in [RECONCILING, STALLED] {
            assert_ne!(status(&conditions, type_), Some("False"), "{}", reason.as_str());
        }
    }
}

#[test]
fn nothing_is_ready_that_is_not_programmed() {
    for reason in REASONS {
        let shape = reason.shape();
        let ready = shape.ready == "True";
        assert!(!ready || (shape.accepted == "True" && shape.programmed == "True"));
        assert!(shape.programmed != "True" || shape.accepted == "True", "{}", reason.as_str());
    }
}

#[test]
fn the_same_verdict_again_changes_nothing() {
    for reason in REASONS {
        let mut conditions = recorded(reason);
        let before = conditions.clone();
        let again = Verdict::new(reason, "because");
        assert!(!again.record(&mut conditions, Some(3), None, at(2)), "{}", reason.as_str());
        assert_eq!(conditions, before);
    }
}

#[test]
fn trouble_comes_and_goes() {
    let mut conditions = recorded(Reason::Conflict);
    let told = Some(("Declared", "declared in broker orders-0"));
    Verdict::new(Reason::Programmed, "ready").record(&mut conditions, Some(4), told, at(2));

    assert_eq!(status(&conditions, STALLED), None);
    assert_eq!(status(&conditions, READY), Some("True"));
    let programmed = condition::find(&conditions, PROGRAMMED).unwrap();
    assert_eq!((programmed.reason.as_str(), programmed.status.as_str()), ("Declared", "True"));
}
