//! Phases and conditions for every combination that matters.

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn facts(policy: RestartPolicy) -> Facts {
    let ip = "127.9.0.2".to_owned();
    Facts { pod_ip: ip.clone(), host_ip: ip, started: at(0), generation: Some(1), policy }
}

fn report(state: State) -> Report {
    Report { state, ..Report::new("broker", "warren:1") }
}

fn running(ready: bool) -> Report {
    Report { ready, started: true, ..report(State::Running { since: at(1), pid: 42 }) }
}

fn ended(code: i32) -> Ended {
    let exit = Exit { code, signal: (code > 128).then(|| code - 128) };
    Ended { exit, message: String::new(), started: at(1), finished: at(2), pid: 42 }
}

#[test]
fn the_phase_follows_the_containers() {
    use RestartPolicy::{Always, Never, OnFailure};
    let waiting = || report(State::Waiting(Waiting::creating()));
    let over = |code| report(State::Ended(ended(code)));
    let backing_off = || Report { last: Some(ended(1)), ..waiting() };
    #[rustfmt::skip]
    let cases = [
        // policy     init             containers                       phase
        (Always,      vec![],          vec![waiting()],                 "Pending"),
        (Always,      vec![],          vec![running(false)],            "Running"),
        (Always,      vec![],          vec![running(true), waiting()],  "Pending"),
        (Always,      vec![],          vec![backing_off()],             "Running"),
        (Always,      vec![],          vec![over(0)],                   "Running"),
        (OnFailure,   vec![],          vec![over(0)],                   "Succeeded"),
        (OnFailure,   vec![],          vec![over(1)],                   "Running"),
        (Never,       vec![],          vec![over(1), over(0)],          "Failed"),
        (Never,       vec![],          vec![over(1), running(true)],    "Running"),
        (Always,      vec![waiting()], vec![waiting()],                 "Pending"),
        (Always,      vec![over(0)],   vec![running(true)],             "Running"),
        (Never,       vec![over(1)],   vec![waiting()],                 "Failed"),
        (Always,      vec![over(1)],   vec![waiting()],                 "Pending"),
    ];
    for (number, (policy, init, containers, phase)) in cases.into_iter().enumerate() {
        let status = compose(&facts(policy), &init, &containers, None, at(9));
        assert_eq!(status.phase.as_deref(), Some(phase), "case {number}");
    }
}

#[test]
fn a_transition_time_moves_only_with_the_status() {
    let facts = facts(RestartPolicy::Always);
    let first = compose(&facts, &[], &[running(false)], None, at(10));
    let second = compose(&facts, &[], &[running(true)], Some(&first), at(20));
    let third = compose(&facts, &[], &[running(true)], Some(&second), at(30));
    let time = |status: &PodStatus, kind: &str| {
        let condition =
            status.conditions.iter().flatten().find(|condition| condition.type_ == kind).unwrap();
        (condition.status.clone(), condition.last_transition_time.clone().unwrap().0)
    };
    assert_eq!(time(&first, "Ready"), ("False".to_owned(), at(10)));
    assert_eq!(time(&second, "Ready"), ("True".to_owned(), at(20)));
    assert_eq!(time(&third, "Ready"), ("True".to_owned(), at(20)));
    assert_eq!(time(&third, "PodScheduled"), ("True".to_owned(), at(10)));
    assert_eq!(second, third);
}

#[test]
fn a_killed_container_tells_signal_and_exit_code() {
    let container = Report { last: Some(ended(137)), restarts: 1, ..running(true) };
    let status = compose(&facts(RestartPolicy::Always), &[], &[container], None, at(9));
    let container = status.container_statuses.unwrap().remove(0);
    let last = container.last_state.unwrap().terminated.unwrap();
    assert_eq!(
        (last.exit_code, last.signal, last.reason.as_deref()),
        (137, Some(9), Some("Error"))
    );
    assert_eq!(
        (container.restart_count, container.container_id.as_deref()),
        (1, Some("process://42"))
    );
}
