//! Work that goes on and on leaves nothing behind: no message lost, none twice, no memory kept.

use std::{process::Command, time::Duration};

use warren_tests::{binaries, process::Process};

use crate::rig::Rig;

fn load(rig: &Rig, arguments: &[&str]) {
    let files = tempfile::tempdir().unwrap();
    let mut command = Command::new(binaries::path("warren-load"));
    command.arg("--uri").arg(rig.uri.to_string());
    command.arg("--queue").arg(rig.name("load")).args(arguments);
    let mut tool = Process::start(command, &files.path().join("output")).unwrap();
    let status = tool.wait(Duration::from_secs(120));
    assert!(status.success(), "{status}: {}", tool.output());
}

#[test]
fn memory_does_not_grow_with_what_has_passed() {
    // What passes is about twice what the broker may grow by, in MiB; the rates keep backlogs short.
    #[rustfmt::skip]
    let cases = [
        ("transient",             "20000", 48,  &[][..]),
        ("persistent",            "20000", 48,  &["--persistent"]),
        ("persistent, confirmed", "20000", 48,  &["--persistent", "--confirms", "256", "--ack", "each", "--prefetch", "256"]),
        ("several of everything", "8000",  128, &["--producers", "3", "--consumers", "3", "--queues", "5", "--ack", "multiple", "--prefetch", "50"]),
    ];
    for (what, rate, limit, arguments) in cases {
        let rig = Rig::start();
        let size = ["--size", "1024", "--count", "30000"];
        load(&rig, &[&["--size", "1024", "--count", "1000"][..], arguments].concat());
        let resident = || rig.broker.as_ref().map_or(0, |broker| broker.process.resident());
        let before = resident();
        for _ in 0..3 {
            load(&rig, &[&size[..], arguments, &["--rate", rate]].concat());
        }
        let grown = resident().saturating_sub(before) >> 20;
        assert!(grown < limit, "{what}: the broker grew by {grown} MiB");
    }
}
