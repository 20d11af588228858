//! The folder that holds what a running `dev` keeps on disk.
//!
//! ```text
//!  lock           held for as long as `dev` runs
//!  kubeconfig     unless --kubeconfig says otherwise
//!  objects/       the API server's, with --state only
//!  applied.json   what the manifests had put there, with --state only
//!  volumes/       claims, as <namespace>/<claim>
//!  logs/          as <namespace>/<pod>/<container>/<run>.log
//!  pods/          mounted files and working directories, gone with their pods
//! ```

use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{FlockOperation, flock};
use tempfile::TempDir;

use crate::dev::Error;

const PREFIX: &str = "warren-dev-";
const LOCK: &str = "lock";
/// Where the API server keeps its objects in a kept folder.
pub(super) const OBJECTS: &str = "objects";
/// A temporary folder this young may still be about to be locked by its owner.
const YOUNG: Duration = Duration::from_secs(60);

/// The folder and the lock on it; a temporary one is removed when this is dropped.
#[derive(Debug)]
pub(super) struct StateFolder {
    path: PathBuf,
    temporary: Option<TempDir>,
    used: bool,
    _lock: File,
}

// === impl StateFolder ===

impl StateFolder {
    /// Takes `chosen`, or makes a temporary folder and removes those that a killed `dev` left.
    pub(super) fn open(chosen: Option<&Path>) -> Result<Self, Error> {
        match chosen {
            Some(path) => {
                fs::create_dir_all(path).map_err(|source| failed("create", path, source))?;
                let path = path.canonicalize().map_err(|source| failed("find", path, source))?;
                let lock = lock(&path)?;
                // What a killed `dev` left of its pods.
                let _ = fs::remove_dir_all(path.join("pods"));
                Ok(Self { used: path.join(OBJECTS).exists(), path, temporary: None, _lock: lock })
            }
            None => {
                let parent = std::env::temp_dir();
                sweep(&parent);
                let private = fs::Permissions::from_mode(0o700);
                let made = tempfile::Builder::new()
                    .prefix(PREFIX)
                    .permissions(private)
                    .tempdir_in(&parent);
                let folder =
                    made.map_err(|source| failed("create a folder in", &parent, source))?;
                let lock = lock(folder.path())?;
                Ok(Self {
                    path: folder.path().to_owned(),
                    temporary: Some(folder),
                    used: false,
                    _lock: lock,
                })
            }
        }
    }

    /// Whether what is in the folder is still there the next time.
    pub(super) fn is_kept(&self) -> bool {
        self.temporary.is_none()
    }

    /// Whether an earlier `dev` left objects here.
    pub(super) fn was_used(&self) -> bool {
        self.used
    }

    /// A number that a kept folder has each time, and a temporary one only by chance.
    pub(super) fn seed(&self) -> u32 {
        let bytes = self.path.as_os_str().as_bytes();
        bytes.iter().fold(0x811c_9dc5, |hash: u32, byte| {
            (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
        })
    }

    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

fn lock(folder: &Path) -> Result<File, Error> {
    let path = folder.join(LOCK);
    let file = File::create(&path).map_err(|source| failed("create", &path, source))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(Error::StateInUse(folder.to_owned())),
        Err(error) => Err(failed("lock", &path, error.into())),
    }
}

fn failed(op: &'static str, path: &Path, source: io::Error) -> Error {
    Error::Io { op, path: path.to_owned(), source }
}

/// Removes temporary folders whose owner is gone, which only a SIGKILL or a crash leaves behind.
fn sweep(parent: &Path) {
    let entries = fs::read_dir(parent).into_iter().flatten().filter_map(Result::ok);
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX)) {
        if is_abandoned(&entry.path()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn is_abandoned(folder: &Path) -> bool {
    let old = |meta: fs::Metadata| {
        let age =
            meta.modified().ok().and_then(|changed| SystemTime::now().duration_since(changed).ok());
        age.is_some_and(|age| age >= YOUNG)
    };
    let Ok(file) = File::open(folder.join(LOCK)) else {
        return fs::symlink_metadata(folder).is_ok_and(|meta| meta.is_dir() && old(meta));
    };
    // The lock is released when this file is closed, after the folder was judged.
    file.metadata().is_ok_and(old) && flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_used_by_one_at_a_time() {
        let parent = tempfile::tempdir().unwrap();
        let chosen = parent.path().join("a/b");
        let first = StateFolder::open(Some(&chosen)).unwrap();
        assert!(matches!(StateFolder::open(Some(&chosen)), Err(Error::StateInUse(_))));
        assert!(first.is_kept());
        drop(first);
        assert!(StateFolder::open(Some(&chosen)).is_ok());
        assert!(chosen.is_dir(), "a chosen folder stays");
    }

    #[test]
    fn a_temporary_folder_is_private_and_goes_with_its_owner() {
        let folder = StateFolder::open(None).unwrap();
        let path = folder.join("");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn only_old_folders_without_an_owner_are_swept() {
        let parent = tempfile::tempdir().unwrap();
        let make = |name: &str, age: Duration| {
            let folder = parent.path().join(name);
            fs::create_dir(&folder).unwrap();
            let file = File::create(folder.join(LOCK)).unwrap();
            file.set_modified(SystemTime::now() - age).unwrap();
            file
        };
        let abandoned = make("warren-dev-abandoned", YOUNG * 2);
        let young = make("warren-dev-young", Duration::ZERO);
        let owned = make("warren-dev-owned", YOUNG * 2);
        let foreign = make("somebody-else", YOUNG * 2);
        flock(&owned, FlockOperation::LockExclusive).unwrap();
        sweep(parent.path());
        let mut left: Vec<_> =
            fs::read_dir(parent.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["somebody-else", "warren-dev-owned", "warren-dev-young"]);
        drop((abandoned, young, owned, foreign));
    }
}
