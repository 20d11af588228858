//! The data directory: it belongs to one broker at a time, and gives the node its lasting id.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use broker_storage::fs::FileSystem;
use broker_storage::fs::real::RealFs;

use crate::random;

/// A data directory that this process owns until the value is dropped.
#[derive(Debug)]
pub(crate) struct DataDir {
    node_id: String,
    /// Holds the advisory lock; the kernel lets go of it however the process ends.
    _lock: File,
}

/// Why the data directory cannot be used. Each names the path.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {op} {}: {source}", path.display())]
    Io {
        /// The verb, as in "create".
        op: &'static str,
        /// What it was done to.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another broker runs on the same directory.
    #[error("{} is in use by another broker; give each its own --data-dir", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
}

// === impl DataDir ===

impl DataDir {
    /// Takes the directory, creating it when missing.
    ///
    /// # Errors
    ///
    /// When another process holds it, or it cannot be read and written.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        RealFs.create_dir_all(path).map_err(failed("create", path))?;
        let lock_path = path.join("lock");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(failed("open", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(failed("lock", &lock_path)(source)),
        }
        let node_id = node_id(&path.join("node-id"))?;
        Ok(Self { node_id, _lock: lock })
    }

    /// The id drawn when the directory was first used.
    pub(crate) fn node_id(&self) -> &str {
        &self.node_id
    }
}

/// Reads the node's id, or draws and keeps one. Written beside and renamed, so never half there.
fn node_id(path: &Path) -> Result<String, Error> {
    let mut id = String::new();
    match File::open(path).and_then(|mut file| file.read_to_string(&mut id)) {
        Ok(_) if !id.trim().is_empty() => return Ok(id.trim().to_owned()),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed("read", path)(error)),
    }
    let id = random::hex(16);
    let draft = path.with_extension("new");
    File::create(&draft)
        .and_then(|mut file| {
            writeln!(file, "{id}")?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&draft, path))
        .map_err(failed("write", path))?;
    Ok(id)
}

fn failed(op: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { op, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_belongs_to_one_broker_and_keeps_its_id() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("deep").join("data");
        let first = DataDir::open(&path).unwrap();
        let id = first.node_id().to_owned();
        assert_eq!(id.len(), 32);
        let error = DataDir::open(&path).unwrap_err();
        assert!(matches!(error, Error::InUse { .. }), "{error}");
        drop(first);
        assert_eq!(DataDir::open(&path).unwrap().node_id(), id);
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("file");
        fs::write(&path, "x").unwrap();
        let error = DataDir::open(&path).unwrap_err().to_string();
        assert!(error.contains("cannot create") && error.contains("file"), "{error}");
    }
}
