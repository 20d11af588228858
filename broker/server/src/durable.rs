//! What must survive: the log, the snapshot, and how they become the node's state again.
//!
//! ```text
//!  shard ── Journal ──▶┐                    ┌──▶ Durable position ──▶ shards send their confirms
//!  shard ── Journal ──▶┼── Log (one thread) ┤
//!  directory ─ change ▶┘                    └──▶ space low: publishers wait
//!  shard ── Order ────▶ Pager (one thread) ── Report ──▶ shard
//!
//!  start:  snapshot ─▶ Recovered ◀─ log     from then on: housekeeping gives old log files up
//! ```
//!
//! # Invariants
//!
//! - A change of the topology is in the log before anybody can see it, and in line before any
//!   message that depends on it.
//! - Nothing that a transaction brought about is seen before all its parts are in line, so what
//!   follows from it lies behind it.
//! - A message is gone from the log's view only by number, so replaying twice changes nothing.
//! - A log file is given up only when the snapshot, synced, says that it is not needed; so is a page.
//! - A message is in the log or in a page that the log or the snapshot names. It leaves the log only
//!   when its page is synced.

pub(crate) mod access_record;
pub(crate) mod contents;
pub(crate) mod count_record;
pub(crate) mod fields;
pub(crate) mod inventory;
pub(crate) mod journal;
pub(crate) mod key_record;
pub(crate) mod message_record;
pub(crate) mod page_record;
pub(crate) mod pager;
pub(crate) mod recovered_keys;
pub(crate) mod replay;
pub(crate) mod topology_record;
pub(crate) mod transaction_record;
pub(crate) mod undo;
pub(crate) mod whereabouts;

use std::path::Path;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use broker_core::topology::Command;
use broker_storage::Error;
use broker_storage::batch::Batch;
use broker_storage::fs::real::RealFs;
use broker_storage::log::{Log, Observer, Options};
use broker_storage::pages::Pages;
use broker_storage::pages::page::PageRef;
use broker_storage::position::Position;
use broker_storage::record::Record;
use broker_storage::snapshot::Snapshot;
use bytes::{Bytes, BytesMut};
use tokio::sync::watch;

use crate::durable::contents::Contents;
use crate::durable::journal::Journal;
use crate::durable::message_record::{TOPOLOGY, TOPOLOGY_GROUP};
use crate::durable::pager::Pager;
use crate::durable::replay::{Recovered, RecoveredQueue};

/// The node's memory on disk.
#[derive(Debug)]
pub(crate) struct Store {
    log: Arc<Log<RealFs>>,
    snapshot: Snapshot<RealFs>,
    /// Bytes of the last snapshot.
    snapshot_len: AtomicU64,
    pager: Pager,
    progress: watch::Receiver<Progress>,
    /// Publishers wait for room on the disk. Set by the log at once, since little is kept in reserve;
    /// cleared by whoever looks after the disk.
    pub(crate) disk_low: Arc<AtomicBool>,
}

/// Bytes that a segment of pages takes,
const SEGMENT_LEN: u32 = 64 << 20;
/// unless the files of the log are small: so many more than one of them.
const BEYOND_LOG_FILE: u32 = 1 << 20;

/// How the log is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Everything before this place survives a crash.
    pub(crate) durable: Position,
    /// There is no room on the disk for another log file.
    pub(crate) space_low: bool,
}

/// Tells the shards, from the log's thread.
struct Herald {
    news: watch::Sender<Progress>,
    /// See [`Store::disk_low`].
    disk_low: Arc<AtomicBool>,
}

// === impl Store ===

impl Store {
    /// Opens what is in `dir`, made when missing, and finds out what the node remembers. New log files
    /// take `log_file` bytes.
    ///
    /// Damage on the disk is reported in the log and counted; what can be read is served.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::Version`] for data of a newer program; [`Error::Corrupt`] when the
    /// snapshot or the log's identity is damaged, without which nothing can be told apart.
    pub(crate) fn open(dir: &Path, log_file: u32) -> Result<(Self, Recovered), Error> {
        let snapshot = Snapshot::new(RealFs, dir.join("meta"))?;
        let stored = snapshot.load()?;
        let snapshot_len = AtomicU64::new(stored.as_ref().map_or(0, |bytes| bytes.len() as u64));
        let contents = match stored {
            Some(bytes) => Contents::decode(&bytes).ok_or_else(|| Error::Corrupt {
                path: dir.join("meta").join("snapshot"),
                offset: 0,
                reason: "its contents make no sense",
            })?,
            None => Contents::default(),
        };
        let from = contents.log_from;
        let mut recovered = Recovered::from_snapshot(contents);
        let mut records = 0_u64;
        let options = Options { file_len: log_file, ..Options::new(dir.join("log")) };
        let opened = Log::open(RealFs, options, from, |found| {
            records += 1;
            recovered.apply(found.position, &found.record);
        })?;
        for damage in &opened.damage {
            tracing::error!(%damage, "data on disk is damaged; the file is kept aside");
        }
        let undone = recovered.undo_unfinished(from.file());
        let alive = recovered.settle_pages();
        let next = recovered.next_segment;
        let segment_len = log_file.saturating_add(BEYOND_LOG_FILE).min(SEGMENT_LEN);
        let (pages, missing) = Pages::open(RealFs, dir.join("pages"), segment_len, next, alive)?;
        for damage in &missing {
            tracing::error!(%damage, "pages of messages are gone");
        }
        report(&recovered, records, opened.torn_bytes);

        let log = opened.log;
        let first = Progress { durable: log.durable(), space_low: false };
        let (told, progress) = watch::channel(first);
        let disk_low = Arc::new(AtomicBool::new(false));
        log.start(Herald { news: told, disk_low: Arc::clone(&disk_low) })?;
        if !undone.is_empty() {
            tracing::info!(transactions = undone.len(), "uncommitted transactions undone");
            let mut batch = Batch::new();
            transaction_record::push_undone(&mut batch, &undone);
            log.append(batch.seal())?;
        }
        let pager = Pager::start(pages)?;
        let log = Arc::new(log);
        Ok((Self { log, snapshot, snapshot_len, pager, progress, disk_low }, recovered))
    }

    /// A shard's way to the log.
    pub(crate) fn journal(&self) -> Journal {
        Journal::new(Arc::clone(&self.log))
    }

    /// News of the log, for a shard to wait on.
    pub(crate) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// Puts a change of the topology in line; it is durable once the log is past the place returned.
    pub(crate) fn record(&self, command: &Command) -> Position {
        let mut body = BytesMut::new();
        if !topology_record::encode(command, &mut body) {
            return Position::ZERO;
        }
        let mut batch = Batch::new();
        let (kind, group) = (TOPOLOGY, TOPOLOGY_GROUP);
        let record = Record { kind, group, term: 1, index: 0, metadata: &[], body: &body };
        batch.push(&record, &[], &Bytes::new());
        // A log that takes nothing more has failed, and ends the process.
        self.log.append(batch.seal()).unwrap_or(Position::MAX)
    }

    /// Whether what was put in line at `position` survives a crash.
    pub(crate) fn is_durable(&self, position: Position) -> bool {
        position == Position::ZERO || position < self.log.durable()
    }

    /// Waits until what was put in line at `position` survives a crash.
    pub(crate) async fn wait(&self, position: Position) {
        if self.is_durable(position) {
            return;
        }
        let mut progress = self.progress.clone();
        // The sender goes with the log's thread, at the very end.
        let _ = progress.wait_for(|progress| progress.durable > position).await;
    }

    /// Waits until everything in line by now survives a crash.
    pub(crate) async fn flushed(&self) {
        let mut progress = self.progress.clone();
        let tail = self.log.tail();
        if tail.offset() == 0 {
            // Nothing was put in line since the start.
            return;
        }
        // As above. The tail of a log that wrote all it had is its durable position.
        let _ = progress.wait_for(|progress| progress.durable >= tail).await;
    }

    /// Whether there is no room on the disk for another log file.
    pub(crate) fn space_low(&self) -> bool {
        self.progress.borrow().space_low
    }

    /// Where the next record will lie, or later.
    pub(crate) fn tail(&self) -> Position {
        self.log.tail()
    }

    /// Bytes that the log takes on disk.
    pub(crate) fn log_bytes(&self) -> u64 {
        self.log.disk_bytes()
    }

    /// Bytes that one file of the log takes.
    pub(crate) fn log_file_bytes(&self) -> u64 {
        self.log.file_bytes()
    }

    /// Bytes that can be put in line and will find their space on the disk, about.
    pub(crate) fn room(&self) -> u64 {
        self.log.room()
    }

    /// Bytes on disk that the log's next files will take over.
    pub(crate) fn spare_bytes(&self) -> u64 {
        self.log.spare_bytes()
    }

    /// The oldest log file.
    pub(crate) fn oldest_file(&self) -> Option<u32> {
        self.log.oldest_file()
    }

    /// The way to the pages.
    pub(crate) fn pager(&self) -> &Pager {
        &self.pager
    }

    /// Bytes of the last snapshot.
    pub(crate) fn snapshot_bytes(&self) -> u64 {
        self.snapshot_len.load(Ordering::Relaxed)
    }

    /// Writes the snapshot, then gives up the log files that it says are not needed, and the pages in
    /// `done`, which it does not name. Blocks on the disk: not for a shard.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; the old snapshot then still counts and everything that it needs is still there.
    pub(crate) fn checkpoint(&self, contents: &Contents, done: &[PageRef]) -> Result<(), Error> {
        let bytes = contents.encode();
        match self.snapshot.store(&bytes) {
            // On a full disk it takes the place of a file that the log kept in reserve, and that the
            // ones it gives up make good.
            Err(error) if error.is_no_space() && self.log.give_up_spare()? => {
                self.snapshot.store(&bytes)?;
            }
            stored => stored?,
        }
        self.snapshot_len.store(bytes.len() as u64, Ordering::Relaxed);
        done.iter().for_each(|page| self.pager.free_dead(*page));
        // The new snapshot counts: what cannot be removed now is removed another time.
        for removed in [self.log.release(contents.log_from), self.pager.pages().remove_dead()] {
            if let Err(error) = removed {
                tracing::warn!(%error, "a file that is not needed any more is still there");
            }
        }
        Ok(())
    }

    /// Writes what is in line and ends the log's thread.
    pub(crate) fn close(&self) {
        self.log.close();
    }
}

fn report(recovered: &Recovered, records: u64, torn: u64) {
    let queues = recovered.queues.len();
    let messages: u64 = recovered.queues.values().map(RecoveredQueue::len).sum();
    if recovered.unknown > 0 {
        let unknown = recovered.unknown;
        tracing::error!(unknown, "records in the log that this version does not know were skipped");
    }
    if torn > 0 {
        tracing::info!(
            torn,
            "the last write before the stop was not finished, nobody was told it was"
        );
    }
    tracing::info!(queues, messages, records, "state recovered from disk");
}

// === impl Herald ===

impl Observer for Herald {
    fn durable(&mut self, position: Position) {
        self.news.send_modify(|progress| progress.durable = position);
    }

    fn space_low(&mut self, low: bool) {
        if low {
            self.disk_low.store(true, Ordering::Relaxed);
            tracing::warn!("the disk has no room for another log file, publishers wait");
        } else {
            tracing::info!("the disk has room for another log file");
        }
        self.news.send_modify(|progress| progress.space_low = low);
    }

    fn failed(&mut self, error: Error) {
        // Nobody knows what the disk kept: to go on would be to promise what may not be there.
        tracing::error!(%error, "the log failed, the broker stops");
        process::exit(1);
    }
}
