//! One queue that stands still among others that are read: their space comes back, its messages stay.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use tokio::time::sleep;
use warren_tests::{broker::Broker, patience::SOON};

use crate::{
    MIB,
    client::{self, Publisher, Reader, control},
};

/// Segments of 3 MiB; four of them may be dead.
const FLAGS: [&str; 4] =
    ["--shards=2", "--log-budget=4MiB", "--max-message-size=400KiB", "--page-watermark=64KiB"];
const ROUNDS: usize = 50;

/// Bytes of segments of pages.
fn on_disk(data_dir: &Path) -> u64 {
    let files = fs::read_dir(data_dir.join("pages")).unwrap().flatten();
    files.map(|file| file.metadata().map_or(0, |metadata| metadata.len())).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_queue_does_not_keep_the_pages_of_fast_ones() {
    let mut broker = Broker::start(&FLAGS);
    let (_control, channel) = control(&broker.uri).await;
    let mut publisher = Publisher::connect(&broker.uri).await;
    for queue in ["fast", "faster", "slow"] {
        client::declare(&channel, queue).await;
    }
    for _ in 0..ROUNDS {
        publisher.publish("fast", 50).await;
        publisher.publish("slow", 4).await;
        publisher.publish("faster", 50).await;
        publisher.settle().await;
    }
    let before = on_disk(&broker.data_dir());
    assert!(before > 30 * MIB, "{before} bytes of pages");
    for queue in ["fast", "faster"] {
        let mut reader = Reader::connect(&broker.uri, queue).await;
        reader.read_until_all(&publisher.confirmed(queue)).await;
    }
    let end = Instant::now() + SOON;
    while on_disk(&broker.data_dir()) > 20 * MIB {
        assert!(Instant::now() < end, "{} of {before} bytes stay", on_disk(&broker.data_dir()));
        sleep(Duration::from_millis(20)).await;
    }
    for _ in 0..2 {
        broker.process.signal(Signal::KILL);
        broker.process.wait(SOON);
        broker.start_again();
        let (_control, channel) = control(&broker.uri).await;
        assert_eq!(client::count(&channel, "slow").await, Some(4 * ROUNDS as u32));
    }
    let mut reader = Reader::connect(&broker.uri, "slow").await;
    reader.read_until_all(&publisher.confirmed("slow")).await;
    let output = broker.process.output();
    assert!(!output.contains("ERROR") && !output.contains("WARN"), "{output}");
}
