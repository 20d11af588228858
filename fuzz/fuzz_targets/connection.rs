//! A whole connection fed with any bytes, in any packets, by a broker that grants everything.
//!
//! The input is a sequence of steps: an octet that says what happens, and what it takes. Some are
//! raw bytes from the client, some well-formed methods and publishes (so that deep states are
//! reached), some are things the broker does: deliver, confirm, cancel, let time pass.
//!
//! Beyond not panicking, the connection's promises are checked: a message that was delivered and
//! needs an acknowledgement is settled exactly once, `Closed` comes once, output is whole frames.

#![no_main]

use std::collections::BTreeSet;
use std::sync::Arc;

use broker_core::id::{ConnectionId, ConsumerId, MessageId, QueueId};
use broker_core::message::Message;
use broker_core::refusal::Refusal;
use broker_core::time::Timestamp;
use broker_protocol::encode;
use broker_protocol::frame::{Frame, PROTOCOL_HEADER};
use broker_protocol::method::{IDS, basic, channel, confirm, connection, queue};
use broker_protocol::properties::Properties;
use broker_protocol::reply::ReplyCode;
use broker_session::{Answer, Connection, Delivery, PublishId, Request, Settings};
use bytes::{Buf, BytesMut};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut broker = Broker::new();
    let mut steps = Steps(input);
    while let Some(step) = steps.octet() {
        broker.step(step, &mut steps);
        if broker.connection.is_closed() {
            break;
        }
    }
    broker.finish();
});

/// What is left of the input.
struct Steps<'a>(&'a [u8]);

/// A broker of one connection, and what it knows about its messages.
struct Broker {
    connection: Connection,
    input: BytesMut,
    now: Timestamp,
    answer: Option<Answer>,
    consumers: Vec<(ConsumerId, bool)>,
    published: Vec<PublishId>,
    next_message: u64,
    /// Delivered, need an acknowledgement, not settled.
    held: BTreeSet<u64>,
    closed: bool,
}

// === impl Steps ===

impl<'a> Steps<'a> {
    fn octet(&mut self) -> Option<u8> {
        let (octet, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*octet)
    }

    fn small(&mut self) -> u64 {
        self.octet().unwrap_or(0).into()
    }

    fn flag(&mut self) -> bool {
        self.small() % 2 == 1
    }

    fn bytes(&mut self) -> &'a [u8] {
        let count = self.small() as usize;
        let (bytes, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        bytes
    }
}

// === impl Broker ===

impl Broker {
    fn new() -> Self {
        let settings = Settings { max_body: 20_000, window: 8, ..Settings::default() };
        let now = Timestamp(1_000);
        Self {
            connection: Connection::new(ConnectionId(1), Arc::new(settings), now),
            input: BytesMut::new(),
            now,
            answer: None,
            consumers: Vec::new(),
            published: Vec::new(),
            next_message: 0,
            held: BTreeSet::new(),
            closed: false,
        }
    }

    fn step(&mut self, step: u8, steps: &mut Steps<'_>) {
        let number = u16::from(step >> 5);
        let mut out = BytesMut::new();
        match step & 31 {
            0 => out.extend_from_slice(steps.bytes()),
            1 => self.handshake(&mut out),
            3 => publish(&mut out, number, steps.bytes(), steps.small()),
            6 => self.deliver(steps.small()),
            14 => self.confirm(steps.small()),
            15 => self.cancelled(steps.small()),
            16 => self.pass(steps.small()),
            17 => self.answered(),
            20 => self.written(),
            22 => self.refuse(steps.small()),
            23 => self.shutdown(),
            // A method that exists, with any arguments.
            24..28 => {
                let (class, method) = IDS[steps.small() as usize % IDS.len()];
                let arguments = steps.bytes();
                let parts = [&class.to_be_bytes()[..], &method.to_be_bytes(), arguments];
                frame(&mut out, 1, number, &parts);
            }
            // A frame of any payload.
            28.. => frame(&mut out, 1 + (step & 1), number, &[steps.bytes()]),
            step => method(&mut out, step, number, steps),
        }
        self.input.extend_from_slice(&out);
        self.receive();
    }

    /// Leads through the handshake at once.
    fn handshake(&mut self, out: &mut BytesMut) {
        out.extend_from_slice(&PROTOCOL_HEADER);
        encode::method(
            out,
            0,
            connection::StartOk {
                mechanism: "PLAIN",
                response: b"\0guest\0guest",
                locale: "en_US",
                ..Default::default()
            },
        );
        encode::method(
            out,
            0,
            connection::TuneOk { channel_max: 7, frame_max: 4096, heartbeat: 2 },
        );
        encode::method(out, 0, connection::Open { virtual_host: "/" });
        self.input.extend_from_slice(out);
        out.clear();
        self.receive();
        self.answered();
        self.answered();
    }

    fn receive(&mut self) {
        loop {
            let mut requests = Vec::new();
            self.connection.receive(&mut self.input, self.now, &mut requests);
            self.take(requests);
            if !self.connection.is_paused() {
                return;
            }
        }
    }

    fn take(&mut self, requests: Vec<Request>) {
        for request in requests {
            assert!(!self.closed, "a request after the last");
            match request {
                Request::Publish(publish) => {
                    if publish.confirm {
                        self.published.push(publish.id);
                    }
                }
                Request::Settle { ids, .. } => self.settled(ids),
                Request::Commit(commit) => {
                    for (_, _, ids) in commit.settlements {
                        self.settled(ids);
                    }
                    self.ask(Answer::Done);
                }
                Request::AwaitReplies { .. } => {
                    self.ask(Answer::AwaitingReplies { address: "amq.rabbitmq.reply-to.x".into() });
                }
                Request::Consume { subscription, .. } => {
                    self.consumers.push((subscription.consumer, subscription.no_ack));
                    self.ask(Answer::Consuming { queue: QueueId(1) });
                }
                Request::Get { no_ack, .. } => {
                    let (id, message) = (self.message(no_ack), message(b"got"));
                    let (queue, redelivered) = (QueueId(1), true);
                    self.ask(Answer::Got { queue, id, redelivered, message, remaining: 0 });
                }
                Request::DeclareQueue(_) => {
                    self.ask(Answer::Queue { name: "q".into(), messages: 1, consumers: 0 });
                }
                Request::PurgeQueue { .. } | Request::DeleteQueue { .. } => {
                    self.ask(Answer::Removed { messages: 1 });
                }
                Request::Unsubscribe { .. }
                | Request::Grant { .. }
                | Request::Check(_)
                | Request::ForgoReplies { .. }
                | Request::SetPrefetch { .. } => {}
                Request::Closed => self.closed = true,
                _ => self.ask(Answer::Done),
            }
        }
    }

    fn settled(&mut self, ids: Vec<MessageId>) {
        for id in ids {
            let no_ack = id.0 % 2 == 1;
            assert!(no_ack || self.held.remove(&id.0), "{id:?} settled and not held");
        }
    }

    fn ask(&mut self, answer: Answer) {
        assert!(self.answer.replace(answer).is_none(), "two questions at once");
    }

    fn answered(&mut self) {
        let Some(answer) = self.answer.take() else { return };
        let mut requests = Vec::new();
        // What an answer brings after the end may still come back.
        let closed = std::mem::take(&mut self.closed);
        self.connection.answer(answer, self.now, &mut requests);
        self.take(requests);
        self.closed |= closed;
        self.receive();
    }

    /// The next message: even numbers need an acknowledgement.
    fn message(&mut self, no_ack: bool) -> MessageId {
        self.next_message += 2;
        let id = self.next_message + u64::from(no_ack);
        if !no_ack {
            self.held.insert(id);
        }
        MessageId(id)
    }

    fn deliver(&mut self, choice: u64) {
        let count = self.consumers.len().max(1) as u64;
        let Some((consumer, no_ack)) = self.consumers.get((choice % count) as usize).copied()
        else {
            return;
        };
        let id = self.message(no_ack);
        let body = vec![7; choice as usize * 40];
        let (queue, redelivered, message) = (QueueId(1), false, message(&body));
        let mut requests = Vec::new();
        let delivery = Delivery { consumer, queue, id, redelivered, message };
        let closed = std::mem::take(&mut self.closed);
        self.connection.deliver(delivery, &mut requests);
        self.take(requests);
        self.closed |= closed;
    }

    fn confirm(&mut self, choice: u64) {
        if let Some(id) = self.published.pop() {
            if choice % 7 == 0 {
                self.connection.returned(id, &message(b"returned"));
            }
            self.connection.routed(id, (choice % 3) as u32);
            self.connection.settled(id, choice % 5 > 0);
            self.connection.settled(id, true);
        }
    }

    /// A publish turns out not to be permitted; one in four such closes the connection.
    fn refuse(&mut self, choice: u64) {
        let Some(id) = self.published.pop() else { return };
        let code = if choice % 4 == 0 { ReplyCode::NotImplemented } else { ReplyCode::NotFound };
        let open = self.connection.is_open(id);
        let mut requests = Vec::new();
        self.connection.refuse(id, Refusal::new(code, "refused"), &mut requests);
        assert!(open || requests.is_empty(), "a closed channel closed again");
        self.take(requests);
    }

    fn shutdown(&mut self) {
        let mut requests = Vec::new();
        self.connection.close(ReplyCode::ConnectionForced, "shutdown", &mut requests);
        self.connection.blocked(Some("too late"));
        self.take(requests);
    }

    fn cancelled(&mut self, choice: u64) {
        if let Some((consumer, _)) = self.consumers.get(choice as usize) {
            let mut requests = Vec::new();
            self.connection.cancelled(*consumer, &mut requests);
            self.take(requests);
        }
    }

    fn pass(&mut self, tenths: u64) {
        self.now = self.now.after(tenths * 100);
        let mut requests = Vec::new();
        self.connection.handle_timeout(self.now, &mut requests);
        self.take(requests);
    }

    /// The socket takes everything; it must be whole frames.
    fn written(&mut self) {
        let output = self.connection.output();
        let mut bytes = vec![0; output.remaining()];
        output.copy_to_slice(&mut bytes);
        let mut rest = bytes.strip_prefix(&PROTOCOL_HEADER).unwrap_or(&bytes);
        while let Some(frame) = Frame::first(rest, 0).expect("well formed output") {
            rest = &rest[frame.size()..];
        }
        assert!(rest.is_empty(), "half a frame");
        let mut requests = Vec::new();
        self.connection.replenish(&mut requests);
        self.take(requests);
    }

    /// The socket goes: everything comes back.
    fn finish(mut self) {
        let mut requests = Vec::new();
        self.connection.disconnected(&mut requests);
        self.take(requests);
        self.answered();
        self.written();
        assert!(self.closed, "the end was not said");
        assert!(self.held.is_empty(), "never settled: {:?}", self.held);
    }
}

/// A method as a client means it.
fn method(out: &mut BytesMut, step: u8, number: u16, steps: &mut Steps<'_>) {
    let queue = "q";
    match step {
        2 => encode::method(out, number, channel::Open {}),
        4 => encode::method(out, number, confirm::Select { no_wait: false }),
        5 => {
            let no_ack = steps.flag();
            encode::method(out, number, basic::Consume { queue, no_ack, ..Default::default() });
        }
        7 => {
            let (delivery_tag, multiple) = (steps.small(), steps.flag());
            encode::method(out, number, basic::Ack { delivery_tag, multiple });
        }
        8 => {
            let (delivery_tag, multiple, requeue) = (steps.small(), steps.flag(), steps.flag());
            encode::method(out, number, basic::Nack { delivery_tag, multiple, requeue });
        }
        9 => {
            let (prefetch_count, global) = (steps.small() as u16, steps.flag());
            encode::method(out, number, basic::Qos { prefetch_size: 0, prefetch_count, global });
        }
        10 => encode::method(out, number, basic::Get { queue, no_ack: steps.flag() }),
        11 => encode::method(out, number, queue::Declare { queue, ..Default::default() }),
        12 => encode::method(out, number, channel::Close::default()),
        13 => encode::method(out, number, channel::CloseOk {}),
        18 => encode::method(out, number, basic::Recover { requeue: true }),
        19 => encode::method(out, 0, connection::Close::default()),
        _ => {
            let (consumer_tag, no_wait) = ("amq.ctag-100000001", false);
            encode::method(out, number, basic::Cancel { consumer_tag, no_wait });
        }
    }
}

fn frame(out: &mut BytesMut, kind: u8, number: u16, payload: &[&[u8]]) {
    let payload = payload.concat();
    out.extend_from_slice(&[kind, 0, number as u8]);
    out.extend_from_slice(&(payload.len() as u32).to_be_bytes());
    out.extend_from_slice(&payload);
    out.extend_from_slice(&[0xCE]);
}

fn publish(out: &mut BytesMut, number: u16, body: &[u8], times: u64) {
    let properties = Properties { delivery_mode: Some(2), ..Properties::default() };
    let method = basic::Publish { exchange: "e", routing_key: "k", ..Default::default() };
    encode::PublishTemplate::new(number, 4096, method, &properties)
        .write(out, &body.repeat(times as usize));
}

fn message(body: &[u8]) -> Message {
    let mut header = BytesMut::new();
    broker_protocol::content::encode(&mut header, body.len() as u64, &Properties::default());
    Message::assemble("e", "k", &header, &[body]).expect("short names")
}
