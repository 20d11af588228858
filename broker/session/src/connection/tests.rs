//! Driving a connection as a client and a broker would.

mod boundaries;
mod channels;
mod consuming;
mod faults;
mod fragments;
mod handshake;
mod overdue;
mod publishing;
mod replies;
mod silence;
mod transactions;

use std::sync::Arc;

use broker_core::id::{ConnectionId, ConsumerId, MessageId, QueueId};
use broker_core::message::Message;
use broker_core::time::Timestamp;
use broker_protocol::content;
use broker_protocol::encode;
use broker_protocol::frame::{Frame, FrameKind, PROTOCOL_HEADER};
use broker_protocol::method::{Method, basic, channel, connection};
use broker_protocol::properties::Properties;
use broker_protocol::table::FieldTable;
use bytes::{Buf, BytesMut};

use crate::connection::Connection;
use crate::request::{Answer, Delivery, Publish, Request};
use crate::settings::Settings;

/// The queue that every consumer consumes.
const QUEUE: QueueId = QueueId(77);

/// A connection with a client's hand on one side and a broker's on the other.
struct Driver {
    connection: Connection,
    input: BytesMut,
    requests: Vec<Request>,
    now: Timestamp,
}

// === impl Driver ===

impl Driver {
    /// A connection that has been accepted and not heard from.
    fn fresh(settings: Settings) -> Self {
        let now = Timestamp(1_000_000);
        let connection = Connection::new(ConnectionId(3), Arc::new(settings), now);
        Self { connection, input: BytesMut::new(), requests: Vec::new(), now }
    }

    /// A connection that is open, with channel 1 open.
    fn running() -> Self {
        let mut driver = Self::logged_in(Settings::default(), capabilities());
        driver.send(1, channel::Open {});
        driver.output();
        driver
    }

    fn logged_in(settings: Settings, client_properties: FieldTable) -> Self {
        let mut driver = Self::fresh(settings);
        driver.feed(&PROTOCOL_HEADER);
        driver.send(0, start_ok(client_properties));
        driver.answer(Answer::Done);
        driver.send(0, connection::TuneOk { channel_max: 100, frame_max: 8192, heartbeat: 10 });
        driver.send(0, connection::Open { virtual_host: "/" });
        driver.answer(Answer::Done);
        assert!(driver.connection.is_running());
        driver.output();
        driver.requests.clear();
        driver
    }

    /// Bytes from the client.
    fn feed(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        self.connection.receive(&mut self.input, self.now, &mut self.requests);
        while self.connection.is_paused() {
            self.connection.receive(&mut self.input, self.now, &mut self.requests);
        }
    }

    /// A method from the client.
    fn send<'a>(&mut self, number: u16, method: impl Into<Method<'a>>) {
        let mut frame = BytesMut::new();
        encode::method(&mut frame, number, method);
        self.feed(&frame);
    }

    /// A publish from the client.
    fn publish(&mut self, number: u16, exchange: &str, routing_key: &str, body: &[u8]) {
        let mut frames = BytesMut::new();
        publish(&mut frames, number, exchange, routing_key, &Properties::default(), body);
        self.feed(&frames);
    }

    /// The broker's answer to the request under way.
    fn answer(&mut self, answer: Answer) {
        self.connection.answer(answer, self.now, &mut self.requests);
        self.feed(&[]);
    }

    /// Subscribes on a channel.
    fn consume(&mut self, number: u16, tag: &str, no_ack: bool) -> ConsumerId {
        self.send(
            number,
            basic::Consume { queue: "q", consumer_tag: tag, no_ack, ..Default::default() },
        );
        let Some(Request::Consume { subscription, .. }) = self.requests.pop() else {
            panic!("no request to consume");
        };
        self.answer(Answer::Consuming { queue: QUEUE, timeout: None });
        subscription.consumer
    }

    fn deliver(&mut self, consumer: ConsumerId, id: u64, body: &[u8]) {
        let delivery = Delivery {
            consumer,
            queue: QUEUE,
            id: MessageId(id),
            redelivered: false,
            message: message("e", "k", body),
        };
        self.connection.deliver(delivery, &mut self.requests);
    }

    /// What the client reads, a line a frame.
    fn output(&mut self) -> Vec<String> {
        let output = self.connection.output();
        let mut bytes = vec![0; output.remaining()];
        output.copy_to_slice(&mut bytes);
        let mut rest = &bytes[..];
        let mut lines = Vec::new();
        while let Some(frame) = Frame::first(rest, 0).expect("well formed frames") {
            lines.push(line(&frame));
            rest = &rest[frame.size()..];
        }
        assert!(rest.is_empty(), "half a frame");
        lines
    }

    /// The requests since the last time, a line each.
    fn asked(&mut self) -> Vec<String> {
        self.requests.drain(..).map(|request| asked(&request)).collect()
    }
}

fn start_ok(client_properties: FieldTable) -> connection::StartOk<'static> {
    connection::StartOk {
        client_properties,
        mechanism: "PLAIN",
        response: b"\0guest\0guest",
        locale: "en_US",
    }
}

fn capabilities() -> FieldTable {
    let names = ["consumer_cancel_notify", "connection.blocked", "authentication_failure_close"];
    let capabilities: FieldTable = names.into_iter().map(|name| (name, true)).collect();
    [("capabilities", capabilities)].into_iter().collect()
}

/// Appends the frames of a publish.
fn publish(
    out: &mut BytesMut,
    number: u16,
    exchange: &str,
    routing_key: &str,
    properties: &Properties<'_>,
    body: &[u8],
) {
    let method = basic::Publish { exchange, routing_key, ..Default::default() };
    encode::PublishTemplate::new(number, 8192, method, properties).write(out, body);
}

fn message(exchange: &str, routing_key: &str, body: &[u8]) -> Message {
    let mut header = BytesMut::new();
    content::encode(&mut header, body.len() as u64, &Properties::default());
    Message::assemble(exchange, routing_key, &header, &[body]).expect("short names")
}

fn line(frame: &Frame<'_>) -> String {
    let channel = frame.channel;
    match frame.kind {
        FrameKind::Method => {
            let method = Method::decode(frame.payload).expect("a method");
            match method {
                Method::ConnectionClose(close) => {
                    let (class, method) = (close.class_id, close.method_id);
                    format!(
                        "connection.close {} {} on {class}.{method}",
                        close.reply_code, close.reply_text
                    )
                }
                Method::ChannelClose(close) => {
                    let (class, method) = (close.class_id, close.method_id);
                    let (code, text) = (close.reply_code, close.reply_text);
                    format!("{channel}: channel.close {code} {text} on {class}.{method}")
                }
                Method::BasicAck(ack) => {
                    let upto = if ack.multiple { "up to " } else { "" };
                    format!("{channel}: basic.ack {upto}{}", ack.delivery_tag)
                }
                Method::BasicDeliver(deliver) => {
                    let tag = deliver.delivery_tag;
                    format!("{channel}: basic.deliver {} {tag}", deliver.consumer_tag)
                }
                method => format!("{channel}: {}", method.name()),
            }
        }
        FrameKind::Header => format!("{channel}: header"),
        FrameKind::Body => format!("{channel}: body of {}", frame.payload.len()),
        FrameKind::Heartbeat => "heartbeat".to_owned(),
    }
}

fn asked(request: &Request) -> String {
    match request {
        Request::Publish(publish) => {
            let (id, message) = (publish.id, &publish.message);
            format!(
                "publish {}.{} to '{}' key '{}' body of {}",
                id.channel,
                id.seq,
                message.exchange(),
                message.routing_key(),
                message.body_len()
            )
        }
        Request::Settle { outcome, ids, .. } => {
            let ids: Vec<u64> = ids.iter().map(|id| id.0).collect();
            format!("{outcome:?} {ids:?}").to_lowercase()
        }
        Request::Check(publish) => format!("check key '{}'", publish.message.routing_key()),
        Request::Commit(commit) => {
            let key = |publish: &Publish| publish.message.routing_key().to_owned();
            let keys: Vec<_> = commit.publishes.iter().map(key).collect();
            let settled = commit.settlements.iter().map(|(_, outcome, ids)| {
                let ids: Vec<u64> = ids.iter().map(|id| id.0).collect();
                format!(" {outcome:?} {ids:?}").to_lowercase()
            });
            format!("commit {keys:?}{}", settled.collect::<String>())
        }
        Request::Cancel { .. } => "cancel".to_owned(),
        Request::Unsubscribe { .. } => "unsubscribe".to_owned(),
        Request::Grant { deliveries, .. } => format!("grant {deliveries}"),
        Request::SetPrefetch { prefetch, .. } => format!("prefetch {prefetch}"),
        Request::Get { queue, .. } => format!("get '{queue}'"),
        Request::DeclareQueue(declare) => format!("declare queue '{}'", declare.name),
        Request::PurgeQueue { name } => format!("purge '{name}'"),
        Request::ForgoReplies { address } => format!("forgo '{address}'"),
        Request::Closed => "closed".to_owned(),
        other => format!("{other:?}"),
    }
}
