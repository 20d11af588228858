//! The broker is killed: it comes back, and so does everything that was declared in it.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use warren_tests::patience::{until, until_true};

use crate::{amqp::Application, dev::Dev};

const LIMIT: Duration = Duration::from_secs(40);

#[test]
fn a_killed_broker_is_programmed_again() {
    let dev = Dev::ready("orders");
    let kubectl = dev.kubectl();
    let generation = kubectl.field("queue/billing", "{.metadata.generation}");
    Application::connect(&dev.uri()).publish("orders", "order.cancelled.eu", "kept");
    let before = dev.brokers();
    assert_eq!(before.len(), 1, "one broker runs");
    kill_process(Pid::from_raw(before[0] as i32).unwrap(), Signal::KILL).unwrap();

    until("the pod was restarted and is ready", LIMIT, || {
        let status =
            "{.status.containerStatuses[0].restartCount} {.status.containerStatuses[0].ready}";
        let seen = kubectl.field("pod/orders-0", status);
        if seen == "1 true" { Ok(()) } else { Err(seen) }
    });
    until_true("another broker runs", LIMIT, || {
        let now = dev.brokers();
        now.len() == 1 && now != before
    });
    until("the cluster tells of the restart", LIMIT, || {
        let told = kubectl.field("brokercluster/orders", "{.status.lastRestart}");
        if told.is_empty() { Err("nothing is told".to_owned()) } else { Ok(()) }
    });
    let mut application = until("the whole topology is there again", LIMIT, || {
        let mut application = Application::connect(&dev.uri());
        application.publish("amq.topic", "nobody", "probe");
        for (key, queue) in [("order.created.eu", "billing"), ("order.paid.eu", "shipping")] {
            if !crate::amqp::has_queue(&dev.uri(), queue) {
                return Err(format!("no queue {queue} yet"));
            }
            if !crate::amqp::has_exchange(&dev.uri(), "orders") {
                return Err("no exchange yet".to_owned());
            }
            application.publish("orders", key, "again");
            if application.drain(queue) != ["again"] {
                return Err(format!("{queue} is not bound yet"));
            }
        }
        Ok(application)
    });
    assert_eq!(application.drain("audit")[0], "kept", "what was confirmed is still there");
    kubectl.must(&[
        "wait",
        "--for=condition=Ready",
        "queue",
        "--all",
        "-n",
        "shop",
        "--timeout=30s",
    ]);
    assert_eq!(kubectl.field("queue/billing", "{.metadata.generation}"), generation);
    let events = kubectl.must(&["get", "events", "-n", "shop"]);
    assert!(events.contains("orders"), "the events tell the story: {events}");
}
