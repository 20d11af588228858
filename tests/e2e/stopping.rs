//! However `dev` ends, at whatever moment, nothing is left.

use std::{
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use warren_tests::patience::{SOON, until_true};

use crate::dev::Dev;

#[test]
fn until_ready_ends_well_and_soon() {
    let began = Instant::now();
    let mut dev = Dev::start("orders", &["--until-ready"]);
    let status = dev.process.wait(Duration::from_secs(60));
    let output = dev.process.output();
    assert!(status.success(), "{status}: {output}");
    println!("ready after {:?}", began.elapsed());
    dev.leaves_nothing();
}

#[test]
fn until_ready_says_why_not() {
    let mut dev =
        Dev::start("orders", &["--until-ready", "--timeout", "8s", "--broker", "/bin/false"]);
    let status = dev.process.wait(Duration::from_secs(60));
    let output = dev.process.output();
    assert!(!status.success(), "{output}");
    assert!(output.contains("billing") && output.contains("orders"), "{output}");
    dev.leaves_nothing();
}

#[test]
fn a_signal_at_any_moment_leaves_nothing() {
    for delay in [0, 50, 150, 400, 800, 1500, 3000, 5000] {
        let dev = Dev::start("orders", &[]);
        thread::sleep(Duration::from_millis(delay));
        dev.process.signal(if delay % 100 == 0 { Signal::TERM } else { Signal::INT });
        dev.leaves_nothing();
    }
}

#[test]
fn even_killed_it_leaves_no_process() {
    let mut dev = Dev::ready("orders");
    assert_eq!(dev.brokers().len(), 1);
    dev.process.signal(Signal::KILL);
    dev.process.wait(SOON);
    until_true("the broker ends by itself", SOON, || dev.brokers().is_empty());
}
