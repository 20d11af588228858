//! AMQP over TLS: who gets in, as whom, and what the log says of the others.

mod certificates;
mod stage;

use std::{
    io::{Read, Write},
    process::Command,
    time::Duration,
};

use rustls::ALL_VERSIONS;
use serde_json::Value;
use warren_tests::{
    binaries::{root, tool},
    patience::{SOON, until},
    process::Process,
};

use crate::tls::{
    certificates::{Authority, Files},
    stage::{Stage, dial, greet, log_in},
};

/// Runs a client's script against the port for TLS; `environment` tells it whom to trust.
fn run(stage: &Stage, mut command: Command, script: &str, certificate: Option<&Files>) {
    let authority = stage.path("ca.crt");
    command.arg(root().join("tests/conformance/clients").join(script)).arg(stage.uri());
    if let Some(files) = certificate {
        command.args([&authority, &files.certificate, &files.key]);
    }
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command.env("SSL_CERT_FILE", &authority).env("NODE_EXTRA_CA_CERTS", &authority);
    let mut process = Process::start(command, &stage.path("output")).unwrap();
    let status = process.wait(Duration::from_secs(60));
    assert!(status.success(), "{script}: {status}\n{}", process.output());
    println!("{}", process.output());
}

fn python() -> Option<Command> {
    tool("venv/bin/python").map(Command::new)
}

fn node() -> Option<Command> {
    tool("node/node_modules/amqplib")?;
    let mut node = Command::new("node");
    node.env("NODE_PATH", root().join(".cache/node/node_modules"));
    Some(node)
}

#[test]
fn stock_clients_work_unchanged_over_tls() {
    let Some(stage) = Stage::set(&[]) else { return };
    for script in ["with_pika.py", "with_aio_pika.py", "rpc_with_pika.py"] {
        let Some(python) = python() else { break };
        run(&stage, python, script, None);
    }
    if let Some(node) = node() {
        run(&stage, node, "with_amqplib.js", None);
    }
}

#[test]
fn stock_clients_log_in_with_a_certificate() {
    let Some(stage) = Stage::set(&[]) else { return };
    let app = stage.certificate(&stage.authority, "app");
    if let Some(python) = python() {
        run(&stage, python, "external_with_pika.py", Some(&app));
    }
    if let Some(node) = node() {
        run(&stage, node, "external_with_amqplib.js", Some(&app));
    }
}

#[test]
fn external_is_for_those_whose_certificate_was_verified() {
    let Some(stage) = Stage::set(&[]) else { return };
    let app = stage.certificate(&stage.authority, "app");
    let nobody = stage.certificate(&stage.authority, "nobody");
    let plain = format!("\0app\0{}", Stage::PASSWORD);
    #[rustfmt::skip]
    let cases = [
        // certificate   mechanism   response            answer
        (Some(&app),     "EXTERNAL", "".as_bytes(),      Ok("connection.tune")),
        (Some(&app),     "EXTERNAL", b"nobody",          Ok("connection.tune")),
        (Some(&app),     "PLAIN",    plain.as_bytes(),   Ok("connection.tune")),
        (Some(&nobody),  "EXTERNAL", b"",                Err(())),
        (Some(&nobody),  "EXTERNAL", plain.as_bytes(),   Err(())),
        (Some(&nobody),  "PLAIN",    plain.as_bytes(),   Ok("connection.tune")),
        (None,           "PLAIN",    plain.as_bytes(),   Ok("connection.tune")),
        (None,           "EXTERNAL", b"app",             Ok("connection.close")),
    ];
    for (number, (certificate, mechanism, response, expected)) in cases.into_iter().enumerate() {
        let mut stream = stage.connect(5671, ALL_VERSIONS, certificate).unwrap();
        let answer = log_in(&mut stream, mechanism, response);
        assert_eq!(answer.as_deref().map_err(|_| ()), expected, "case {number}");
        let mut stream = stage.connect(5671, ALL_VERSIONS, certificate).unwrap();
        let mechanisms = greet(&mut stream).unwrap();
        assert_eq!(mechanisms.contains("EXTERNAL"), certificate.is_some(), "case {number}");
    }
}

#[test]
fn certificates_and_versions_are_asked_for() {
    let flags = ["--tls-verify=required", "--tls-min-version=1.3"];
    let Some(stage) = Stage::set(&flags) else { return };
    let other = Authority::new();
    let app = stage.certificate(&stage.authority, "app");
    let stranger = stage.certificate(&other, "stranger");
    let old = [&rustls::version::TLS12];
    #[rustfmt::skip]
    let cases = [
        (ALL_VERSIONS, Some(&app),      true),
        (ALL_VERSIONS, None,            false),
        (ALL_VERSIONS, Some(&stranger), false),
        (&old,         Some(&app),      false),
    ];
    for (number, (versions, certificate, admitted)) in cases.into_iter().enumerate() {
        // In TLS 1.3 a client learns only from the first answer that it was refused.
        let stream = stage.connect(5671, versions, certificate);
        let greeted = stream.and_then(|mut stream| greet(&mut stream));
        assert_eq!(greeted.is_ok(), admitted, "case {number}: {greeted:?}");
    }
    expect_log(&stage, "TLS with the client failed");
}

#[test]
fn a_new_certificate_is_shown_without_a_restart() {
    let Some(stage) = Stage::set(&[]) else { return };
    let shown = |stream: &stage::Secure| stream.conn.peer_certificates().unwrap()[0].to_vec();
    let mut first = stage.connect(5671, ALL_VERSIONS, None).unwrap();
    stage.authority.serve(stage.address(5671).ip(), &stage.server);
    let second = stage.connect(5671, ALL_VERSIONS, None).unwrap();
    assert_ne!(shown(&first), shown(&second));
    std::fs::write(&stage.server.key, "no key").unwrap();
    let third = stage.connect(5671, ALL_VERSIONS, None).unwrap();
    assert_eq!(shown(&second), shown(&third), "a broken file changes nothing");
    expect_log(&stage, "no private key is in it");
    assert!(greet(&mut first).is_ok(), "open connections stay");
}

#[test]
fn a_client_at_the_wrong_port_is_told_and_logged() {
    let Some(stage) = Stage::set(&["--handshake-timeout=2"]) else { return };
    #[rustfmt::skip]
    let cases: [(u16, &[u8], &str); 3] = [
        (5671, b"AMQP\x00\x00\x09\x01",              "AMQP without TLS on a port for TLS"),
        (5671, &[0xff; 4096],                        "TLS with the client failed"),
        (5672, b"\x16\x03\x01\x00\xc8\x01\x00\x00",  "a client speaks TLS on a port without it"),
    ];
    for (port, bytes, expected) in cases {
        let mut socket = dial(stage.address(port));
        socket.write_all(bytes).unwrap();
        // What comes before the end is an alert, or AMQP's own header.
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer);
        assert!(answer.len() < 100, "{expected}: {answer:?}");
        expect_log(&stage, expected);
    }
    let mut silent = dial(stage.address(5671));
    assert_eq!(silent.read(&mut [0; 8]).unwrap(), 0, "whoever says nothing is cut off");
}

#[test]
fn a_flood_of_half_handshakes_is_survived() {
    let Some(stage) = Stage::set(&["--handshake-timeout=2"]) else { return };
    let half: Vec<_> = (0..300)
        .map(|_| {
            let mut socket = dial(stage.address(5671));
            socket.write_all(&[0x16, 3, 1, 0x20, 0, 1, 0, 0x1f, 0xfc, 3, 3]).unwrap();
            socket
        })
        .collect();
    let mut stream = stage.connect(5671, ALL_VERSIONS, None).unwrap();
    assert!(greet(&mut stream).is_ok(), "others are served meanwhile");
    for mut socket in half {
        let mut rest = Vec::new();
        let _ = socket.read_to_end(&mut rest);
    }
    assert!(stage.connect(5671, ALL_VERSIONS, None).is_ok());
}

#[test]
fn management_says_who_speaks_tls_and_speaks_it() {
    let Some(stage) = Stage::set(&[]) else { return };
    let app = stage.certificate(&stage.authority, "app");
    let mut stream = stage.connect(5671, &[&rustls::version::TLS13], Some(&app)).unwrap();
    assert_eq!(log_in(&mut stream, "EXTERNAL", b"").unwrap(), "connection.tune");
    let connections = fetch(&stage, "/api/connections");
    let connection = &connections[0];
    assert_eq!(connection["ssl"], true);
    assert_eq!(connection["ssl_protocol"], "tlsv1.3");
    assert_eq!(connection["peer_cert_subject"], "CN=app,O=Warren");
    assert_eq!(connection["user"], "app");
    let overview = fetch(&stage, "/api/overview");
    let listeners = overview["listeners"].as_array().unwrap();
    for (protocol, port) in [("amqp", 5672), ("amqp/ssl", 5671), ("https", 15671)] {
        let found = listeners.iter().any(|one| one["protocol"] == protocol && one["port"] == port);
        assert!(found, "{protocol}: {listeners:?}");
    }
}

#[test]
fn the_health_checks_know_tls() {
    let Some(stage) = Stage::set(&[]) else { return };
    #[rustfmt::skip]
    let cases = [
        ("alarms",                              "ok"),
        ("virtual-hosts",                       "ok"),
        ("port-listener/5671",                  "ok"),
        ("port-listener/5673",                  "failed"),
        ("protocol-listener/amqps",             "ok"),
        ("protocol-listener/amqp091",           "ok"),
        ("protocol-listener/mqtt",              "failed"),
        ("certificate-expiration/4/weeks",      "ok"),
        // The certificate holds until the year 4096.
        ("certificate-expiration/3000/years",   "failed"),
    ];
    for (check, expected) in cases {
        let answer = fetch(&stage, &format!("/api/health/checks/{check}"));
        assert_eq!(answer["status"], expected, "{check}: {answer}");
    }
}

/// What the management API answers over TLS.
fn fetch(stage: &Stage, path: &str) -> Value {
    let mut stream = stage.connect(15671, ALL_VERSIONS, None).unwrap();
    // `app:a secret`
    let head = "Host: localhost\r\nAuthorization: Basic YXBwOmEgc2VjcmV0\r\nConnection: close";
    write!(stream, "GET {path} HTTP/1.1\r\n{head}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let body = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer}")).1;
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

fn expect_log(stage: &Stage, text: &str) {
    until("the log says so", SOON, || {
        let log = stage.broker.process.output();
        if log.contains(text) { Ok(()) } else { Err(format!("{text}:\n{log}")) }
    });
}
