//! Pages: messages that outlive the log, written once more and then never changed.
//!
//! A page is a run of one queue's records in one piece, read back with one read. Pages of all
//! queues share *segments*, so that moving many queues' messages out of an old log file costs one
//! sync, not one a queue. A segment is never written again once it is full; it is removed when
//! nothing in it is alive, and a segment that is mostly dead offers its pages for rewriting.
//!
//! ```text
//!  0       4         6   8        12        16
//!  ├ magic ┼ version ┼ 0 ┼ length ┼ crc32c  ┼ records …
//!    WRPG    u16       u16  u32     u32
//! ```
//!
//! Which pages are alive is the caller's to know, from its own snapshot: [`Pages::open`] is told.

use std::{
    collections::BTreeMap,
    io::IoSlice,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::{BufMut, Bytes, BytesMut};

use crate::{
    error::{Error, Result},
    fs::{self, File, FileSystem},
    record::read_u32,
};

const MAGIC: &[u8; 4] = b"WRPG";
const VERSION: u16 = 1;
const HEADER_LEN: usize = 16;

/// Where a page lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageRef {
    /// The segment's number.
    pub segment: u32,
    /// The byte in the segment where the page's header begins.
    pub offset: u32,
    /// Bytes of records.
    pub length: u32,
}

/// The segments of a node and what in them is alive.
#[derive(Debug)]
pub struct Pages<F: FileSystem> {
    fs: F,
    dir: PathBuf,
    segment_len: u32,
    segments: BTreeMap<u32, Segment<F::File>>,
    /// The segment that is being filled, with its length so far.
    filling: Option<(u32, u32)>,
    next_number: u32,
    unsynced: bool,
}

#[derive(Debug)]
struct Segment<T> {
    file: Arc<T>,
    written: u64,
    alive: u64,
}

// === impl PageRef ===

impl PageRef {
    /// Bytes the page takes on disk.
    #[must_use]
    pub fn disk_len(self) -> u64 {
        HEADER_LEN as u64 + u64::from(self.length)
    }
}

// === impl Pages ===

impl<F: FileSystem> Pages<F> {
    /// Opens the segments in `dir`, made when missing. `alive` are the pages that still count:
    /// segments without any are removed.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::Corrupt`] when a segment that `alive` names is missing.
    pub fn open(
        fs: F,
        dir: impl Into<PathBuf>,
        segment_len: u32,
        alive: impl IntoIterator<Item = PageRef>,
    ) -> Result<Self> {
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
        let next_number = segments.last_key_value().map_or(1, |(number, _)| number + 1);
        let mut pages =
            Self { fs, dir, segment_len, segments, filling: None, next_number, unsynced: false };
        for page in alive {
            let path = pages.path(page.segment);
            let segment = pages.segments.get_mut(&page.segment).ok_or(Error::Corrupt {
                path,
                offset: u64::from(page.offset),
                reason: "the segment is gone, and a page in it is still needed",
            })?;
            segment.alive += page.disk_len();
        }
        pages.remove_dead()?;
        Ok(pages)
    }

    /// Writes one page. It survives a power cut only after [`Pages::sync`].
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] when it does not fit a segment; [`Error::Io`], after which the page is
    /// not there.
    pub fn write(&mut self, records: &[u8]) -> Result<PageRef> {
        let limit = self.segment_len as usize - HEADER_LEN;
        if records.len() > limit {
            return Err(Error::TooLarge { bytes: records.len(), limit });
        }
        let (number, offset) = self.place(records.len())?;
        let path = self.path(number);
        let segment = self.segments.get_mut(&number).ok_or(Error::Closed)?;
        let mut header = BytesMut::with_capacity(HEADER_LEN);
        header.extend_from_slice(MAGIC);
        header.put_u16_le(VERSION);
        header.put_u16_le(0);
        header.put_u32_le(records.len() as u32);
        header.put_u32_le(crc32c::crc32c(records));
        let mut parts = [IoSlice::new(&header), IoSlice::new(records)];
        fs::write_all(&*segment.file, &mut parts, u64::from(offset))
            .map_err(|source| Error::Io { op: "write", path, source })?;
        let page = PageRef { segment: number, offset, length: records.len() as u32 };
        segment.written += page.disk_len();
        segment.alive += page.disk_len();
        self.filling = Some((number, offset + page.disk_len() as u32));
        self.unsynced = true;
        Ok(page)
    }

    /// Makes every page written so far survive a power cut.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]: nobody knows then what the disk kept, and the process should end.
    pub fn sync(&mut self) -> Result<()> {
        if let (true, Some((number, _))) = (self.unsynced, self.filling) {
            let path = self.path(number);
            if let Some(segment) = self.segments.get(&number) {
                segment.file.sync_data().map_err(|source| Error::Io {
                    op: "sync",
                    path,
                    source,
                })?;
            }
        }
        self.unsynced = false;
        Ok(())
    }

    /// Reads a page back.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] when it is not what was written; [`Error::Io`].
    pub fn read(&self, page: PageRef) -> Result<Bytes> {
        let path = || self.path(page.segment);
        let corrupt =
            |reason| Error::Corrupt { path: path(), offset: u64::from(page.offset), reason };
        let segment =
            self.segments.get(&page.segment).ok_or_else(|| corrupt("the segment is gone"))?;
        let mut raw = vec![0; page.disk_len() as usize];
        let got = fs::read_full(&*segment.file, &mut raw, u64::from(page.offset))
            .map_err(|source| Error::Io { op: "read", path: path(), source })?;
        if got < raw.len() {
            return Err(corrupt("the segment ends early"));
        }
        if &raw[..4] != MAGIC || read_u32(&raw, 8) != page.length {
            return Err(corrupt("no page where one should begin"));
        }
        if crc32c::crc32c(&raw[HEADER_LEN..]) != read_u32(&raw, 12) {
            return Err(corrupt("the page's checksum does not match"));
        }
        Ok(Bytes::from(raw).slice(HEADER_LEN..))
    }

    /// Says that a page is not needed any more. Its segment goes with [`Pages::remove_dead`].
    pub fn free(&mut self, page: PageRef) {
        if let Some(segment) = self.segments.get_mut(&page.segment) {
            segment.alive = segment.alive.saturating_sub(page.disk_len());
        }
    }

    /// Removes the full segments in which nothing is alive. Call it once the snapshot that forgot
    /// their pages is durable.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; what could not be removed is tried again next time.
    pub fn remove_dead(&mut self) -> Result<()> {
        let filling = self.filling.map(|(number, _)| number);
        let dead: Vec<u32> = self
            .segments
            .iter()
            .filter(|(number, segment)| segment.alive == 0 && Some(**number) != filling)
            .map(|(number, _)| *number)
            .collect();
        for number in dead {
            let path = self.path(number);
            self.fs.remove(&path).map_err(|source| Error::Io { op: "remove", path, source })?;
            self.segments.remove(&number);
        }
        Ok(())
    }

    /// The full segments of which less than half is alive: rewriting their pages frees the most.
    #[must_use]
    pub fn mostly_dead(&self) -> Vec<u32> {
        let filling = self.filling.map(|(number, _)| number);
        self.segments
            .iter()
            .filter(|(number, segment)| {
                Some(**number) != filling && segment.alive * 2 < segment.written
            })
            .map(|(number, _)| *number)
            .collect()
    }

    /// Bytes on disk, dead ones included.
    #[must_use]
    pub fn disk_bytes(&self) -> u64 {
        self.segments.values().map(|segment| segment.written).sum()
    }

    /// Where the next page of `length` bytes goes; begins a new segment when the one at hand is full.
    fn place(&mut self, length: usize) -> Result<(u32, u32)> {
        if let Some((number, offset)) = self.filling
            && offset as usize + HEADER_LEN + length <= self.segment_len as usize
        {
            return Ok((number, offset));
        }
        self.sync()?;
        let number = self.next_number;
        let path = self.path(number);
        let io = |op, source| Error::Io { op, path: path.clone(), source };
        let file = self.fs.open(&path, true).map_err(|source| io("create", source))?;
        self.fs.sync_dir(&self.dir).map_err(|source| io("sync the directory of", source))?;
        self.next_number += 1;
        self.segments.insert(number, Segment { file: Arc::new(file), written: 0, alive: 0 });
        self.filling = Some((number, 0));
        Ok((number, 0))
    }

    fn path(&self, number: u32) -> PathBuf {
        self.dir.join(format!("{number:010}.seg"))
    }
}

fn number(path: &Path) -> Option<u32> {
    path.file_name()?.to_str()?.strip_suffix(".seg")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::memory::{Dice, MemoryFs};

    const LEN: u32 = 4096;

    fn open(fs: &MemoryFs, alive: &[PageRef]) -> Pages<MemoryFs> {
        Pages::open(fs.clone(), "/pages", LEN, alive.iter().copied()).unwrap()
    }

    /// Against a map: what was synced and not freed is there after any power cut, and space comes back.
    #[test]
    fn pages_survive_and_their_space_comes_back() {
        for seed in 0..200 {
            let mut dice = Dice(seed);
            let mut fs = MemoryFs::default();
            let mut pages = open(&fs, &[]);
            let mut alive: Vec<(PageRef, Vec<u8>)> = Vec::new();
            for step in 0..80 {
                let contents = vec![step as u8; dice.below(900) as usize];
                alive.push((pages.write(&contents).unwrap(), contents));
                if dice.below(3) == 0 {
                    let (page, _) = alive.swap_remove(dice.below(alive.len() as u64) as usize);
                    pages.free(page);
                }
                if dice.below(20) == 0 {
                    pages.sync().unwrap();
                    fs = fs.power_cut(dice.roll());
                    let refs: Vec<_> = alive.iter().map(|(page, _)| *page).collect();
                    pages = open(&fs, &refs);
                }
                for (page, contents) in &alive {
                    assert_eq!(pages.read(*page).unwrap()[..], contents[..], "seed {seed}");
                }
            }
            for (page, _) in alive.drain(..) {
                pages.free(page);
            }
            pages.remove_dead().unwrap();
            assert!(fs.list(Path::new("/pages")).unwrap().len() <= 1, "seed {seed}");
        }
    }

    #[test]
    fn a_mostly_dead_segment_is_offered_for_rewriting() {
        let fs = MemoryFs::default();
        let mut pages = open(&fs, &[]);
        let written: Vec<_> = (0..8).map(|n| pages.write(&vec![n; 1000]).unwrap()).collect();
        assert!(pages.mostly_dead().is_empty());
        pages.free(written[0]);
        pages.free(written[1]);
        pages.free(written[2]);
        assert_eq!(pages.mostly_dead(), [written[0].segment]);
    }

    #[test]
    fn damage_is_told() {
        let fs = MemoryFs::default();
        let mut pages = open(&fs, &[]);
        let page = pages.write(b"records").unwrap();
        assert!(fs.flip_bit(Path::new("/pages/0000000001.seg"), (HEADER_LEN + 3) * 8));
        assert!(matches!(pages.read(page), Err(Error::Corrupt { .. })));
        assert!(matches!(pages.write(&[0; LEN as usize]), Err(Error::TooLarge { .. })));
    }
}
