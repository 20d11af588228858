//! What the disk gives: batches of 1 KiB records through the log, each waited for until it is durable.
//!
//! `cargo bench -p broker-storage` uses a directory below `target`; set `WARREN_BENCH_DIR` to
//! measure another disk.

use std::{
    env,
    hint::black_box,
    path::PathBuf,
    sync::mpsc::{self, Sender},
};

use broker_storage::{
    Error,
    batch::Batch,
    fs::real::RealFs,
    log::{Log, Observer, Options},
    position::Position,
    record::Record,
};
use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

struct Tell(Sender<Position>);

impl Observer for Tell {
    fn durable(&mut self, position: Position) {
        // The bench has ended when nobody listens any more.
        let _ = self.0.send(position);
    }
    fn space_low(&mut self, _: bool) {}
    fn failed(&mut self, error: Error) {
        panic!("{error}");
    }
}

fn batch(records: u64, body: &Bytes) -> Batch {
    let mut batch = Batch::new();
    for index in 0..records {
        let record = Record {
            kind: 1,
            group: 1,
            term: 1,
            index,
            metadata: b"orders\0order.paid",
            body: b"",
        };
        batch.push(&record, &[], body);
    }
    batch
}

fn synced(c: &mut Criterion) {
    let parent =
        env::var_os("WARREN_BENCH_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    let dir = tempfile::tempdir_in(parent).expect("a directory to write to");
    let log = Log::open(RealFs, Options::new(dir.path()), Position::ZERO, |_| {})
        .expect("an empty log")
        .log;
    let (tell, told) = mpsc::channel();
    log.start(Tell(tell)).expect("a thread");
    let body = Bytes::from(vec![7; 1024]);

    let mut group = c.benchmark_group("append_and_sync");
    for records in [1, 16, 100, 256, 1000] {
        group.throughput(Throughput::Elements(records));
        group.bench_with_input(BenchmarkId::from_parameter(records), &records, |b, &records| {
            b.iter(|| {
                let at = log.append(batch(records, &body).seal()).expect("space");
                while told.recv().expect("the log runs") <= at {}
                log.release(at).expect("files are recycled");
            });
        });
    }
    group.finish();
}

fn sealing(c: &mut Criterion) {
    let body = Bytes::from(vec![7; 1024]);
    let mut group = c.benchmark_group("seal");
    group.throughput(Throughput::Elements(256));
    group.bench_function("256 x 1 KiB", |b| b.iter(|| black_box(batch(256, &body).seal())));
    group.finish();
}

criterion_group!(benches, synced, sealing);
criterion_main!(benches);
