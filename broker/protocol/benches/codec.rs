//! What one small message costs the codec: a publish parsed, a delivery written, and a client's side of both.

use std::hint::black_box;

use broker_protocol::content::ContentHeader;
use broker_protocol::encode::{self, Deliver, PublishTemplate};
use broker_protocol::frame::Frame;
use broker_protocol::method::{Method, basic};
use broker_protocol::properties::Properties;
use bytes::BytesMut;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Messages a round, as many as come in one read.
const MESSAGES: u64 = 1_000;
const BODY: [u8; 16] = [7; 16];
const FRAME_MAX: u32 = 131_072;

fn publish() -> PublishTemplate {
    let publish = basic::Publish {
        exchange: "orders",
        routing_key: "order.paid.eu",
        mandatory: false,
        immediate: false,
    };
    let properties = Properties { delivery_mode: Some(1), ..Properties::default() };
    PublishTemplate::new(1, FRAME_MAX, publish, &properties)
}

fn published() -> BytesMut {
    let (template, mut out) = (publish(), BytesMut::new());
    for _ in 0..MESSAGES {
        template.write(&mut out, &BODY);
    }
    out
}

fn delivery(header: &[u8]) -> Deliver<'_> {
    Deliver {
        channel: 1,
        consumer_tag: "amq.ctag-1",
        delivery_tag: 1_000_000,
        redelivered: false,
        names: b"\x06orders\x0dorder.paid.eu",
        header,
    }
}

/// All frames of `input`, methods and headers decoded.
fn parse(mut input: &[u8]) -> usize {
    let mut bodies = 0;
    while let Ok(Some(frame)) = Frame::first(input, FRAME_MAX) {
        match frame.kind as u8 {
            1 => drop(black_box(Method::decode(frame.payload))),
            2 => drop(black_box(ContentHeader::decode(frame.payload))),
            _ => bodies += frame.payload.len(),
        }
        input = &input[frame.size()..];
    }
    bodies
}

fn codec(c: &mut Criterion) {
    let mut group = c.benchmark_group("small messages");
    group.throughput(Throughput::Elements(MESSAGES));
    let input = published();
    group.bench_function("parse publish", |b| b.iter(|| parse(black_box(&input))));

    let mut payload = BytesMut::new();
    let properties = Properties { delivery_mode: Some(1), ..Properties::default() };
    broker_protocol::content::encode(&mut payload, BODY.len() as u64, &properties);
    let mut out = BytesMut::with_capacity(1 << 20);
    group.bench_function("write deliver", |b| {
        b.iter(|| {
            out.clear();
            for tag in 0..MESSAGES {
                let delivery = Deliver { delivery_tag: tag, ..delivery(black_box(&payload)) };
                delivery.write(&mut out);
                encode::body(&mut out, 1, black_box(&BODY), FRAME_MAX);
            }
            out.len()
        });
    });

    let template = publish();
    group.bench_function("write publish", |b| {
        b.iter(|| {
            out.clear();
            (0..MESSAGES).for_each(|_| template.write(&mut out, black_box(&BODY)));
            out.len()
        });
    });

    let mut delivered = BytesMut::new();
    for _ in 0..MESSAGES {
        delivery(&payload).write(&mut delivered);
        encode::body(&mut delivered, 1, &BODY, FRAME_MAX);
    }
    group.bench_function("parse deliver", |b| {
        b.iter(|| parse(black_box(&delivered)));
    });
    group.finish();
}

criterion_group!(benches, codec);
criterion_main!(benches);
