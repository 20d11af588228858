//! The write-ahead log of a node: append, make durable, read back, recycle.
//!
//! [`Log`] is the handle that every shard shares; [`writer::Writer`] does the writing, in production
//! on a thread of its own ([`Log::start`]), in tests step by step. [`recovery`] finds out, on
//! opening, what the log holds.
//!
//! # Invariants
//!
//! - Batches become durable in the order of [`Log::append`], and [`Log::durable`] never goes back.
//! - A batch lies inside one round and one file: it is whole or absent after a crash.
//! - A round is written only after the one before it was synced.
//! - A failed write or sync, a full disk excepted, is final: nothing is durable after it, since
//!   nobody can know what the disk kept.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::ControlFlow,
    path::PathBuf,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::{
    batch::Sealed,
    error::{Error, Result},
    fs::FileSystem,
    log::{files::Files, writer::Writer},
    position::Position,
    round,
};

pub mod files;
pub mod reader;
pub mod recovery;
pub mod writer;

/// How the log is laid out.
#[derive(Debug, Clone)]
pub struct Options {
    /// The directory that holds the log's files and nothing else.
    pub dir: PathBuf,
    /// Bytes a file takes; a batch must fit in one. 64 MiB unless told otherwise.
    pub file_len: u32,
    /// Bytes from which a round is full and the next one is begun. 4 MiB unless told otherwise.
    pub round_len: usize,
}

/// What the log tells whoever waits for it. Called on the log thread: be quick.
pub trait Observer: Send + 'static {
    /// Everything before `position` will survive a power cut.
    fn durable(&mut self, position: Position);

    /// The disk has no room for another file (`true`), or has again (`false`).
    ///
    /// While it lasts what is appended still fits in the file at hand and in one that was kept in
    /// reserve, or waits.
    fn space_low(&mut self, low: bool);

    /// The log can promise nothing any more; the process should end.
    fn failed(&mut self, error: Error);
}

/// A node's write-ahead log.
#[derive(Debug)]
pub struct Log<F: FileSystem> {
    shared: Arc<Shared<F>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What appenders, readers and the writer have in common.
#[derive(Debug)]
pub(crate) struct Shared<F: FileSystem> {
    pub(crate) options: Options,
    pub(crate) files: Files<F>,
    pub(crate) log_id: u64,
    durable: AtomicU64,
    pending: Mutex<Pending>,
    arrived: Condvar,
}

/// Rounds that are not written yet; the last may still grow.
#[derive(Debug)]
pub(crate) struct Pending {
    rounds: VecDeque<Round>,
    /// Where the next round begins.
    tail: Position,
    closed: bool,
}

/// Batches that one sync will make durable.
#[derive(Debug)]
pub(crate) struct Round {
    pub(crate) at: Position,
    pub(crate) batches: Vec<Sealed>,
    pub(crate) length: usize,
}

// === impl Options ===

impl Options {
    /// The usual layout, below `dir`.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), file_len: 64 << 20, round_len: 4 << 20 }
    }

    /// The most bytes a batch may take, header and padding of its round deducted.
    #[must_use]
    pub fn max_batch(&self) -> usize {
        self.file_len as usize - round::ALIGNMENT
    }
}

// === impl Log ===

impl<F: FileSystem> Log<F> {
    pub(crate) fn new(options: Options, files: Files<F>, log_id: u64, end: Position) -> Self {
        // A new life begins a new file: what a torn write left behind never follows a new round. Nor
        // does it begin before what the caller's snapshot speaks of, were all the files gone.
        let tail = Position::new(files.next_number().max(end.file()), 0);
        let pending = Pending { rounds: VecDeque::new(), tail, closed: false };
        let shared = Shared {
            options,
            files,
            log_id,
            durable: AtomicU64::new(end.to_bits()),
            pending: Mutex::new(pending),
            arrived: Condvar::new(),
        };
        Self { shared: Arc::new(shared), thread: Mutex::new(None) }
    }

    /// Begins to write, on a thread of its own, and to report to `observer`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], when the system refuses the thread.
    pub fn start(&self, observer: impl Observer) -> Result<()> {
        let mut writer = self.writer();
        let path = self.shared.options.dir.clone();
        let thread = thread::Builder::new()
            .name("log".into())
            .spawn(move || writer.run(observer))
            .map_err(|source| Error::Io { op: "start the writer of", path, source })?;
        *self.thread() = Some(thread);
        Ok(())
    }

    /// A writer to be driven by hand. There must be only one, and no [`Log::start`].
    #[must_use]
    pub fn writer(&self) -> Writer<F> {
        Writer::new(Arc::clone(&self.shared))
    }

    /// Puts a batch in line; returns where its first byte will lie.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] over [`Options::max_batch`]; [`Error::Closed`] once the log is closed or
    /// has failed.
    pub fn append(&self, batch: Sealed) -> Result<Position> {
        let limit = self.shared.options.max_batch();
        if batch.len > limit {
            return Err(Error::TooLarge { bytes: batch.len, limit });
        }
        let mut pending = self.shared.pending();
        if pending.closed {
            return Err(Error::Closed);
        }
        let at = pending.place(batch, &self.shared.options);
        drop(pending);
        self.shared.arrived.notify_one();
        Ok(at)
    }

    /// The most bytes a batch may take.
    #[must_use]
    pub fn max_batch(&self) -> usize {
        self.shared.options.max_batch()
    }

    /// Everything before this position will survive a power cut.
    #[must_use]
    pub fn durable(&self) -> Position {
        self.shared.durable()
    }

    /// The number of the oldest file.
    #[must_use]
    pub fn oldest_file(&self) -> Option<u32> {
        self.shared.files.numbers().first().copied()
    }

    /// Gives up what lies in files wholly before `position`; the files are used again.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; the files that could not be given up are kept and tried again next time.
    pub fn release(&self, position: Position) -> Result<()> {
        self.shared.files.release(position.file())
    }

    /// Where the next batch will lie, or later.
    #[must_use]
    pub fn tail(&self) -> Position {
        self.shared.pending().end()
    }

    /// Bytes that a file takes.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.shared.options.file_len.into()
    }

    /// Bytes that the log's files hold, spare ones not counted.
    #[must_use]
    pub fn disk_bytes(&self) -> u64 {
        self.shared.files.count() as u64 * u64::from(self.shared.options.file_len)
    }

    /// Bytes of the files that are kept to become log files.
    #[must_use]
    pub fn spare_bytes(&self) -> u64 {
        self.shared.files.spares() as u64 * u64::from(self.shared.options.file_len)
    }

    /// Bytes that can be put in line and will find their space on the disk, about.
    #[must_use]
    pub fn room(&self) -> u64 {
        let file_len = u64::from(self.shared.options.file_len);
        let place = |file: u32, offset: u32| u64::from(file) * file_len + u64::from(offset);
        let files = &self.shared.files;
        let tail = self.tail();
        let end = place(files.next_number(), 0) + files.spares() as u64 * file_len;
        end.saturating_sub(place(tail.file(), tail.offset()))
    }

    /// Gives up one of the files that are kept to become log files, for its space. Returns whether
    /// there was one.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], with which it is kept.
    pub fn give_up_spare(&self) -> Result<bool> {
        self.shared.files.give_up_spare()
    }

    /// Writes what is in line and ends the thread. Appending fails from now on.
    pub fn close(&self) {
        self.shared.close();
        let thread = self.thread().take();
        if let Some(thread) = thread {
            // A panic of the thread has been reported as a failure by then.
            let _ = thread.join();
        }
    }

    pub(crate) fn shared(&self) -> &Shared<F> {
        &self.shared
    }

    fn thread(&self) -> MutexGuard<'_, Option<JoinHandle<()>>> {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: FileSystem> Drop for Log<F> {
    fn drop(&mut self) {
        self.close();
    }
}

// === impl Shared ===

impl<F: FileSystem> Shared<F> {
    pub(crate) fn durable(&self) -> Position {
        Position::from_bits(self.durable.load(Ordering::Acquire))
    }

    pub(crate) fn set_durable(&self, position: Position) {
        self.durable.store(position.to_bits(), Ordering::Release);
    }

    pub(crate) fn close(&self) {
        self.pending().closed = true;
        self.arrived.notify_all();
    }

    /// The next round to write, if there is one.
    pub(crate) fn take_round(&self) -> Option<Round> {
        self.pending().take()
    }

    /// Waits for the next round, for `patience` if there is an end to it. Breaks off once the log is
    /// closed and everything was taken.
    pub(crate) fn wait_round(&self, patience: Option<Duration>) -> ControlFlow<(), Option<Round>> {
        let mut pending = self.pending();
        let mut late = false;
        loop {
            if let Some(round) = pending.take() {
                return ControlFlow::Continue(Some(round));
            }
            if pending.closed {
                return ControlFlow::Break(());
            }
            if late {
                return ControlFlow::Continue(None);
            }
            pending = match patience {
                None => self.arrived.wait(pending).unwrap_or_else(PoisonError::into_inner),
                Some(patience) => {
                    late = true;
                    let waited = self.arrived.wait_timeout(pending, patience);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Drops what is in line, after a failure.
    pub(crate) fn abandon(&self) {
        let mut pending = self.pending();
        pending.closed = true;
        pending.rounds.clear();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.pending().closed
    }

    /// The fields stay consistent at every step, so a poisoned lock is as good as a clean one.
    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Pending ===

impl Pending {
    fn place(&mut self, batch: Sealed, options: &Options) -> Position {
        let grown = |round: &Round| round.length + batch.len;
        let fits = |round: &Round| {
            grown(round) <= options.round_len.max(batch.len)
                && round.at.offset() as usize + round::padded(grown(round))
                    <= options.file_len as usize
        };
        if !self.rounds.back().is_some_and(fits) {
            self.begin_round(batch.len, options);
        }
        let round = self.rounds.back_mut().expect("a round was just begun");
        let offset = round.at.offset() as usize + round::HEADER_LEN + round.length;
        round.length += batch.len;
        round.batches.push(batch);
        Position::new(round.at.file(), offset as u32)
    }

    fn begin_round(&mut self, length: usize, options: &Options) {
        if let Some(last) = self.rounds.back() {
            self.tail = last.end();
        }
        if self.tail.offset() as usize + round::padded(length) > options.file_len as usize {
            self.tail = Position::new(self.tail.file() + 1, 0);
        }
        self.rounds.push_back(Round { at: self.tail, batches: Vec::new(), length: 0 });
    }

    fn end(&self) -> Position {
        self.rounds.back().map_or(self.tail, |round| {
            Position::new(
                round.at.file(),
                round.at.offset() + (round::HEADER_LEN + round.length) as u32,
            )
        })
    }

    fn take(&mut self) -> Option<Round> {
        let round = self.rounds.pop_front()?;
        self.tail = self.tail.max(round.end());
        Some(round)
    }
}

// === impl Round ===

impl Round {
    /// Where the next round may begin.
    pub(crate) fn end(&self) -> Position {
        Position::new(self.at.file(), self.at.offset() + round::padded(self.length) as u32)
    }
}

/// The files that readers may have open, by number.
pub(crate) type OpenFiles<T> = BTreeMap<u32, Arc<T>>;

#[cfg(test)]
mod tests;
