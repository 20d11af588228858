//! The node's metadata at one moment, replaced as a whole.
//!
//! ```text
//!  0       4         6   8        16        20
//!  ├ magic ┼ version ┼ 0 ┼ length ┼ crc32c  ┼ contents …
//!    WRSN    u16       u16  u64     u32
//! ```
//!
//! A snapshot is written beside the old one, synced, and given its name: at every moment there is
//! exactly one that counts, the old or the new. What the contents mean is the caller's.

use std::{
    io::IoSlice,
    path::{Path, PathBuf},
};

use bytes::{BufMut, Bytes, BytesMut};

use crate::{
    error::{Error, Result},
    fs::{self, File, FileSystem},
    record::{read_u32, read_u64},
};

const MAGIC: &[u8; 4] = b"WRSN";
/// Version 1 names no pages; it is read, too.
const VERSION: u16 = 2;
const HEADER_LEN: usize = 20;

/// The snapshot in one directory.
#[derive(Debug)]
pub struct Snapshot<F: FileSystem> {
    fs: F,
    dir: PathBuf,
}

// === impl Snapshot ===

impl<F: FileSystem> Snapshot<F> {
    /// The snapshot in `dir`, which is made when missing.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn new(fs: F, dir: impl Into<PathBuf>) -> Result<Self> {
        let dir = dir.into();
        fs.create_dir_all(&dir).map_err(|source| Error::Io {
            op: "create",
            path: dir.clone(),
            source,
        })?;
        Ok(Self { fs, dir })
    }

    /// Replaces the snapshot. Once this returns the new one survives a power cut; if it fails the
    /// old one still counts.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn store(&self, contents: &[u8]) -> Result<()> {
        let path = self.dir.join("snapshot.new");
        let io = |op| {
            let path = path.clone();
            move |source| Error::Io { op, path, source }
        };
        let mut header = BytesMut::with_capacity(HEADER_LEN);
        header.extend_from_slice(MAGIC);
        header.put_u16_le(VERSION);
        header.put_u16_le(0);
        header.put_u64_le(contents.len() as u64);
        let checksum = crc32c::crc32c_append(crc32c::crc32c(&header), contents);
        header.put_u32_le(checksum);

        let file = self.fs.open(&path, true).map_err(io("create"))?;
        let mut parts = [IoSlice::new(&header), IoSlice::new(contents)];
        fs::write_all(&file, &mut parts, 0).map_err(io("write"))?;
        file.set_len((HEADER_LEN + contents.len()) as u64).map_err(io("cut"))?;
        file.sync_data().map_err(io("sync"))?;
        self.fs.rename(&path, &self.path()).map_err(io("rename"))?;
        self.fs.sync_dir(&self.dir).map_err(io("sync the directory of"))
    }

    /// The contents of the snapshot; `None` when there never was one.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Version`], [`Error::Io`].
    pub fn load(&self) -> Result<Option<Bytes>> {
        let path = self.path();
        let io = |op, source| Error::Io { op, path: path.clone(), source };
        let corrupt = |reason| Error::Corrupt { path: path.clone(), offset: 0, reason };
        let known = self.fs.list(&self.dir).map_err(|source| io("find", source))?.contains(&path);
        if !known {
            return Ok(None);
        }
        let file = self.fs.open(&path, false).map_err(|source| io("open", source))?;
        let size = file.size().map_err(|source| io("measure", source))?;
        let mut raw = vec![0; usize::try_from(size).map_err(|_| corrupt("it is too large"))?];
        let got = fs::read_full(&file, &mut raw, 0).map_err(|source| io("read", source))?;
        raw.truncate(got);
        check(&path, &raw)?;
        // A process that was killed may have left the new name to the kernel; what it makes needless
        // may go only after it.
        self.fs.sync_dir(&self.dir).map_err(|source| io("sync the directory of", source))?;
        Ok(Some(Bytes::from(raw).slice(HEADER_LEN..)))
    }

    fn path(&self) -> PathBuf {
        self.dir.join("snapshot")
    }
}

fn check(path: &Path, raw: &[u8]) -> Result<()> {
    let corrupt = |reason| Error::Corrupt { path: path.to_owned(), offset: 0, reason };
    if raw.len() < HEADER_LEN || &raw[..4] != MAGIC {
        return Err(corrupt("this is no snapshot"));
    }
    let found = u16::from_le_bytes([raw[4], raw[5]]);
    if found > VERSION {
        return Err(Error::Version { path: path.to_owned(), found, supported: VERSION });
    }
    if read_u64(raw, 8) != (raw.len() - HEADER_LEN) as u64 {
        return Err(corrupt("the snapshot's length is not what it says"));
    }
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&raw[..16]), &raw[HEADER_LEN..]);
    if checksum != read_u32(raw, 16) {
        return Err(corrupt("the snapshot's checksum does not match"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::fs::memory::{Call, Fault, MemoryFs, seeds};

    fn snapshot(fs: &MemoryFs) -> Snapshot<MemoryFs> {
        Snapshot::new(fs.clone(), "/meta").unwrap()
    }

    #[test]
    fn the_last_one_stored_is_the_one_loaded() {
        let fs = MemoryFs::default();
        assert_eq!(snapshot(&fs).load().unwrap(), None);
        for contents in [&b"a long first one"[..], b"short", b""] {
            snapshot(&fs).store(contents).unwrap();
            assert_eq!(snapshot(&fs).load().unwrap().as_deref(), Some(contents));
        }
    }

    /// Whichever call is the last or fails, whether the power goes or only the process, the old snapshot or
    /// the new one is there, and the new one once the call returned.
    #[test]
    fn a_failure_at_every_call_leaves_the_old_or_the_new_one() {
        type Failing = fn(u64, u64) -> bool;
        let failing: [Failing; 2] = [|call, nth| call > nth, |call, nth| call == nth + 1];
        for (seed, fails_at) in seeds(300).flat_map(|seed| (0..6).map(move |call| (seed, call))) {
            for is_failing in failing {
                let fs = MemoryFs::default();
                fs.forget_at_failed_syncs();
                snapshot(&fs).store(b"old").unwrap();
                let mut calls = 0;
                fs.fail_with(move |_| {
                    calls += 1;
                    is_failing(calls, fails_at)
                        .then(|| Fault::Fail(io::ErrorKind::StorageFull.into()))
                });
                let stored = snapshot(&fs).store(&[7; 5000]).is_ok();
                assert!(stored == (fails_at >= 5), "call {fails_at}");
                fs.heal();
                let mut found = Vec::new();
                for fs in [fs.power_cut(seed), fs.clone()] {
                    found = snapshot(&fs).load().unwrap().unwrap().to_vec();
                    let is_new = found == [7; 5000];
                    assert!(is_new || (!stored && found == b"old"), "seed {seed}, call {fails_at}");
                }
                // What a process has seen stays, and another can be stored.
                let after = fs.power_cut(seed + 1);
                assert_eq!(snapshot(&after).load().unwrap().unwrap(), found);
                snapshot(&after).store(b"newer").unwrap();
                let after = after.power_cut(seed);
                assert_eq!(snapshot(&after).load().unwrap().as_deref(), Some(&b"newer"[..]));
            }
        }
    }

    /// A process killed before the directory was synced leaves a name that only the kernel knows.
    #[test]
    fn what_was_loaded_survives_a_power_cut() {
        for seed in 0..20 {
            let fs = MemoryFs::default();
            snapshot(&fs).store(b"old").unwrap();
            fs.fail_with(|call| {
                matches!(call, Call::SyncDir).then(|| Fault::Fail(io::ErrorKind::Other.into()))
            });
            assert!(snapshot(&fs).store(b"new").is_err());
            fs.heal();
            assert_eq!(snapshot(&fs).load().unwrap().as_deref(), Some(&b"new"[..]));
            let found = snapshot(&fs.power_cut(seed)).load().unwrap();
            assert_eq!(found.as_deref(), Some(&b"new"[..]), "seed {seed}");
        }
    }

    #[test]
    fn damage_is_told() {
        let fs = MemoryFs::default();
        snapshot(&fs).store(b"contents").unwrap();
        for bit in 0..(HEADER_LEN + 8) * 8 {
            let damaged = fs.power_cut(0);
            assert!(damaged.flip_bit(Path::new("/meta/snapshot"), bit));
            assert!(snapshot(&damaged).load().is_err(), "bit {bit}");
        }
    }
}
