//! Time: heartbeats both ways, and clients that take too long.

use broker_protocol::frame::PROTOCOL_HEADER;
use broker_protocol::method::basic;
use broker_protocol::reply::ReplyCode;

use super::Driver;
use crate::settings::Settings;

impl Driver {
    /// Lets time pass, acting on each timeout, and returns the seconds at which the client read or the end came.
    fn pass(&mut self, secs: u64) -> Vec<(u64, String)> {
        let start = self.now;
        let mut events = Vec::new();
        while let Some(next) = self.connection.next_timeout() {
            if next > start.after(secs * 1000) {
                break;
            }
            self.now = next;
            self.connection.handle_timeout(next, &mut self.requests);
            let at = next.since(start) / 1000;
            events.extend(self.output().into_iter().map(|line| (at, line)));
            events.extend(self.asked().into_iter().map(|line| (at, line)));
        }
        events
    }
}

#[test]
fn a_client_that_says_nothing_is_cut_off() {
    for bytes in [&b""[..], b"AMQ", &PROTOCOL_HEADER] {
        let mut driver = Driver::fresh(Settings::default());
        driver.feed(bytes);
        driver.output();
        assert_eq!(driver.pass(60), [(10, "closed".to_owned())], "after {bytes:?}");
    }
}

#[test]
fn heartbeats_are_sent_in_silence_and_expected() {
    let mut driver = Driver::running();
    let beat = |at| (at, "heartbeat".to_owned());
    let expected = [beat(10), beat(15), (20, "closed".to_owned())];
    assert_eq!(driver.pass(60), expected, "agreed on 10 seconds, and spoke at 0");
}

#[test]
fn a_heartbeat_keeps_the_connection() {
    let mut driver = Driver::running();
    for _ in 0..10 {
        driver.now = driver.now.after(15_000);
        driver.feed(b"\x08\0\0\0\0\0\0\xCE");
        driver.connection.handle_timeout(driver.now, &mut driver.requests);
        assert!(driver.connection.is_running());
    }
}

#[test]
fn nobody_needs_a_heartbeat_while_there_is_traffic() {
    let mut driver = Driver::running();
    driver.pass(5);
    driver.send(1, basic::Qos::default());
    assert_eq!(driver.output(), ["1: basic.qos-ok"]);
    assert_eq!(driver.pass(5), [], "something was said in that time");
}

#[test]
fn a_client_that_does_not_agree_to_close_is_cut_off() {
    let mut driver = Driver::running();
    driver.connection.close(ReplyCode::ConnectionForced, "shutdown", &mut driver.requests);
    assert_eq!(driver.output(), ["connection.close 320 CONNECTION_FORCED - shutdown on 0.0"]);
    assert_eq!(driver.pass(60), [(5, "closed".to_owned())]);
}
