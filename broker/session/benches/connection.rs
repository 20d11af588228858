//! What one small message costs a connection: a publish taken, a delivery sent, an acknowledgement settled.

use std::hint::black_box;
use std::sync::Arc;

use broker_core::id::{ConnectionId, ConsumerId, MessageId, QueueId};
use broker_core::message::Message;
use broker_core::time::Timestamp;
use broker_protocol::content;
use broker_protocol::encode::{self, PublishTemplate};
use broker_protocol::frame::PROTOCOL_HEADER;
use broker_protocol::method::{basic, channel, confirm, connection};
use broker_protocol::properties::Properties;
use broker_session::{Answer, Connection, Delivery, Request, Settings};
use bytes::{Buf, BytesMut};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

/// Messages a round, as many as come in one read.
const MESSAGES: u64 = 1_000;
const BODY: [u8; 16] = [7; 16];
const FRAME_MAX: u32 = 131_072;
const NOW: Timestamp = Timestamp(1);

/// An open connection with channel 1.
fn running(requests: &mut Vec<Request>) -> Connection {
    let mut connection = Connection::new(ConnectionId(1), Arc::new(Settings::default()), NOW);
    let mut input = BytesMut::from(&PROTOCOL_HEADER[..]);
    encode::method(
        &mut input,
        0,
        connection::StartOk {
            mechanism: "PLAIN",
            response: b"\0guest\0guest",
            locale: "en_US",
            ..Default::default()
        },
    );
    encode::method(&mut input, 0, connection::TuneOk::default());
    encode::method(&mut input, 0, connection::Open { virtual_host: "/" });
    encode::method(&mut input, 1, channel::Open {});
    for _ in 0..2 {
        connection.receive(&mut input, NOW, requests);
        connection.answer(Answer::Done, NOW, requests);
    }
    connection.receive(&mut input, NOW, requests);
    requests.clear();
    connection
}

fn consumer(connection: &mut Connection, no_ack: bool) -> ConsumerId {
    let mut input = BytesMut::new();
    encode::method(&mut input, 1, basic::Consume { queue: "q", no_ack, ..Default::default() });
    let mut requests = Vec::new();
    connection.receive(&mut input, NOW, &mut requests);
    connection.answer(Answer::Consuming { queue: QueueId(1), timeout: None }, NOW, &mut requests);
    match requests.pop() {
        Some(Request::Consume { subscription, .. }) => subscription.consumer,
        other => panic!("{other:?}"),
    }
}

fn message() -> Message {
    let mut header = BytesMut::new();
    content::encode(&mut header, BODY.len() as u64, &Properties::default());
    Message::assemble("orders", "order.paid.eu", &header, &[&BODY]).expect("short names")
}

fn deliver(
    connection: &mut Connection,
    consumer: ConsumerId,
    message: &Message,
    requests: &mut Vec<Request>,
) {
    for id in 0..MESSAGES {
        let (queue, id, message) = (QueueId(1), MessageId(id), message.clone());
        let delivery = Delivery { consumer, queue, id, redelivered: false, message };
        connection.deliver(delivery, requests);
    }
    let output = connection.output();
    let count = output.remaining();
    output.advance(black_box(count));
    connection.replenish(requests);
}

fn publishing(c: &mut Criterion) {
    let mut group = c.benchmark_group("connection");
    group.throughput(Throughput::Elements(MESSAGES));
    let (mut requests, mut input) = (Vec::new(), BytesMut::new());
    let mut connection = running(&mut requests);
    let method =
        basic::Publish { exchange: "orders", routing_key: "order.paid.eu", ..Default::default() };
    let template = PublishTemplate::new(1, FRAME_MAX, method, &Properties::default());
    (0..MESSAGES).for_each(|_| template.write(&mut input, &BODY));
    group.bench_function("publish", |b| {
        b.iter_batched_ref(
            || BytesMut::from(&input[..]),
            |input| {
                connection.receive(input, NOW, &mut requests);
                requests.clear();
            },
            BatchSize::SmallInput,
        );
    });

    let mut select = BytesMut::new();
    encode::method(&mut select, 1, confirm::Select { no_wait: true });
    connection.receive(&mut select, NOW, &mut requests);
    group.bench_function("publish and confirm", |b| {
        b.iter_batched_ref(
            || BytesMut::from(&input[..]),
            |input| {
                connection.receive(input, NOW, &mut requests);
                for request in requests.drain(..) {
                    let Request::Publish(publish) = request else { continue };
                    connection.routed(publish.id, 1);
                    connection.settled(publish.id, true);
                }
                let output = connection.output();
                output.advance(output.remaining());
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn consuming(c: &mut Criterion) {
    let mut group = c.benchmark_group("connection");
    group.throughput(Throughput::Elements(MESSAGES));
    let message = message();
    let mut requests = Vec::new();
    let mut connection = running(&mut requests);
    let no_ack = consumer(&mut connection, true);
    group.bench_function("deliver", |b| {
        b.iter(|| {
            deliver(&mut connection, no_ack, &message, &mut requests);
            requests.clear();
        });
    });

    let mut connection = running(&mut requests);
    let acking = consumer(&mut connection, false);
    let (mut tag, mut input) = (0, BytesMut::new());
    group.bench_function("deliver and ack each", |b| {
        b.iter(|| {
            deliver(&mut connection, acking, &message, &mut requests);
            for _ in 0..MESSAGES {
                tag += 1;
                encode::method(&mut input, 1, basic::Ack { delivery_tag: tag, multiple: false });
            }
            connection.receive(&mut input, NOW, &mut requests);
            requests.clear();
        });
    });
    group.finish();
}

criterion_group!(benches, publishing, consuming);
criterion_main!(benches);
