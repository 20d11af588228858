//! `dev` watches its folder: what changes there is applied, what goes is deleted, what is wrong is told.

use std::{fs, time::Duration};

use warren_tests::patience::{until, until_true};

use crate::{amqp::has_queue, dev::Dev};

const LIMIT: Duration = Duration::from_secs(30);

const QUEUE: &str = "
apiVersion: warren.dev/v1alpha1
kind: Queue
metadata: { name: returns, namespace: shop }
spec: { clusterRef: { name: orders } }
";

#[test]
fn files_that_come_and_go_are_followed() {
    let dev = Dev::ready("orders");
    let (uri, file) = (dev.uri(), dev.manifests().join("50-returns.yaml"));
    fs::write(&file, QUEUE).unwrap();
    until_true("the new queue is in the broker", LIMIT, || has_queue(&uri, "returns"));
    fs::remove_file(&file).unwrap();
    until_true("the removed queue is gone", LIMIT, || !has_queue(&uri, "returns"));
    assert!(has_queue(&uri, "billing"), "the others stay");
}

#[test]
fn a_bad_file_is_named_and_the_rest_goes_on() {
    let dev = Dev::ready("orders");
    let uri = dev.uri();
    fs::write(dev.manifests().join("60-bad.yaml"), "kind: [unfinished").unwrap();
    fs::write(dev.manifests().join("61-worse.yaml"), QUEUE.replace("Queue", "Quack")).unwrap();
    fs::write(dev.manifests().join("62-good.yaml"), QUEUE).unwrap();
    until_true("the good one is applied", LIMIT, || has_queue(&uri, "returns"));
    for name in ["60-bad.yaml", "61-worse.yaml"] {
        until("the bad file is named", LIMIT, || {
            let output = dev.process.output();
            if output.contains(name) { Ok(()) } else { Err(output) }
        });
    }
}
