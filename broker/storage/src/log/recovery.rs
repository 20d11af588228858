//! What the log holds after a restart.
//!
//! ```text
//!  file 7: │round│round│round│ (end of file: the next round did not fit)
//!  file 8: │round│round│▒▒▒▒▒▒│round│        ▒ damaged; a later frontier lies behind it: corruption
//!  file 9: │round│round│▒▒▒                  ▒ nothing behind it: a torn tail, never confirmed
//! ```
//!
//! A damaged place is a *torn tail* when no round anywhere names a frontier beyond it: the sync that
//! was to cover it never returned. Otherwise it is *corruption*: it was durable once. Corruption is
//! reported, its file is set aside, and reading goes on behind it: what it meant is the caller's
//! to judge.

use std::{io::IoSlice, sync::Arc};

use crate::{
    error::{Error, Result},
    fs::{self, File, FileSystem},
    log::{Log, Options, files::Files},
    position::Position,
    record::Record,
    round::{self, Header, NotARound},
};

mod identity;

/// A record found on opening, and where.
#[derive(Debug)]
pub struct Found<'a> {
    /// Where the record begins.
    pub position: Position,
    /// The record.
    pub record: Record<'a>,
}

/// What opening a log brought to light.
#[derive(Debug)]
pub struct Opened<F: FileSystem> {
    /// The log, ready for [`Log::start`].
    pub log: Log<F>,
    /// Damage below the durable frontier, in order. Empty on a healthy disk.
    pub damage: Vec<Error>,
    /// Bytes after the frontier that were cut because no sync had covered them.
    pub torn_bytes: u64,
}

/// A damaged place whose meaning depends on what lies behind it.
struct Suspect {
    at: Position,
    reason: &'static str,
    /// Bytes of the round that is there but not whole; 0 when there is none.
    torn: u64,
}

struct Scan<'a, F: FileSystem> {
    files: &'a Files<F>,
    log_id: u64,
    /// The end of the last whole round.
    end: Position,
    /// Where that begins; none while there is none.
    last: Option<Position>,
    suspects: Vec<Suspect>,
    damage: Vec<Error>,
    torn_bytes: u64,
}

impl<F: FileSystem> Log<F> {
    /// Opens the log in `options.dir`, made when missing, and shows every record to `visit`, in order.
    ///
    /// Files wholly before `from` (the caller's snapshot knows) are not read but released.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::Version`] for a log of a newer program. Damage is no error: see
    /// [`Opened::damage`].
    pub fn open(
        fs: F,
        options: Options,
        from: Position,
        mut visit: impl FnMut(Found<'_>),
    ) -> Result<Opened<F>> {
        let files = Files::open(fs, options.dir.clone(), options.file_len)?;
        let log_id = identity::load(files.fs(), &options.dir)?;
        files.release(from.file())?;
        let mut scan = Scan {
            files: &files,
            log_id,
            end: from,
            last: None,
            suspects: Vec::new(),
            damage: Vec::new(),
            torn_bytes: 0,
        };
        let numbers = files.numbers();
        // A life without a snapshot began with the first file, one with it with the file it names.
        let first = Position::new(from.file().max(1), 0);
        if numbers.first().is_some_and(|number| *number > first.file()) {
            scan.corrupt(first, "the file is gone, and later ones are there");
        }
        for number in numbers {
            scan.file(number, &mut visit)?;
        }
        scan.settle();
        scan.keep_last()?;
        let Scan { end, damage, torn_bytes, .. } = scan;
        Ok(Opened { log: Self::new(options, files, log_id, end), damage, torn_bytes })
    }
}

// === impl Scan ===

impl<F: FileSystem> Scan<'_, F> {
    fn file(&mut self, number: u32, visit: &mut impl FnMut(Found<'_>)) -> Result<()> {
        let Some(file) = self.files.get(number) else { return Ok(()) };
        let bytes = self.load(number, &file)?;
        let mut offset = 0;
        while offset + round::HEADER_LEN <= bytes.len() {
            let at = Position::new(number, offset as u32);
            match self.round(at, &bytes[offset..], visit)? {
                Some(len) => offset += len,
                None => match self.resume(number, &bytes, offset + round::ALIGNMENT) {
                    Some(next) => offset = next,
                    None => break,
                },
            }
        }
        Ok(())
    }

    /// All of a file, which an earlier start may have made longer than today's.
    fn load(&self, number: u32, file: &Arc<F::File>) -> Result<Vec<u8>> {
        let path = self.files.path(number);
        let io = |op, source| Error::Io { op, path: path.clone(), source };
        let size = file.size().map_err(|source| io("measure", source))?;
        // Positions have 32 bits: nothing of ours lies behind.
        let mut bytes = vec![0; size.min(u64::from(u32::MAX)) as usize];
        let got = fs::read_full(&**file, &mut bytes, 0).map_err(|source| io("read", source))?;
        bytes.truncate(got);
        Ok(bytes)
    }

    /// Reads the round at `at`; returns the bytes it takes, or `None` when there is none to trust.
    fn round(
        &mut self,
        at: Position,
        bytes: &[u8],
        visit: &mut impl FnMut(Found<'_>),
    ) -> Result<Option<usize>> {
        let header = match self.header(at, bytes)? {
            Some(header) => header,
            None => {
                self.suspect(at, "no round where one should begin", 0);
                return Ok(None);
            }
        };
        self.confirm_frontier(header.frontier);
        let length = header.length as usize;
        let payload = bytes.get(round::HEADER_LEN..round::HEADER_LEN + length);
        let Some(payload) = payload.filter(|p| crc32c::crc32c(p) == header.checksum) else {
            self.suspect(at, "the round's checksum does not match", header.length.into());
            return Ok(None);
        };
        self.records(at, payload, visit);
        self.last = Some(at);
        self.end = Position::new(at.file(), at.offset() + round::padded(length) as u32);
        Ok(Some(round::padded(length)))
    }

    fn header(&self, at: Position, bytes: &[u8]) -> Result<Option<Header>> {
        match Header::decode(bytes) {
            Ok(header) if header.log_id == self.log_id && header.position == at => Ok(Some(header)),
            Ok(_) | Err(NotARound::Absent) => Ok(None),
            // In a file that is used again lie bytes of clients, who do not know the log's id.
            Err(NotARound::Version(_)) if !round::belongs(bytes, self.log_id, at) => Ok(None),
            Err(NotARound::Version(found)) => Err(Error::Version {
                path: self.files.path(at.file()),
                found,
                supported: round::VERSION,
            }),
        }
    }

    fn records(&mut self, at: Position, payload: &[u8], visit: &mut impl FnMut(Found<'_>)) {
        let mut offset = 0;
        while offset < payload.len() {
            let place = at.offset() + (round::HEADER_LEN + offset) as u32;
            match Record::decode(&payload[offset..]) {
                Ok((record, len)) => {
                    visit(Found { position: Position::new(at.file(), place), record });
                    offset += len;
                }
                // The round's own checksum held, so these bytes were written like this.
                Err(malformed) => {
                    self.corrupt(Position::new(at.file(), place), malformed.reason());
                    return;
                }
            }
        }
    }

    /// The next place at or after `offset` where a round begins.
    fn resume(&self, number: u32, bytes: &[u8], offset: usize) -> Option<usize> {
        (offset..bytes.len()).step_by(round::ALIGNMENT).find(|&offset| {
            let at = Position::new(number, offset as u32);
            matches!(self.header(at, &bytes[offset..]), Ok(Some(_)))
        })
    }

    fn suspect(&mut self, at: Position, reason: &'static str, torn: u64) {
        self.suspects.push(Suspect { at, reason, torn });
    }

    /// Everything before `frontier` was durable once: what is missing or damaged there is corruption.
    fn confirm_frontier(&mut self, frontier: Position) {
        let suspects = std::mem::take(&mut self.suspects);
        let damaged = self.damage.len();
        for suspect in suspects.into_iter().filter(|suspect| suspect.at < frontier) {
            self.corrupt(suspect.at, suspect.reason);
        }
        if self.last.is_some() && self.end < frontier && self.damage.len() == damaged {
            self.corrupt(self.end, "rounds that were written here are gone");
        }
    }

    /// At the end: what is still suspect was never covered by a sync. Where no round begins the log
    /// merely ends; a round that is there and not whole was being written.
    fn settle(&mut self) {
        let torn =
            std::mem::take(&mut self.suspects).into_iter().filter(|suspect| suspect.torn > 0);
        self.torn_bytes = torn.map(|suspect| suspect.torn).sum();
    }

    /// Sees to it that the last round is on the disk: a process that was killed may have left it to
    /// the kernel, and what is found from now on is built on. All rounds before it were synced.
    ///
    /// It is written once more. Where a sync has failed the kernel may go on showing what it did not
    /// write, and take no further sync as a reason to.
    fn keep_last(&self) -> Result<()> {
        let number = self.end.file();
        let Some(file) = self.files.get(number) else { return Ok(()) };
        let path = || self.files.path(number);
        let io = |op| move |source| Error::Io { op, path: path(), source };
        if let Some(last) = self.last {
            let mut bytes = vec![0; (self.end.offset() - last.offset()) as usize];
            let offset = u64::from(last.offset());
            fs::read_full(&*file, &mut bytes, offset).map_err(io("read"))?;
            match fs::write_all(&*file, &mut [IoSlice::new(&bytes)], offset).map_err(io("write")) {
                // Some file systems put what is overwritten somewhere else first.
                Err(error) if error.is_no_space() => {}
                written => written?,
            }
        }
        file.sync_data().map_err(io("sync"))
    }

    fn corrupt(&mut self, at: Position, reason: &'static str) {
        self.files.set_aside(at.file());
        let path = self.files.path(at.file());
        self.damage.push(Error::Corrupt { path, offset: u64::from(at.offset()), reason });
    }
}
