//! The example's messages, published and consumed by a stock Python client.

use std::process::Command;

use warren_tests::binaries::{root, tool};

use crate::{amqp::Application, dev::Dev};

fn python(dev: &Dev, script: &str, arguments: &[&str]) -> Option<String> {
    let Some(python) = tool("venv/bin/python") else {
        println!("skipped: .cache/venv is missing; `make tools` puts it there");
        return None;
    };
    let mut command = Command::new("timeout");
    command.arg("60").arg(python).arg(root().join("examples/orders").join(script));
    let output = command.arg(dev.uri().to_string()).args(arguments).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {error}");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn a_stock_client_reaches_the_right_queues_and_no_others() {
    let dev = Dev::ready("orders");
    let Some(published) = python(&dev, "publish.py", &[]) else { return };
    assert_eq!(published.lines().filter(|line| line.starts_with("confirmed")).count(), 5);
    #[rustfmt::skip]
    let expected = [
        ("billing",         "order.created.eu order.created.us"),
        ("shipping",        "order.paid.eu"),
        ("audit",           "order.created.eu order.created.us order.paid.eu order.cancelled.us"),
        ("orders.unrouted", "newsletter.sent"),
    ];
    for (queue, keys) in expected {
        let consumed = python(&dev, "consume.py", &[queue, "1"]).unwrap();
        let got: Vec<_> =
            consumed.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
        assert_eq!(got.join(" "), keys, "{queue}: {consumed}");
    }
    let mut application = Application::connect(&dev.uri());
    for (queue, _) in expected {
        assert_eq!(application.drain(queue), [""; 0], "{queue} is empty once consumed");
    }
}

#[test]
fn another_example_gets_ready_too() {
    let mut dev = Dev::start("work-queue", &["--until-ready", "--timeout", "60s"]);
    let status = dev.process.wait(std::time::Duration::from_secs(70));
    assert!(status.success(), "{}", dev.process.output());
    dev.leaves_nothing();
}
