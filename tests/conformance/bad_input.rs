//! Bad input for every method and argument: what closes, with which code, and which method the broker
//! names; and that everything else goes on.

mod arguments;
mod basics;
mod beyond;
mod connections;
mod exchanges;
mod queues;

use std::collections::BTreeSet;

use broker_protocol::{
    FrameKind, Method, Properties, encode,
    method::{IDS, basic, channel, connection, exchange, queue},
};
use warren_tests::client::Client;

use crate::rig::Rig;

/// A durable queue that is there.
const QUEUE: &str = "bad-input-queue";
/// A queue that is another connection's own.
const LOCKED: &str = "bad-input-locked";
/// A durable direct exchange that is there, with the queue bound to it.
const EXCHANGE: &str = "bad-input-exchange";
/// One that only other exchanges publish to.
const INTERNAL: &str = "bad-input-internal";
/// Neither a queue nor an exchange.
const NOTHING: &str = "bad-input-nothing";

/// How much the broker closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closes {
    Channel,
    Connection,
}

/// What a client does wrong, and the answer.
struct Row {
    /// Methods that are right, each with the name of its answer.
    before: Vec<(Method<'static>, &'static str)>,
    channel: u16,
    method: Method<'static>,
    properties: Properties<'static>,
    closes: Closes,
    code: u16,
    /// Part of the text.
    text: &'static str,
}

/// What the broker said when it closed, and on which method.
#[derive(Debug, PartialEq, Eq)]
struct Closed {
    what: Closes,
    code: u16,
    text: String,
    on: (u16, u16),
}

/// A row about a method on channel 1.
fn row(method: impl Into<Method<'static>>, closes: Closes, code: u16, text: &'static str) -> Row {
    let (method, before, properties) = (method.into(), Vec::new(), Properties::default());
    Row { before, channel: 1, method, properties, closes, code, text }
}

// === impl Row ===

impl Row {
    fn after(mut self, method: impl Into<Method<'static>>, answer: &'static str) -> Self {
        self.before.push((method.into(), answer));
        self
    }

    fn on(mut self, channel: u16) -> Self {
        self.channel = channel;
        self
    }

    fn with(mut self, properties: Properties<'static>) -> Self {
        self.properties = properties;
        self
    }

    /// Does what is wrong and says what came of it.
    fn provoke(self, client: &mut Client) -> (String, Closed) {
        for (method, answer) in self.before {
            client.send(1, method).unwrap();
            if !answer.is_empty() {
                client.wait_for(1, answer).unwrap();
            }
        }
        let said = format!("{:?} {:?}", self.method, self.properties);
        match self.method {
            Method::BasicPublish(publish) => {
                encode::PublishTemplate::new(1, 4096, publish, &self.properties)
                    .write(&mut client.output, b"body");
            }
            method => encode::method(&mut client.output, self.channel, method),
        }
        client.flush().unwrap();
        (said, closed(client))
    }
}

/// Waits until the channel or the connection is closed.
fn closed(client: &mut Client) -> Closed {
    loop {
        while let Some(frame) = client.frame().unwrap() {
            if frame.kind != FrameKind::Method {
                continue;
            }
            let (what, code, text, on) = match Method::decode(frame.payload).unwrap() {
                Method::ChannelClose(it) => {
                    let on = (it.class_id, it.method_id);
                    (Closes::Channel, it.reply_code, it.reply_text.to_owned(), on)
                }
                Method::ConnectionClose(it) => {
                    let on = (it.class_id, it.method_id);
                    (Closes::Connection, it.reply_code, it.reply_text.to_owned(), on)
                }
                _ => continue,
            };
            return Closed { what, code, text, on };
        }
        assert!(client.fill().unwrap() > 0, "the socket was closed without a word");
    }
}

/// Whether a channel answers.
fn goes_on(client: &mut Client, channel: u16) {
    client.send(channel, basic::Qos::default()).unwrap();
    client.wait_for(channel, "basic.qos-ok").expect("it goes on");
}

fn prepare(client: &mut Client, owner: &mut Client) {
    let declare = queue::Declare { queue: QUEUE, durable: true, ..Default::default() };
    let direct = exchange::Declare {
        exchange: EXCHANGE,
        kind: "direct",
        durable: true,
        ..Default::default()
    };
    let internal = exchange::Declare { exchange: INTERNAL, internal: true, ..direct.clone() };
    let bind = queue::Bind { queue: QUEUE, exchange: EXCHANGE, ..Default::default() };
    let steps: [(Method<'_>, &str); 4] = [
        (declare.into(), "queue.declare-ok"),
        (direct.into(), "exchange.declare-ok"),
        (internal.into(), "exchange.declare-ok"),
        (bind.into(), "queue.bind-ok"),
    ];
    for (method, answer) in steps {
        client.send(1, method).unwrap();
        client.wait_for(1, answer).unwrap();
    }
    let locked = queue::Declare { queue: LOCKED, exclusive: true, ..Default::default() };
    owner.send(1, locked).unwrap();
    owner.wait_for(1, "queue.declare-ok").unwrap();
}

fn clean_up(client: &mut Client) {
    client.send(1, queue::Delete { queue: QUEUE, ..Default::default() }).unwrap();
    client.wait_for(1, "queue.delete-ok").unwrap();
    for exchange in [EXCHANGE, INTERNAL] {
        client.send(1, exchange::Delete { exchange, ..Default::default() }).unwrap();
        client.wait_for(1, "exchange.delete-ok").unwrap();
    }
}

/// Holds the broker to the rows, each on a connection of its own with a channel that does nothing wrong.
fn hold(rows: Vec<Row>) {
    let rig = Rig::start();
    let (mut bystander, mut failures) = (rig.client(), Vec::new());
    let mut setup = rig.client();
    prepare(&mut setup, &mut bystander);
    for row in rows {
        let (what, code, text, on) = (row.closes, row.code, row.text, row.method.id());
        let mut client = rig.client();
        client.open_channel(2).unwrap();
        let (said, got) = row.provoke(&mut client);
        if (got.what, got.code, got.on) != (what, code, on) || !got.text.contains(text) {
            failures.push(format!(
                "{said}\n    expected {what:?} {code} {text} {on:?}\n    but      {got:?}"
            ));
        }
        match got.what {
            Closes::Channel => {
                client.send(1, channel::CloseOk {}).unwrap();
                goes_on(&mut client, 2);
                client.open_channel(1).expect("the number may be used again");
                client.close().unwrap();
            }
            Closes::Connection => {
                client.send(0, connection::CloseOk {}).unwrap();
                goes_on(&mut bystander, 1);
            }
        }
    }
    clean_up(&mut setup);
    assert!(failures.is_empty(), "{} wrong:\n  {}", failures.len(), failures.join("\n  "));
}

#[test]
fn for_connections_and_channels() {
    hold(connections::rows());
}

#[test]
fn for_exchanges() {
    hold(exchanges::rows());
}

#[test]
fn for_queues() {
    hold(queues::rows());
}

#[test]
fn for_messages() {
    hold(basics::rows());
}

#[test]
fn for_arguments_of_queues() {
    hold(arguments::rows());
}

#[test]
fn for_what_rabbitmq_lacks() {
    if std::env::var_os("WARREN_CONFORMANCE_URI").is_none() {
        hold(beyond::rows());
    }
}

/// Every method is in a row, or cannot be wrong.
#[test]
fn no_method_is_left_out() {
    let all = [connections::rows(), exchanges::rows(), queues::rows(), basics::rows()];
    let mut covered: BTreeSet<_> = all.iter().flatten().map(|row| row.method.id()).collect();
    covered.extend(connections::never_wrong().iter().map(Method::id));
    let missing: Vec<_> = IDS.iter().filter(|id| !covered.contains(id)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
