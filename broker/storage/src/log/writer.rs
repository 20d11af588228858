//! The one who writes: takes a round, writes it, syncs, tells.

use std::{
    io::IoSlice,
    ops::ControlFlow,
    panic::{self, AssertUnwindSafe},
    path::PathBuf,
    sync::Arc,
    thread,
    time::Duration,
};

use bytes::BytesMut;

use crate::{
    error::{Error, Result},
    fs::{self, File, FileSystem},
    log::{Observer, Round, Shared},
    position::Position,
    round,
};

/// How long to wait before asking a full disk again.
const RETRY_SPACE: Duration = Duration::from_millis(200);

/// Spare files kept ready: one for the file after the one at hand, and one in reserve. When there is no
/// space for the reserve those who fill the log are to stop; it is for those who empty it.
const SPARES: usize = 2;

/// How long to wait for more on a disk that is nearly full, so that little of each block is padding.
const LINGER: Duration = Duration::from_millis(20);

static PADDING: [u8; round::ALIGNMENT] = [0; round::ALIGNMENT];

/// Writes the rounds of one log, one after another.
#[derive(Debug)]
pub struct Writer<F: FileSystem> {
    shared: Arc<Shared<F>>,
    current: Option<(u32, Arc<F::File>)>,
    /// A round that found no space and must be tried again before any other.
    stalled: Option<Round>,
    space_low: bool,
}

/// How a [`Writer::step`] ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A round was written and synced: durable up to here.
    Durable(Position),
    /// There is nothing to write.
    Idle,
    /// There is no space for another file: ask again later.
    NoSpace,
}

// === impl Writer ===

impl<F: FileSystem> Writer<F> {
    pub(crate) fn new(shared: Arc<Shared<F>>) -> Self {
        Self { shared, current: None, stalled: None, space_low: false }
    }

    /// Writes the next round, if there is one.
    ///
    /// # Errors
    ///
    /// Any failure but a full disk. The log is closed by it, for good.
    pub fn step(&mut self) -> Result<Step> {
        match self.stalled.take().or_else(|| self.shared.take_round()) {
            Some(round) => self.write(round),
            None => Ok(Step::Idle),
        }
    }

    /// Whether there was no space for the reserve when it was last asked for.
    #[must_use]
    pub fn space_low(&self) -> bool {
        self.space_low
    }

    /// Writes until the log is closed or fails.
    pub(crate) fn run(&mut self, mut observer: impl Observer) {
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| self.serve(&mut observer)))
            .unwrap_or(Err(Error::Closed));
        if let Err(error) = outcome {
            self.shared.abandon();
            observer.failed(error);
        }
    }

    fn serve(&mut self, observer: &mut impl Observer) -> Result<()> {
        let mut told_low = false;
        loop {
            if self.space_low {
                thread::sleep(LINGER);
            }
            let patience = self.space_low.then_some(RETRY_SPACE);
            match self.next_round(patience) {
                ControlFlow::Break(()) => return self.finish(),
                ControlFlow::Continue(None) => {}
                ControlFlow::Continue(Some(round)) => match self.write(round)? {
                    Step::Durable(position) => observer.durable(position),
                    Step::NoSpace if self.shared.is_closed() => return Err(self.no_space()),
                    Step::NoSpace => thread::sleep(RETRY_SPACE),
                    Step::Idle => {}
                },
            }
            if self.space_low {
                // Publishers wait for the answer, and it may be that nobody else writes.
                self.check_space()?;
            }
            if told_low != self.space_low {
                told_low = self.space_low;
                observer.space_low(told_low);
            }
        }
    }

    fn next_round(&mut self, patience: Option<Duration>) -> ControlFlow<(), Option<Round>> {
        match self.stalled.take() {
            Some(round) => ControlFlow::Continue(Some(round)),
            None => self.shared.wait_round(patience),
        }
    }

    fn write(&mut self, round: Round) -> Result<Step> {
        let file = match self.file_for(round.at.file()) {
            Ok(file) => file,
            Err(error) if error.is_no_space() => return Ok(self.stall(round)),
            Err(error) => return Err(self.fail(error)),
        };
        match self.put(&file, &round) {
            Ok(()) => {}
            // Not every file system gives a file its space beforehand. What was written of the round
            // is written again, to the same place.
            Err(error) if error.is_no_space() => return Ok(self.stall(round)),
            Err(error) => return Err(self.fail(error)),
        }
        self.sync(&file, &round).map_err(|error| self.fail(error))?;
        let end = round.end();
        self.shared.set_durable(end);
        Ok(Step::Durable(end))
    }

    fn stall(&mut self, round: Round) -> Step {
        self.space_low = true;
        self.stalled = Some(round);
        Step::NoSpace
    }

    fn put(&self, file: &F::File, round: &Round) -> Result<()> {
        let mut head = BytesMut::with_capacity(round::HEADER_LEN);
        self.header(round).encode(&mut head);
        let padding = round::padded(round.length) - round::HEADER_LEN - round.length;
        let mut parts = vec![IoSlice::new(&head)];
        parts.extend(round.batches.iter().flat_map(|b| &b.parts).map(|p| IoSlice::new(p)));
        parts.push(IoSlice::new(&PADDING[..padding]));
        fs::write_all(file, &mut parts, u64::from(round.at.offset())).map_err(|source| Error::Io {
            op: "write",
            path: self.path(round.at),
            source,
        })
    }

    fn sync(&self, file: &F::File, round: &Round) -> Result<()> {
        let path = || self.path(round.at);
        file.sync_data().map_err(|source| Error::Io { op: "sync", path: path(), source })
    }

    fn header(&self, round: &Round) -> round::Header {
        let checksum = round.batches.iter().fold(0, |crc, batch| batch.checksum_after(crc));
        round::Header {
            length: round.length as u32,
            log_id: self.shared.log_id,
            position: round.at,
            frontier: self.shared.durable(),
            checksum,
        }
    }

    fn file_for(&mut self, number: u32) -> Result<Arc<F::File>> {
        if let Some((current, file)) = &self.current
            && *current == number
        {
            return Ok(Arc::clone(file));
        }
        let file = self.shared.files.create(number)?;
        self.current = Some((number, Arc::clone(&file)));
        self.check_space()?;
        Ok(file)
    }

    /// Finds out whether the next files have their space already.
    fn check_space(&mut self) -> Result<()> {
        match self.shared.files.prepare_spares(SPARES) {
            Ok(()) => self.space_low = false,
            Err(error) if error.is_no_space() => self.space_low = true,
            Err(error) => return Err(self.fail(error)),
        }
        Ok(())
    }

    /// Writes an empty round, whose frontier covers the last one that said something.
    fn finish(&mut self) -> Result<()> {
        let Some((number, file)) = self.current.clone() else { return Ok(()) };
        let at = self.shared.durable();
        let round = Round { at, batches: Vec::new(), length: 0 };
        if at.file() == number && round.end().offset() <= self.shared.options.file_len {
            self.put(&file, &round)?;
            self.sync(&file, &round)?;
            self.shared.set_durable(round.end());
        }
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn finish_for_test(&mut self) -> Result<()> {
        self.finish()
    }

    fn fail(&self, error: Error) -> Error {
        self.shared.abandon();
        error
    }

    fn no_space(&self) -> Error {
        let source = std::io::ErrorKind::StorageFull.into();
        Error::Io { op: "finish", path: self.shared.options.dir.clone(), source }
    }

    fn path(&self, at: Position) -> PathBuf {
        self.shared.files.path(at.file())
    }
}
