//! The file system as the storage engine sees it: few calls, each of which a test can make fail.
//!
//! Two implementations: [`real::RealFs`] for the operating system, [`memory::MemoryFs`] for tests,
//! which can lose what was not synced, tear and reorder writes, and answer with any error.

use std::{
    fmt,
    io::{self, IoSlice},
    path::{Path, PathBuf},
};

pub mod memory;
pub mod real;

/// A directory tree that files can be opened in.
///
/// Implementations promise POSIX and no more: what a call changed survives a power cut only after
/// the matching [`File::sync_data`] or [`FileSystem::sync_dir`] returned.
pub trait FileSystem: fmt::Debug + Send + Sync + 'static {
    /// An open file.
    type File: File;

    /// Creates `path` and its missing parents, so that they survive a power cut; succeeds when it is
    /// there.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;

    /// Opens `path` for reading and writing; with `create`, makes it when it is missing.
    fn open(&self, path: &Path, create: bool) -> io::Result<Self::File>;

    /// Gives `from` the name `to`, replacing what had it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// The files directly in `path`, in no particular order.
    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>>;

    /// Makes creations, renames and removals in `path` survive a power cut.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Bytes that an unprivileged process can still write below `path`.
    fn available(&self, path: &Path) -> io::Result<u64>;
}

/// An open file. Calls take offsets, so that readers share a file with the writer.
pub trait File: fmt::Debug + Send + Sync + 'static {
    /// Reads into `buffer` from `offset` on; returns how many bytes, 0 at the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes from `parts`, in order, at `offset`; returns how many bytes, which may be fewer.
    fn write_vectored_at(&self, parts: &[IoSlice<'_>], offset: u64) -> io::Result<usize>;

    /// Makes all that was written survive a power cut.
    fn sync_data(&self) -> io::Result<()>;

    /// Reserves space so that writing below `len` bytes needs none; the file grows to `len`.
    fn allocate(&self, len: u64) -> io::Result<()>;

    /// Cuts the file to `len` bytes, or extends it with zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// The file's length in bytes.
    fn size(&self) -> io::Result<u64>;
}

/// Fills `buffer` from `offset` on as far as the file goes; returns how many bytes there were.
///
/// # Errors
///
/// Whatever [`File::read_at`] fails with, interruptions excepted.
pub fn read_full(file: &impl File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match file.read_at(&mut buffer[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(done)
}

/// The most slices one vectored write may carry (`IOV_MAX` on Linux).
const MAX_SLICES: usize = 1024;

/// Writes all of `parts`, in order, at `offset`, carrying on after short writes.
///
/// # Errors
///
/// Whatever [`File::write_vectored_at`] fails with, interruptions excepted; a write that makes no
/// progress is [`io::ErrorKind::WriteZero`]. What was written before the failure stays.
pub fn write_all(file: &impl File, parts: &mut [IoSlice<'_>], offset: u64) -> io::Result<()> {
    let mut rest = parts;
    let mut at = offset;
    IoSlice::advance_slices(&mut rest, 0);
    while !rest.is_empty() {
        let window = &rest[..rest.len().min(MAX_SLICES)];
        match file.write_vectored_at(window, at) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => {
                at += n as u64;
                IoSlice::advance_slices(&mut rest, n);
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}
