//! From the protocol header to an open connection, and where it ends on the way.

use broker_core::refusal::Refusal;
use broker_protocol::frame::PROTOCOL_HEADER;
use broker_protocol::method::connection;
use broker_protocol::reply::ReplyCode;
use broker_protocol::table::FieldTable;
use bytes::Buf;

use super::{Driver, capabilities, start_ok};
use crate::connection::Phase;
use crate::request::{Answer, Request};
use crate::settings::Settings;

#[test]
fn a_client_is_led_through_the_handshake() {
    let mut driver = Driver::fresh(Settings::default());
    driver.feed(&PROTOCOL_HEADER);
    assert_eq!(driver.output(), ["0: connection.start"]);
    driver.send(0, start_ok(FieldTable::new()));
    let Some(Request::Authenticate(login)) = driver.requests.pop() else { panic!("no login") };
    assert_eq!((&*login.user, login.password.expose()), ("guest", &b"guest"[..]));
    assert!(driver.connection.is_parked());
    driver.answer(Answer::Done);
    assert_eq!(driver.output(), ["0: connection.tune"]);
    driver.send(0, connection::TuneOk { channel_max: 5, frame_max: 4096, heartbeat: 7 });
    driver.send(0, connection::Open { virtual_host: "shop" });
    assert!(matches!(driver.requests.pop(), Some(Request::OpenVhost(vhost)) if vhost == "shop"));
    driver.answer(Answer::Done);
    assert_eq!(driver.output(), ["0: connection.open-ok"]);
    let connection = &driver.connection;
    let agreed = (connection.channel_max(), connection.frame_max(), connection.heartbeat_secs());
    assert_eq!(agreed, (5, 4096, 7));
}

#[test]
fn protocol_headers_are_told_apart() {
    #[rustfmt::skip]
    let cases: [(&[u8], Phase, &str); 8] = [
        (b"AMQP\0\0\x09\x01",  Phase::StartOk, "0-9-1"),
        (b"AMQP\x01\x01\0\x09", Phase::StartOk, "0-9"),
        (b"AMQP\x01\x01\x08\0", Phase::StartOk, "0-8"),
        (b"AMQP\0\0",          Phase::Header,  "not all there"),
        (b"AMQP\0\x01\0\0",    Phase::Closed,  "1.0"),
        (b"AMQP\x03\x01\0\0",  Phase::Closed,  "1.0 with SASL"),
        (b"GET / HTTP/1.1\r\n", Phase::Closed, "no AMQP at all"),
        (b"G",                 Phase::Closed,  "no AMQP at the first octet"),
    ];
    for (input, phase, because) in cases {
        let mut driver = Driver::fresh(Settings::default());
        driver.feed(input);
        assert_eq!(driver.connection.phase, phase, "{because}");
        if phase == Phase::Closed {
            assert_eq!(driver.connection.output().chunk(), PROTOCOL_HEADER, "{because}");
            assert_eq!(driver.asked(), ["closed"], "{because}");
        }
    }
}

#[test]
fn a_refused_login_is_said_only_to_those_who_understand() {
    let refusal = || Answer::Refused(Refusal::new(ReplyCode::AccessRefused, "bad password"));
    for (client_properties, told) in [(capabilities(), true), (FieldTable::new(), false)] {
        let mut driver = Driver::fresh(Settings::default());
        driver.feed(&PROTOCOL_HEADER);
        driver.output();
        driver.send(0, start_ok(client_properties));
        driver.requests.clear();
        driver.answer(refusal());
        let text = "connection.close 403 ACCESS_REFUSED - Login was refused using authentication \
                    mechanism PLAIN. For details see the broker logfile. on 0.0";
        let expected: &[&str] = if told { &[text] } else { &[] };
        assert_eq!(driver.output(), expected);
        let deadline = driver.connection.next_timeout().expect("a deadline");
        assert!(deadline > driver.now);
        driver.connection.handle_timeout(deadline, &mut driver.requests);
        assert_eq!(driver.asked(), ["closed"]);
    }
}

#[test]
fn what_a_client_may_not_answer() {
    #[rustfmt::skip]
    let cases: [(u16, u32, &str); 3] = [
        (101, 8192, "530 NOT_ALLOWED - negotiated channel_max = 101 is higher than the maximum allowed value (100)"),
        (100, 4095, "530 NOT_ALLOWED - negotiated frame_max = 4095 is lower than the minimum allowed value (4096)"),
        (100, 8193, "530 NOT_ALLOWED - negotiated frame_max = 8193 is higher than the maximum allowed value (8192)"),
    ];
    for (channel_max, frame_max, expected) in cases {
        let settings = Settings { channel_max: 100, frame_max: 8192, ..Settings::default() };
        let mut driver = Driver::fresh(settings);
        driver.feed(&PROTOCOL_HEADER);
        driver.send(0, start_ok(capabilities()));
        driver.answer(Answer::Done);
        driver.output();
        driver.send(0, connection::TuneOk { channel_max, frame_max, heartbeat: 0 });
        assert_eq!(driver.output(), [format!("connection.close {expected} on 10.31")]);
    }
}

#[test]
fn zero_leaves_a_limit_to_the_broker() {
    let mut driver = Driver::fresh(Settings::default());
    driver.feed(&PROTOCOL_HEADER);
    driver.send(0, start_ok(capabilities()));
    driver.answer(Answer::Done);
    driver.send(0, connection::TuneOk::default());
    assert_eq!(driver.connection.phase, Phase::Open);
    assert_eq!((driver.connection.channel_max(), driver.connection.frame_max()), (2047, 131_072));
}

#[test]
fn an_unknown_vhost_closes() {
    let mut driver = Driver::fresh(Settings::default());
    driver.feed(&PROTOCOL_HEADER);
    driver.send(0, start_ok(capabilities()));
    driver.answer(Answer::Done);
    driver.send(0, connection::TuneOk::default());
    driver.output();
    driver.send(0, connection::Open { virtual_host: "x" });
    driver.answer(Answer::Refused(Refusal::new(ReplyCode::NotAllowed, "vhost x not found")));
    assert_eq!(driver.output(), ["connection.close 530 NOT_ALLOWED - vhost x not found on 10.40"]);
    driver.send(0, connection::CloseOk {});
    assert!(driver.connection.is_closed());
}

#[test]
fn a_stranger_may_not_send_large_frames() {
    let mut driver = Driver::fresh(Settings::default());
    driver.feed(&PROTOCOL_HEADER);
    driver.output();
    driver.feed(b"\x01\0\0\0\0\x20\x01");
    let text = "FRAME_ERROR - frame of 8193 bytes is larger than the negotiated 8192";
    assert_eq!(driver.output(), [format!("connection.close 501 {text} on 0.0")]);
}
