//! Pages: runs of messages that left the memory, written once and then never changed.
//!
//! A page is read back with one read. Pages of all queues share *segments*, so that writing pages of
//! many queues costs one sync, not one a queue. A segment is never written again once it is full, nor
//! by a later process; it is removed when nothing in it is alive.
//!
//! ```text
//!  0       4         6   8        12        16
//!  ├ magic ┼ version ┼ 0 ┼ length ┼ crc32c  ┼ contents …
//!    WRPG    u16       u16  u32     u32
//! ```
//!
//! Which pages are alive is the caller's to know, from its own snapshot and log: [`Pages::open`] is
//! told. [`Pages`] reads and gives up, on any thread; [`writer::PageWriter`] writes, on one.

pub mod page;
pub mod writer;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;

use crate::{
    error::{Error, Result},
    fs::{self, File, FileSystem},
    pages::page::PageRef,
};

/// The segments of a node and what in them is alive.
#[derive(Debug)]
pub struct Pages<F: FileSystem> {
    fs: F,
    dir: PathBuf,
    segment_len: u32,
    table: Mutex<Table<F::File>>,
}

#[derive(Debug)]
struct Table<T> {
    segments: BTreeMap<u32, Segment<T>>,
    /// The segment that is being filled.
    filling: Option<u32>,
    next_number: u32,
}

#[derive(Debug)]
struct Segment<T> {
    file: Arc<T>,
    written: u64,
    alive: u64,
}

// === impl Pages ===

impl<F: FileSystem> Pages<F> {
    /// Opens the segments in `dir`, made when missing. `alive` are the pages that still count:
    /// segments without any are removed. Segments are numbered from `next_number` on, or higher.
    ///
    /// Also returns what is missing of `alive`: one error for each segment that is not there.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn open(
        fs: F,
        dir: impl Into<PathBuf>,
        segment_len: u32,
        next_number: u32,
        alive: impl IntoIterator<Item = PageRef>,
    ) -> Result<(Self, Vec<Error>)> {
        let dir = dir.into();
        let io = |op, path: &Path| {
            let path = path.to_owned();
            move |source| Error::Io { op, path, source }
        };
        fs.create_dir_all(&dir).map_err(io("create", &dir))?;
        let mut segments = BTreeMap::new();
        for path in fs.list(&dir).map_err(io("list", &dir))? {
            if let Some(number) = number(&path) {
                let file = Arc::new(fs.open(&path, false).map_err(io("open", &path))?);
                let written = file.size().map_err(io("measure", &path))?;
                segments.insert(number, Segment { file, written, alive: 0 });
            }
        }
        let behind = segments.last_key_value().map_or(1, |(number, _)| number + 1);
        let next_number = next_number.max(behind);
        let table = Mutex::new(Table { segments, filling: None, next_number });
        let pages = Self { fs, dir, segment_len, table };
        let missing = pages.note_alive(alive);
        pages.remove_dead()?;
        Ok((pages, missing))
    }

    fn note_alive(&self, alive: impl IntoIterator<Item = PageRef>) -> Vec<Error> {
        let mut table = self.table();
        let mut missing = BTreeMap::new();
        for page in alive {
            table.next_number = table.next_number.max(page.segment + 1);
            match table.segments.get_mut(&page.segment) {
                Some(segment) => segment.alive += page.disk_len(),
                None => {
                    missing.entry(page.segment).or_insert(u64::from(page.offset));
                }
            }
        }
        let reason = "the segment is gone, and pages in it are still needed";
        let error = |(number, offset)| Error::Corrupt { path: self.path(number), offset, reason };
        missing.into_iter().map(error).collect()
    }

    /// Reads a page back. Holds up nobody else.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] when it is not what was written; [`Error::Io`].
    pub fn read(&self, page: PageRef) -> Result<Bytes> {
        let path = || self.path(page.segment);
        let corrupt =
            |reason| Error::Corrupt { path: path(), offset: u64::from(page.offset), reason };
        let file = self.table().segments.get(&page.segment).map(|s| Arc::clone(&s.file));
        let file = file.ok_or_else(|| corrupt("the segment is gone"))?;
        let mut raw = vec![0; page.disk_len() as usize];
        let got = fs::read_full(&*file, &mut raw, u64::from(page.offset))
            .map_err(|source| Error::Io { op: "read", path: path(), source })?;
        if got < raw.len() {
            return Err(corrupt("the segment ends early"));
        }
        page::contents(raw).map_err(corrupt)
    }

    /// Says that a page is not needed any more. Its segment goes with [`Pages::remove_dead`]: free a
    /// page that a snapshot may name only when one that does not is durable.
    pub fn free(&self, page: PageRef) {
        if let Some(segment) = self.table().segments.get_mut(&page.segment) {
            segment.alive = segment.alive.saturating_sub(page.disk_len());
        }
    }

    /// Removes the full segments in which nothing is alive.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; what could not be removed is tried again next time.
    pub fn remove_dead(&self) -> Result<()> {
        let mut table = self.table();
        let filling = table.filling;
        let is_dead =
            |number: &u32, segment: &mut Segment<_>| segment.alive == 0 && Some(*number) != filling;
        let dead: Vec<_> = table.segments.extract_if(.., is_dead).collect();
        drop(table);
        let mut outcome = Ok(());
        for (number, segment) in dead {
            let path = self.path(number);
            if let Err(source) = self.fs.remove(&path) {
                self.table().segments.insert(number, segment);
                outcome = Err(Error::Io { op: "remove", path, source });
            }
        }
        outcome
    }

    /// The full segments of which less than half is alive, with how many bytes of them are: rewriting
    /// their pages frees more than it takes. The emptiest first.
    #[must_use]
    pub fn mostly_dead(&self) -> Vec<(u32, u64)> {
        let table = self.table();
        let full = table.segments.iter().filter(|(number, _)| Some(**number) != table.filling);
        let mut found: Vec<_> = full
            .filter(|(_, segment)| segment.alive * 2 < segment.written)
            .map(|(number, segment)| (*number, segment.alive))
            .collect();
        found.sort_unstable_by_key(|(number, alive)| (*alive, *number));
        found
    }

    /// Bytes of full segments that are not alive.
    #[must_use]
    pub fn dead_bytes(&self) -> u64 {
        let table = self.table();
        let full = table.segments.iter().filter(|(number, _)| Some(**number) != table.filling);
        full.map(|(_, segment)| segment.written.saturating_sub(segment.alive)).sum()
    }

    /// Bytes on disk, dead ones included.
    #[must_use]
    pub fn disk_bytes(&self) -> u64 {
        self.table().segments.values().map(|segment| segment.written).sum()
    }

    /// Bytes on disk that are alive.
    #[must_use]
    pub fn alive_bytes(&self) -> u64 {
        self.table().segments.values().map(|segment| segment.alive).sum()
    }

    /// The number that the next segment gets. To be remembered: a number is not given twice.
    #[must_use]
    pub fn next_number(&self) -> u32 {
        self.table().next_number
    }

    /// Bytes that a segment takes at most.
    #[must_use]
    pub fn segment_len(&self) -> u32 {
        self.segment_len
    }

    /// Makes a segment and fills it from now on.
    pub(crate) fn create(&self) -> Result<(u32, Arc<F::File>)> {
        let number = self.next_number();
        let path = self.path(number);
        let io = |op, source| Error::Io { op, path: path.clone(), source };
        let file = Arc::new(self.fs.open(&path, true).map_err(|source| io("create", source))?);
        self.fs.sync_dir(&self.dir).map_err(|source| io("sync the directory of", source))?;
        let mut table = self.table();
        table.next_number += 1;
        table.filling = Some(number);
        let segment = Segment { file: Arc::clone(&file), written: 0, alive: 0 };
        table.segments.insert(number, segment);
        Ok((number, file))
    }

    /// Notes that a page is there.
    pub(crate) fn written(&self, page: PageRef) {
        if let Some(segment) = self.table().segments.get_mut(&page.segment) {
            segment.written += page.disk_len();
            segment.alive += page.disk_len();
        }
    }

    pub(crate) fn path(&self, number: u32) -> PathBuf {
        self.dir.join(format!("{number:010}.seg"))
    }

    /// Every step leaves the table as the directory is, so a poisoned lock is as good as a clean one.
    fn table(&self) -> MutexGuard<'_, Table<F::File>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn number(path: &Path) -> Option<u32> {
    path.file_name()?.to_str()?.strip_suffix(".seg")?.parse().ok()
}

#[cfg(test)]
mod tests;
