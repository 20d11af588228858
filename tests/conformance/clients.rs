//! Stock clients in other languages, each running a script of its own against the broker.

use std::{process::Command, time::Duration};

use warren_tests::{
    binaries::{root, tool},
    process::Process,
};

use crate::rig::Rig;

/// Runs `script` with `interpreter`, and expects it to end well within a minute.
fn run(interpreter: &str, script: &str) {
    let Some(interpreter) = tool(interpreter) else {
        println!("skipped: .cache/{interpreter} is missing; `make tools` puts it there");
        return;
    };
    run_program(Command::new(interpreter), script);
}

fn run_program(mut command: Command, script: &str) {
    let rig = Rig::start();
    let files = tempfile::tempdir().unwrap();
    command.arg(root().join("tests/conformance/clients").join(script)).arg(rig.uri.to_string());
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    let mut process = Process::start(command, &files.path().join("output")).unwrap();
    let status = process.wait(Duration::from_secs(60));
    assert!(status.success(), "{script}: {status}\n{}", process.output());
    println!("{}", process.output());
}

#[test]
fn pika_works_unchanged() {
    run("venv/bin/python", "with_pika.py");
}

#[test]
fn pika_calls_and_is_answered() {
    run("venv/bin/python", "rpc_with_pika.py");
}

#[test]
fn pika_understands_what_it_may_not_do() {
    // It makes users over the management API, which another broker may have elsewhere.
    if std::env::var_os("WARREN_CONFORMANCE_URI").is_none() {
        run("venv/bin/python", "access_with_pika.py");
    }
}

#[test]
fn aio_pika_works_unchanged() {
    run("venv/bin/python", "with_aio_pika.py");
}

#[test]
fn amqplib_works_unchanged() {
    if tool("node/node_modules/amqplib").is_none() {
        println!("skipped: .cache/node is missing; `make tools` puts it there");
        return;
    }
    let mut node = Command::new("node");
    node.env("NODE_PATH", root().join(".cache/node/node_modules"));
    run_program(node, "with_amqplib.js");
}
