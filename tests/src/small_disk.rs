//! A real file system that is small, so that it can be filled: in a mount namespace of its own.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::{patience::SOON, patience::until, process::Process};

/// A tmpfs of a fixed size. It is gone once this and all programs that were started on it are.
#[derive(Debug)]
pub struct SmallDisk {
    /// Keeps the namespace alive.
    holder: Process,
    /// How the namespace was entered.
    flags: &'static [&'static str],
    files: TempDir,
}

/// Where the kernel grants user namespaces.
const AS_ANYBODY: &[&str] = &["--user", "--mount"];
const AS_ROOT: &[&str] = &["--mount"];

// === impl SmallDisk ===

impl SmallDisk {
    /// A disk of so many bytes; none where this machine lets nobody mount one.
    ///
    /// # Panics
    ///
    /// When there is no room for a temporary directory.
    #[must_use]
    pub fn new(bytes: u64) -> Option<Self> {
        [AS_ANYBODY, AS_ROOT].into_iter().find_map(|flags| Self::mount(flags, bytes))
    }

    fn mount(flags: &'static [&'static str], bytes: u64) -> Option<Self> {
        let files = tempfile::tempdir().expect("a temporary directory");
        let dir = files.path().join("disk");
        fs::create_dir(&dir).expect("a directory of ours");
        let mut command = Command::new("unshare");
        command.args(flags).args((flags == AS_ANYBODY).then_some("--map-root-user"));
        let script = "mount -t tmpfs -o size=$1,mode=700 none \"$2\" && echo mounted && exec cat";
        command.args(["sh", "-c", script, "sh", &bytes.to_string()]).arg(&dir);
        let mut holder = Process::start(command, &files.path().join("mount.log")).ok()?;
        let mounted = until("a disk is mounted, or refused", SOON, || {
            let mounted = holder.output().contains("mounted");
            (mounted || holder.ended().is_some()).then_some(mounted).ok_or("neither")
        });
        mounted.then_some(Self { holder, flags, files })
    }

    /// Where it is for those who were started on it.
    #[must_use]
    pub fn dir(&self) -> PathBuf {
        self.files.path().join("disk")
    }

    /// A command line that starts `program` where the disk is seen.
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.holder.id().to_string()]).args(self.flags);
        command.args((self.flags == AS_ANYBODY).then_some("--preserve-credentials"));
        command.arg(program);
        command
    }

    /// Takes all the space that is left.
    ///
    /// # Panics
    ///
    /// When anything but a full disk ends it.
    pub fn fill(&self) {
        let mut ballast = File::create(self.ballast()).expect("the disk takes a file");
        for chunk in [1 << 20, 4096, 1] {
            let zeros = vec![0; chunk];
            let full = loop {
                if let Err(error) = ballast.write_all(&zeros) {
                    break error;
                }
            };
            assert_eq!(full.kind(), std::io::ErrorKind::StorageFull, "{full}");
        }
    }

    /// Gives back what [`SmallDisk::fill`] took.
    ///
    /// # Panics
    ///
    /// When it took nothing.
    pub fn relieve(&self) {
        fs::remove_file(self.ballast()).expect("the ballast is there");
    }

    /// Where it is for those who are outside.
    #[must_use]
    pub fn from_outside(&self) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        root.join(self.dir().strip_prefix("/").expect("an absolute path"))
    }

    fn ballast(&self) -> PathBuf {
        self.from_outside().join("ballast")
    }
}
