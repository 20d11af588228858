//! A file system in memory that forgets like a real one: at a power cut, what was not synced may be
//! there, in part, in another order, or not at all.
//!
//! Every call can be made to fail: [`MemoryFs::fail_with`] is asked before each. The same seed gives
//! the same power cut.

use std::{
    collections::BTreeMap,
    fmt,
    io::{self, IoSlice},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{File, FileSystem};

/// What a disk writes in one piece, in bytes: a torn write is cut at multiples of it.
const SECTOR: usize = 512;

/// A call that is about to be made, for [`MemoryFs::fail_with`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// [`FileSystem::open`].
    Open(PathBuf),
    /// [`FileSystem::rename`].
    Rename(PathBuf),
    /// [`FileSystem::remove`].
    Remove(PathBuf),
    /// [`FileSystem::sync_dir`].
    SyncDir,
    /// [`File::read_at`].
    Read,
    /// [`File::write_vectored_at`], and the bytes it was given.
    Write(usize),
    /// [`File::sync_data`].
    Sync,
    /// [`File::allocate`].
    Allocate,
}

/// What should happen to a call.
#[derive(Debug)]
pub enum Fault {
    /// It fails with this error and does nothing.
    Fail(io::Error),
    /// A write takes only so many bytes.
    Short(usize),
}

type Oracle = Box<dyn FnMut(&Call) -> Option<Fault> + Send>;

/// A file system in memory. Clones share it.
#[derive(Debug, Clone)]
pub struct MemoryFs {
    disk: Arc<Mutex<Disk>>,
}

struct Disk {
    /// Names as the running system sees them.
    names: BTreeMap<PathBuf, usize>,
    /// Names as the last syncs of their directories left them.
    durable_names: BTreeMap<PathBuf, usize>,
    /// What was done to names since then.
    unsynced_names: Vec<NameChange>,
    inodes: Vec<Inode>,
    capacity: u64,
    oracle: Option<Oracle>,
    /// See [`MemoryFs::forget_at_failed_syncs`].
    is_forgetful: bool,
}

/// A change of a directory. A power cut leaves it done or not done, and never half done, as every file
/// system with a journal promises of a rename.
#[derive(Debug, Clone)]
enum NameChange {
    Create(PathBuf, usize),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

#[derive(Debug, Default, Clone)]
struct Inode {
    /// What a reader sees now.
    current: Vec<u8>,
    /// What the last sync made safe.
    durable: Vec<u8>,
    /// Writes since then.
    unsynced: Vec<(usize, Vec<u8>)>,
}

/// A file of a [`MemoryFs`].
#[derive(Debug)]
pub struct MemoryFile {
    disk: Arc<Mutex<Disk>>,
    inode: usize,
}

// === impl MemoryFs ===

impl Default for MemoryFs {
    fn default() -> Self {
        let disk = Disk {
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            unsynced_names: Vec::new(),
            inodes: Vec::new(),
            capacity: u64::MAX,
            oracle: None,
            is_forgetful: false,
        };
        Self { disk: Arc::new(Mutex::new(disk)) }
    }
}

impl MemoryFs {
    /// Asks `oracle` before every call from now on.
    pub fn fail_with(&self, oracle: impl FnMut(&Call) -> Option<Fault> + Send + 'static) {
        self.disk().oracle = Some(Box::new(oracle));
    }

    /// Lets every call succeed again.
    pub fn heal(&self) {
        self.disk().oracle = None;
    }

    /// From now on a sync that fails forgets what it was to make safe, as Linux does: readers still see
    /// it, and no later sync writes it.
    pub fn forget_at_failed_syncs(&self) {
        self.disk().is_forgetful = true;
    }

    /// Bytes that all files together take.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.disk().used()
    }

    /// Sets how many bytes all files together may allocate.
    pub fn set_capacity(&self, bytes: u64) {
        self.disk().capacity = bytes;
    }

    /// The disk as the next start would find it, were the power cut now; `seed` decides what of the
    /// unsynced made it. This disk goes on as if nothing had happened.
    #[must_use]
    pub fn power_cut(&self, seed: u64) -> Self {
        let disk = self.disk();
        let mut dice = Dice(seed);
        let mut names = disk.durable_names.clone();
        let mood = dice.below(4);
        // A journal keeps the first of them; who has none may keep any.
        let first = dice.below(disk.unsynced_names.len() as u64 + 1) as usize;
        for (nth, change) in disk.unsynced_names.iter().enumerate() {
            let is_kept = match mood {
                0 | 1 => nth < first,
                2 => dice.flip(),
                _ => true,
            };
            if is_kept {
                change.apply(&mut names);
            }
        }
        let inodes: Vec<Inode> =
            disk.inodes.iter().map(|inode| inode.after_cut(&mut dice)).collect();
        let after = Disk {
            durable_names: names.clone(),
            unsynced_names: Vec::new(),
            names,
            inodes,
            capacity: u64::MAX,
            oracle: None,
            is_forgetful: disk.is_forgetful,
        };
        Self { disk: Arc::new(Mutex::new(after)) }
    }

    /// Flips one bit of `path`, on disk and in memory. Returns whether there was such a bit.
    pub fn flip_bit(&self, path: &Path, bit: usize) -> bool {
        let mut disk = self.disk();
        let Some(inode) = disk.names.get(path).copied() else { return false };
        let inode = &mut disk.inodes[inode];
        for bytes in [&mut inode.current, &mut inode.durable] {
            if let Some(byte) = bytes.get_mut(bit / 8) {
                *byte ^= 1 << (bit % 8);
            }
        }
        bit / 8 < inode.current.len()
    }

    /// The bytes of `path` as a reader sees them.
    #[must_use]
    pub fn contents(&self, path: &Path) -> Option<Vec<u8>> {
        let disk = self.disk();
        disk.names.get(path).map(|inode| disk.inodes[*inode].current.clone())
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FileSystem for MemoryFs {
    type File = MemoryFile;

    fn create_dir_all(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn open(&self, path: &Path, create: bool) -> io::Result<MemoryFile> {
        let mut disk = self.disk();
        disk.ask(&Call::Open(path.to_owned()))?;
        let inode = match disk.names.get(path) {
            Some(inode) => *inode,
            None if create => {
                disk.inodes.push(Inode::default());
                let inode = disk.inodes.len() - 1;
                disk.change(NameChange::Create(path.to_owned(), inode));
                inode
            }
            None => return Err(io::ErrorKind::NotFound.into()),
        };
        Ok(MemoryFile { disk: Arc::clone(&self.disk), inode })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        disk.ask(&Call::Rename(from.to_owned()))?;
        if !disk.names.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        disk.change(NameChange::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        disk.ask(&Call::Remove(path.to_owned()))?;
        if !disk.names.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        disk.change(NameChange::Remove(path.to_owned()));
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        Ok(self.disk().names.keys().filter(|name| name.parent() == Some(path)).cloned().collect())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        disk.ask(&Call::SyncDir)?;
        let inside = |name: &PathBuf| name.parent() == Some(path);
        disk.durable_names.retain(|name, _| !inside(name));
        let now: Vec<_> = disk
            .names
            .iter()
            .filter(|(name, _)| inside(name))
            .map(|(n, i)| (n.clone(), *i))
            .collect();
        disk.durable_names.extend(now);
        disk.unsynced_names.retain(|change| !inside(change.path()));
        Ok(())
    }

    fn available(&self, _path: &Path) -> io::Result<u64> {
        let disk = self.disk();
        Ok(disk.capacity.saturating_sub(disk.used()))
    }
}

// === impl Disk ===

impl Disk {
    fn ask(&mut self, call: &Call) -> io::Result<Option<usize>> {
        match self.oracle.as_mut().and_then(|oracle| oracle(call)) {
            Some(Fault::Fail(error)) => Err(error),
            Some(Fault::Short(bytes)) => Ok(Some(bytes)),
            None => Ok(None),
        }
    }

    fn change(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.unsynced_names.push(change);
    }

    fn used(&self) -> u64 {
        self.names.values().map(|inode| self.inodes[*inode].current.len() as u64).sum()
    }

    fn grow(&mut self, inode: usize, len: usize) -> io::Result<()> {
        let more = len.saturating_sub(self.inodes[inode].current.len()) as u64;
        if self.used() + more > self.capacity {
            return Err(io::ErrorKind::StorageFull.into());
        }
        extend(&mut self.inodes[inode].current, len);
        Ok(())
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").field("names", &self.names).finish_non_exhaustive()
    }
}

// === impl NameChange ===

impl NameChange {
    fn path(&self) -> &PathBuf {
        let (Self::Create(path, _) | Self::Rename(path, _) | Self::Remove(path)) = self;
        path
    }

    /// What it depends on may not have come to be.
    fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Self::Create(path, inode) => drop(names.insert(path.clone(), *inode)),
            Self::Rename(from, to) => {
                if let Some(inode) = names.remove(from) {
                    names.insert(to.clone(), inode);
                }
            }
            Self::Remove(path) => drop(names.remove(path)),
        }
    }
}

// === impl Inode ===

impl Inode {
    /// What a power cut leaves: of every unsynced write any of its sectors, in any order.
    fn after_cut(&self, dice: &mut Dice) -> Self {
        let mut bytes = self.durable.clone();
        let mut sectors: Vec<(usize, &[u8])> = Vec::new();
        for (offset, data) in &self.unsynced {
            let mut at = 0;
            while at < data.len() {
                let len = (SECTOR - (offset + at) % SECTOR).min(data.len() - at);
                sectors.push((offset + at, &data[at..at + len]));
                at += len;
            }
        }
        let mood = dice.below(4);
        for (offset, data) in sectors {
            let kept = match mood {
                0 => false,
                1 => true,
                _ => dice.flip(),
            };
            if kept {
                extend(&mut bytes, offset + data.len());
                bytes[offset..offset + data.len()].copy_from_slice(data);
            }
        }
        Self { current: bytes.clone(), durable: bytes, unsynced: Vec::new() }
    }
}

// === impl MemoryFile ===

impl MemoryFile {
    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl File for MemoryFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut disk = self.disk();
        disk.ask(&Call::Read)?;
        let bytes = &disk.inodes[self.inode].current;
        let from = bytes.len().min(offset as usize);
        let n = buffer.len().min(bytes.len() - from);
        buffer[..n].copy_from_slice(&bytes[from..from + n]);
        Ok(n)
    }

    fn write_vectored_at(&self, parts: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        let mut data = Vec::with_capacity(parts.iter().map(|part| part.len()).sum());
        parts.iter().for_each(|part| data.extend_from_slice(part));
        let mut disk = self.disk();
        if let Some(short) = disk.ask(&Call::Write(data.len()))? {
            data.truncate(short);
        }
        let offset = offset as usize;
        disk.grow(self.inode, offset + data.len())?;
        let inode = &mut disk.inodes[self.inode];
        inode.current[offset..offset + data.len()].copy_from_slice(&data);
        let n = data.len();
        inode.unsynced.push((offset, data));
        Ok(n)
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut disk = self.disk();
        let asked = disk.ask(&Call::Sync);
        if asked.is_err() && disk.is_forgetful {
            disk.inodes[self.inode].unsynced.clear();
        }
        asked?;
        let inode = &mut disk.inodes[self.inode];
        for (offset, data) in std::mem::take(&mut inode.unsynced) {
            extend(&mut inode.durable, offset + data.len());
            inode.durable[offset..offset + data.len()].copy_from_slice(&data);
        }
        let len = inode.current.len();
        inode.durable.truncate(len);
        extend(&mut inode.durable, len);
        Ok(())
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        let mut disk = self.disk();
        disk.ask(&Call::Allocate)?;
        disk.grow(self.inode, len as usize)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut disk = self.disk();
        disk.grow(self.inode, len as usize)?;
        disk.inodes[self.inode].current.truncate(len as usize);
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.disk().inodes[self.inode].current.len() as u64)
    }
}

/// The seeds that a test tries: so many, or what `WARREN_SEEDS` says.
#[cfg(test)]
pub(crate) fn seeds(usual: u64) -> std::ops::Range<u64> {
    let asked = std::env::var("WARREN_SEEDS").ok();
    0..asked.map_or(usual, |seeds| seeds.parse().expect("WARREN_SEEDS is a number"))
}

/// Makes `bytes` at least so long, with zeros. Faster than `resize` where nothing is optimized, as in tests.
fn extend(bytes: &mut Vec<u8>, len: usize) {
    if bytes.len() < len {
        let mut longer = vec![0; len];
        longer[..bytes.len()].copy_from_slice(bytes);
        *bytes = longer;
    }
}

/// A small reproducible source of decisions (SplitMix64).
#[derive(Debug, Clone)]
pub struct Dice(pub u64);

impl Dice {
    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `limit`, which must not be 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.roll() % limit
    }

    /// Heads or tails.
    pub fn flip(&mut self) -> bool {
        self.roll() & 1 == 1
    }
}
