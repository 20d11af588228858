//! The first words on a connection, byte by byte.

use std::{
    io::{ErrorKind, Read, Write},
    time::Duration,
};

use broker_protocol::{
    FieldTable, Method, Value, encode,
    frame::PROTOCOL_HEADER,
    method::connection::{self, Start},
};
use bytes::BytesMut;
use warren_tests::{client::Client, uri::Uri};

use crate::rig::Rig;

/// Greets, and hands the broker's greeting to `look`.
fn greeting<T>(rig: &Rig, look: impl Fn(&Start<'_>) -> T) -> (Client, T) {
    let mut client = Client::dial(&rig.uri).unwrap();
    client.output.extend_from_slice(&PROTOCOL_HEADER);
    client.flush().unwrap();
    let seen = client.wait(0, |method| match method {
        Method::ConnectionStart(start) => Some(look(start)),
        _ => None,
    });
    (client, seen.unwrap())
}

#[test]
fn the_broker_presents_itself_as_clients_expect() {
    let rig = Rig::start();
    let (_client, (mechanisms, locales, properties)) = greeting(&rig, |start| {
        assert_eq!((start.version_major, start.version_minor), (0, 9));
        (start.mechanisms.to_vec(), start.locales.to_vec(), start.server_properties.clone())
    });
    let mechanisms = String::from_utf8(mechanisms).unwrap();
    assert!(mechanisms.split(' ').any(|one| one == "PLAIN"), "{mechanisms}");
    assert!(mechanisms.split(' ').any(|one| one == "AMQPLAIN"), "{mechanisms}");
    assert_eq!(locales, b"en_US");
    for name in ["product", "version", "platform", "cluster_name"] {
        let text = properties.get(name).and_then(Value::as_str);
        assert!(text.is_some_and(|text| !text.is_empty()), "{name}: {properties:?}");
    }
    let Some(Value::Table(capabilities)) = properties.get("capabilities") else {
        panic!("no capabilities: {properties:?}");
    };
    for name in [
        "publisher_confirms",
        "exchange_exchange_bindings",
        "basic.nack",
        "consumer_cancel_notify",
        "connection.blocked",
        "authentication_failure_close",
        "per_consumer_qos",
        "direct_reply_to",
    ] {
        assert_eq!(capabilities.get(name), Some(&Value::Bool(true)), "{name}");
    }
}

#[test]
fn another_protocol_is_answered_with_ours() {
    let rig = Rig::start();
    for header in [*b"AMQP\x00\x01\x00\x00", *b"AMQP\x03\x01\x00\x00", *b"GET / HT"] {
        let mut client = Client::dial(&rig.uri).unwrap();
        client.stream().write_all(&header).unwrap();
        let mut answer = [0; 8];
        client.stream().read_exact(&mut answer).unwrap();
        assert_eq!(answer, PROTOCOL_HEADER, "{header:?}");
        let rest = client.stream().read(&mut answer);
        assert!(matches!(rest, Ok(0) | Err(_)), "{header:?}: the broker should hang up");
    }
}

#[test]
fn both_ways_to_log_in_work() {
    let rig = Rig::start();
    let mut table = BytesMut::new();
    let login: FieldTable =
        [("LOGIN", rig.uri.user.as_str()), ("PASSWORD", rig.uri.password.as_str())]
            .into_iter()
            .collect();
    login.encode(&mut broker_protocol::wire::Writer::new(&mut table));
    let plain = format!("\0{}\0{}", rig.uri.user, rig.uri.password);
    for (mechanism, response) in [("PLAIN", plain.as_bytes()), ("AMQPLAIN", &table[4..])] {
        let mut client = Client::greet(&rig.uri).unwrap();
        let locale = "en_US";
        let start = connection::StartOk { mechanism, response, locale, ..Default::default() };
        client.send(0, start).unwrap();
        client.wait_for(0, "connection.tune").unwrap_or_else(|e| panic!("{mechanism}: {e:#}"));
    }
}

#[test]
fn a_wrong_password_or_virtual_host_is_refused_with_a_reason() {
    let rig = Rig::start();
    let wrong_host = Uri { vhost: "nowhere".into(), ..rig.uri.clone() };
    let error = format!("{:#}", Client::connect(&wrong_host).unwrap_err());
    assert!(error.contains("530") && error.contains("nowhere"), "{error}");

    let mut client = Client::greet(&rig.uri).unwrap();
    let capabilities: FieldTable =
        [("authentication_failure_close", Value::Bool(true))].into_iter().collect();
    let client_properties =
        [("capabilities", Value::Table(capabilities))].into_iter().collect::<FieldTable>();
    let (mechanism, locale) = ("PLAIN", "en_US");
    let response = b"\0guest\0wrong".as_slice();
    client.send(0, connection::StartOk { client_properties, mechanism, response, locale }).unwrap();
    let error = format!("{:#}", client.wait_for(0, "connection.tune").unwrap_err());
    let expected = "403 ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN.";
    assert!(error.contains(expected), "{error}");
}

#[test]
fn heartbeats_come_as_agreed_and_are_missed() {
    let rig = Rig::start();
    let mut client = Client::greet(&rig.uri).unwrap();
    let plain = format!("\0{}\0{}", rig.uri.user, rig.uri.password);
    let (mechanism, locale, response) = ("PLAIN", "en_US", plain.as_bytes());
    client
        .send(0, connection::StartOk { mechanism, response, locale, ..Default::default() })
        .unwrap();
    client.wait_for(0, "connection.tune").unwrap();
    let tune = connection::TuneOk { channel_max: 10, frame_max: 4096, heartbeat: 1 };
    encode::method(&mut client.output, 0, tune);
    client.send(0, connection::Open { virtual_host: &rig.uri.vhost }).unwrap();
    client.wait_for(0, "connection.open-ok").unwrap();
    let (mut heartbeats, mut closed) = (0, false);
    while !closed {
        closed = client.fill().unwrap_or_default() == 0;
        while let Some(frame) = client.frame().unwrap() {
            heartbeats += u32::from(frame.kind == broker_protocol::FrameKind::Heartbeat);
        }
    }
    assert!(heartbeats >= 1, "the broker shows that it lives, then closes since we do not");
}

/// A client with several threads may write while another reads the answer, and is not to be reset for it.
#[test]
fn a_client_that_asks_for_the_end_closes_its_socket_first() {
    let rig = Rig::start();
    let mut client = rig.client();
    client.send(0, connection::Close::default()).unwrap();
    client.wait_for(0, "connection.close-ok").unwrap();
    for _ in 0..5 {
        client.send(0, connection::Close::default()).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        client.stream().set_nonblocking(true).unwrap();
        let read = client.fill().map_err(|error| error.kind());
        client.stream().set_nonblocking(false).unwrap();
        // Whether it is answered again is the broker's affair.
        assert!(matches!(read, Ok(1..) | Err(ErrorKind::WouldBlock)), "{read:?}");
    }
}
