//! A disk that is full: publishers wait, everybody else goes on, and nothing confirmed is lost.
//!
//! A real broker on a real file system of a few MiB. Where nobody may mount one the tests say so, and
//! show nothing.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a failing test says what failed")]

mod client;
mod compaction;

use std::{
    ffi::OsString,
    fs,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use tokio::time::{sleep, timeout};
use warren_tests::{
    broker::Broker,
    patience::{A_WHILE, SOON},
    small_disk::SmallDisk,
};

use crate::client::{Publisher, Reader, control};

const MIB: u64 = 1 << 20;
/// Log files of 2 MiB.
const FLAGS: [&str; 3] = ["--shards=2", "--log-budget=8MiB", "--max-message-size=400KiB"];
/// Messages that are in each queue before the disk is full.
const BEFORE: usize = 150;

/// A broker on a disk of so many bytes.
fn start(bytes: u64, watermark: &str) -> Option<Broker> {
    let Some(disk) = SmallDisk::new(bytes) else {
        eprintln!("NOT SHOWN: this machine lets nobody mount a small file system (unshare, tmpfs)");
        return None;
    };
    let flags: Vec<&str> = FLAGS.into_iter().chain([watermark]).collect();
    Some(Broker::start_on(Some(disk), &flags))
}

/// A neighbour takes the last byte: the broker lives on what it has set aside.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_others_fill_stops_publishers_and_nobody_else() {
    let Some(mut broker) = start(48 * MIB, "--disk-watermark=1") else { return };
    let (_control, channel) = control(&broker.uri).await;
    let mut publisher = Publisher::connect(&broker.uri).await;
    for queue in ["kept", "drained", "purged", "doomed"] {
        client::declare(&channel, queue).await;
        publisher.publish(queue, BEFORE).await;
    }
    publisher.settle().await;

    broker.disk.as_ref().unwrap().fill();
    publisher.publish_until_blocked("drained", SOON).await;

    // Whatever makes room goes on, for as long as it takes.
    let mut reader = Reader::connect(&broker.uri, "drained").await;
    reader.read_until_all(&publisher.confirmed("drained")).await;
    assert_eq!(timeout(SOON, client::purge(&channel, "purged")).await.unwrap(), BEFORE as u32);
    assert_eq!(timeout(SOON, client::delete(&channel, "doomed")).await.unwrap(), BEFORE as u32);
    assert!(broker.process.ended().is_none(), "{}", broker.process.output());

    broker.disk.as_ref().unwrap().relieve();
    publisher.until_unblocked(SOON).await;
    publisher.publish("kept", BEFORE).await;
    publisher.settle().await;
    reader.read_until_all(&publisher.confirmed("drained")).await;

    broker.process.signal(Signal::KILL);
    broker.process.wait(SOON);
    broker.start_again();
    let (_control, channel) = control(&broker.uri).await;
    assert_eq!(client::count(&channel, "purged").await, Some(0));
    let mut reader = Reader::connect(&broker.uri, "kept").await;
    reader.read_until_all(&publisher.confirmed("kept")).await;
    assert_eq!(reader.read.len(), 2 * BEFORE);
    let (_control, channel) = control(&broker.uri).await;
    assert_eq!(client::count(&channel, "doomed").await, None);
}

/// Many times what fits on the disk goes through it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fills_by_itself_is_emptied_and_filled_again() {
    for watermark in ["--disk-watermark=1", "--disk-watermark=5MiB"] {
        let Some(mut broker) = start(16 * MIB, watermark) else { return };
        let (_control, channel) = control(&broker.uri).await;
        client::declare(&channel, "queue").await;
        let mut publisher = Publisher::connect(&broker.uri).await;
        for _ in 0..3 {
            publisher.publish_until_blocked("queue", SOON * 2).await;
            sleep(A_WHILE).await;
            let mut reader = Reader::connect(&broker.uri, "queue").await;
            reader.read_until_all(&publisher.confirmed("queue")).await;
            assert!(broker.process.ended().is_none(), "{}", broker.process.output());
            publisher.until_unblocked(SOON).await;
            publisher.settle().await;
            reader.read_until_all(&publisher.confirmed("queue")).await;
            sleep(Duration::from_millis(50)).await;
            publisher.forget("queue");
        }
        publisher.publish_until_blocked("queue", SOON * 2).await;
        broker.process.signal(Signal::KILL);
        broker.process.wait(SOON);
        broker.start_again();
        let mut reader = Reader::connect(&broker.uri, "queue").await;
        reader.read_until_all(&publisher.confirmed("queue")).await;
    }
}

/// The number of the newest log file.
fn newest_log_file(broker: &Broker) -> u64 {
    let log = broker.disk.as_ref().unwrap().from_outside().join("data/log");
    let names = fs::read_dir(log).unwrap().flatten().map(|file| file.file_name());
    let number = |name: OsString| name.to_str()?.strip_suffix(".log")?.parse().ok();
    names.filter_map(number).max().unwrap()
}

/// What waits is recorded again while that makes the log shorter, and not for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_stays_nearly_full_is_not_written_over_and_over() {
    let Some(broker) = start(24 * MIB, "--disk-watermark=9MiB") else { return };
    let (_control, channel) = control(&broker.uri).await;
    client::declare(&channel, "queue").await;
    let mut publisher = Publisher::connect(&broker.uri).await;
    // In the end more than one log file, and little enough to be recorded again in what is set aside.
    publisher.publish("queue", 800).await;
    publisher.settle().await;
    let all = publisher.confirmed("queue");
    let first = all.iter().copied().take(450).collect();
    Reader::connect(&broker.uri, "queue").await.read_until_all(&first).await;
    broker.disk.as_ref().unwrap().fill();

    let end = Instant::now() + SOON;
    let mut before = newest_log_file(&broker);
    loop {
        sleep(Duration::from_secs(1)).await;
        let now = newest_log_file(&broker);
        if now == before {
            break;
        }
        assert!(
            Instant::now() < end,
            "log file {now} is made, {before} was the newest a second ago"
        );
        before = now;
    }
    assert!(broker.process.output().contains("publishers blocked"), "the disk is not low");
    let mut reader = Reader::connect(&broker.uri, "queue").await;
    reader.read_until_all(&all.difference(&first).copied().collect()).await;
}
