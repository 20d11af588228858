//! Pods as the kubelet writes them.

use serde_json::{Value, json};

use super::*;

fn pod(status: &Value) -> Seen {
    let pod = json!({
        "metadata": { "name": "orders-0", "namespace": "shop", "uid": "u1" },
        "status": status,
    });
    Seen::from_pod(&serde_json::from_value(pod).unwrap())
}

fn container(state: &Value, ready: bool, restarts: i32) -> Value {
    json!({
        "podIP": "127.1.2.3",
        "conditions": [{ "type": "Ready", "status": if ready { "True" } else { "False" } }],
        "containerStatuses": [{
            "name": "broker", "image": "i", "imageID": "i", "containerID": format!("p://{restarts}"),
            "ready": ready, "restartCount": restarts, "state": state,
            "lastState": if restarts > 0 { json!({ "terminated": { "exitCode": 137, "reason": "Error" } }) } else { json!({}) },
        }],
    })
}

#[test]
fn a_pod_is_reduced_to_its_state() {
    let running = json!({ "running": {} });
    let crash = json!({ "waiting": { "reason": "CrashLoopBackOff", "message": "back-off 10s" } });
    let creating = json!({ "waiting": { "reason": "ContainerCreating" } });
    let pull = json!({ "waiting": { "reason": "ImagePullBackOff", "message": "no such image" } });
    let unscheduled = json!({
        "conditions": [{ "type": "PodScheduled", "status": "False", "message": "0/3 nodes are available" }]
    });
    #[rustfmt::skip]
    let cases = [
        (json!({}),                         MemberState::Pending,      "broker orders-0 waits for its node"),
        (unscheduled,                       MemberState::Pending,      "broker orders-0 waits: 0/3 nodes"),
        (container(&creating, false, 0),    MemberState::Pending,      "waits: ContainerCreating"),
        (container(&pull, false, 0),        MemberState::Pending,      "ImagePullBackOff: no such image"),
        (container(&running, false, 0),     MemberState::Starting,     "broker orders-0 is starting"),
        (container(&running, true, 0),      MemberState::Running,      ""),
        (container(&running, false, 1),     MemberState::Starting,     "starting again; it ended with exit code 137 (Error)"),
        (container(&crash, false, 5),       MemberState::CrashLooping, "ends again and again, last with exit code 137"),
    ];
    for (status, state, trouble) in cases {
        let seen = pod(&status);
        assert_eq!(seen.state, state, "{status}");
        assert!(seen.trouble().contains(trouble), "{} lacks {trouble}", seen.trouble());
    }
}

#[test]
fn a_new_process_is_a_new_run() {
    let running = json!({ "running": {} });
    let (first, second) = (pod(&container(&running, true, 0)), pod(&container(&running, true, 1)));
    assert_ne!(first.run, second.run);
    assert_eq!(second.management().unwrap().to_string(), "127.1.2.3:15672");
    assert_eq!(second.ended, Some(Ended { reason: Some("Error".into()), exit_code: 137 }));
}
