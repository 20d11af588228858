//! What one message costs in a queue: publish, deliver, acknowledge.

use std::hint::black_box;
use std::sync::Arc;

use broker_core::queue::{Command, Effect, Queue, Settings, Subscription};
use broker_core::{ConnectionId, ConsumerId, Message, MessageId, Timestamp};
use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const NOW: Timestamp = Timestamp(1_700_000_000_000);

/// A publish of 16 bytes as a connection hands it over: a slice of what it read.
fn message() -> Message {
    let mut buf = vec![0, 1, b'q', 0, 0xce, 2, 0, 1, 0, 0, 0, 14];
    let header = [0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0];
    buf.extend_from_slice(&header);
    buf.extend_from_slice(&[0xce, 3, 0, 1, 0, 0, 0, 16]);
    let body = buf.len();
    buf.extend_from_slice(&[7; 16]);
    let read = Bytes::from(buf);
    Message::from_wire(read.slice(..), 12..26, body).expect("it is laid out as on the wire")
}

fn queue(no_ack: bool) -> Queue {
    let mut queue = Queue::new(Arc::new(Settings::new("/".into(), "q".into())));
    let terms = Subscription {
        consumer: ConsumerId(1),
        connection: ConnectionId(1),
        no_ack,
        exclusive: false,
        prefetch: 0,
        priority: 0,
        window: u32::MAX,
    };
    queue.apply(Command::Subscribe(terms), NOW, &mut Vec::new());
    queue
}

fn cycles(c: &mut Criterion) {
    let mut group = c.benchmark_group("queue");
    group.throughput(Throughput::Elements(1));
    let message = message();

    let mut waiting = queue(false);
    let mut effects: Vec<Effect> = Vec::new();
    let mut id = 0;
    group.bench_function("publish, deliver, ack", |b| {
        b.iter(|| {
            id += 1;
            waiting.apply(Command::Publish(message.clone()), NOW, &mut effects);
            waiting.apply(Command::Ack { ids: vec![MessageId(id)] }, NOW, &mut effects);
            black_box(&effects);
            effects.clear();
        });
    });

    let mut batched = queue(false);
    let mut id = 0;
    group.throughput(Throughput::Elements(64));
    group.bench_function("64 × publish, deliver, one ack", |b| {
        b.iter(|| {
            for _ in 0..64 {
                batched.apply(Command::Publish(message.clone()), NOW, &mut effects);
            }
            let ids = (id + 1..=id + 64).map(MessageId).collect();
            id += 64;
            batched.apply(Command::Ack { ids }, NOW, &mut effects);
            black_box(&effects);
            effects.clear();
        });
    });
    group.throughput(Throughput::Elements(1));

    let mut unacknowledged = queue(true);
    group.bench_function("publish, deliver without ack", |b| {
        b.iter(|| {
            unacknowledged.apply(Command::Publish(message.clone()), NOW, &mut effects);
            black_box(&effects);
            effects.clear();
        });
    });

    let mut backlog = Queue::new(Arc::new(Settings::new("/".into(), "q".into())));
    for _ in 0..10_000 {
        backlog.apply(Command::Publish(message.clone()), NOW, &mut effects);
    }
    group.bench_function("publish and get behind a backlog", |b| {
        b.iter(|| {
            backlog.apply(Command::Publish(message.clone()), NOW, &mut effects);
            backlog.apply(Command::Get { no_ack: true }, NOW, &mut effects);
            black_box(&effects);
            effects.clear();
        });
    });
    group.finish();
}

criterion_group!(benches, cycles);
criterion_main!(benches);
