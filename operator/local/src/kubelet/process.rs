//! One program that runs as a container would.
//!
//! # Guarantees
//!
//! - The program leads a process group of its own: a Ctrl-C in the terminal does not reach it,
//!   and whatever it starts itself ends with it.
//! - Its standard input is a pipe that nobody writes to. It closes when this process ends,
//!   however it ends, and the program is asked to stop then.
//! - Dropping a [`Process`] kills the group: no path through the kubelet leaves one behind.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;

/// Asks a program to stop when its standard input closes.
const EXIT_WITH_SUPERVISOR: &str = "WARREN_EXIT_ON_STDIN_EOF";
/// Variables of this process that a program needs to run on this machine at all.
const INHERITED: [&str; 7] =
    ["PATH", "HOME", "TMPDIR", "LANG", "TZ", "RUST_BACKTRACE", "LLVM_PROFILE_FILE"];

/// What is to be run.
#[derive(Debug, Clone)]
pub(super) struct Launch {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
    /// The whole environment but for what the machine itself contributes.
    pub(super) environment: BTreeMap<String, String>,
    pub(super) directory: PathBuf,
    /// Standard output and standard error go here, in the order they are written.
    pub(super) log: PathBuf,
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Exit {
    /// As a shell says it: 128 and the signal's number when a signal ended it.
    pub(super) code: i32,
    pub(super) signal: Option<i32>,
}

/// A program that was started and whose end has not been seen yet.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    group: Option<Pid>,
    /// Held, never written to.
    _stdin: Option<ChildStdin>,
}

// === impl Process ===

impl Process {
    /// Starts `launch`.
    ///
    /// # Errors
    ///
    /// The operating system's refusal to create the log or to run the program.
    pub(super) fn start(launch: &Launch) -> io::Result<Self> {
        if let Some(folder) = launch.log.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::create_dir_all(&launch.directory)?;
        let log = OpenOptions::new().create(true).append(true).open(&launch.log)?;
        let inherited =
            INHERITED.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        let mut child = Command::new(&launch.program)
            .args(&launch.arguments)
            .env_clear()
            .envs(inherited)
            .envs(&launch.environment)
            .env(EXIT_WITH_SUPERVISOR, "true")
            .current_dir(&launch.directory)
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let group = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        Ok(Self { _stdin: child.stdin.take(), child, group })
    }

    /// The process id, also after the end.
    pub(super) fn id(&self) -> i32 {
        self.group.map_or(0, |group| group.as_raw_nonzero().get())
    }

    /// Waits for the program to end by itself. May be cancelled and called again.
    pub(super) async fn wait(&mut self) -> Exit {
        match self.child.wait().await {
            Ok(status) => Exit::from(status),
            Err(error) => {
                tracing::warn!(pid = self.id(), %error, "cannot wait for a container's process");
                Exit { code: 255, signal: None }
            }
        }
    }

    /// Sends SIGTERM, gives the program `grace` to end, then sends SIGKILL; returns its end.
    pub(super) async fn stop(&mut self, grace: Duration) -> Exit {
        self.signal(Signal::TERM);
        match timeout(grace, self.wait()).await {
            Ok(exit) => exit,
            Err(_) => {
                self.signal(Signal::KILL);
                self.wait().await
            }
        }
    }

    /// A process that has been waited for no longer owns its number, so it gets no signal.
    fn signal(&self, signal: Signal) {
        if let (Some(group), Some(_)) = (self.group, self.child.id()) {
            // The only failure left is that the group ended in this moment.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

// === impl Exit ===

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        let signal = status.signal();
        let code = status.code().or(signal.map(|signal| 128 + signal)).unwrap_or(255);
        Self { code, signal }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn shell(script: &str, folder: &Path) -> Launch {
        Launch {
            program: "/bin/sh".into(),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            environment: BTreeMap::from([("GREETING".to_owned(), "hello".to_owned())]),
            directory: folder.join("work"),
            log: folder.join("logs/0.log"),
        }
    }

    async fn until(condition: impl Fn() -> bool) {
        for _ in 0..500 {
            if condition() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("did not happen");
    }

    fn alive(pid: i32) -> bool {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        !stat.is_empty() && !stat.contains(") Z ")
    }

    #[tokio::test]
    async fn output_environment_and_exit_code_are_the_programs_own() {
        let folder = tempfile::tempdir().unwrap();
        let script = "echo $GREETING $WARREN_EXIT_ON_STDIN_EOF; echo oops >&2; exit 3";
        let mut process = Process::start(&shell(script, folder.path())).unwrap();
        assert_eq!(process.wait().await, Exit { code: 3, signal: None });
        assert_eq!(
            fs::read_to_string(folder.path().join("logs/0.log")).unwrap(),
            "hello true\noops\n"
        );
    }

    #[tokio::test]
    async fn a_program_that_ignores_the_polite_signal_is_killed_with_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let script = "trap '' TERM; sleep 1000 & echo $! > child; while :; do sleep 0.05; done";
        let mut process = Process::start(&shell(script, folder.path())).unwrap();
        let child = folder.path().join("work/child");
        until(|| fs::read_to_string(&child).is_ok_and(|text| text.ends_with('\n'))).await;
        let child: i32 = fs::read_to_string(&child).unwrap().trim().parse().unwrap();
        let exit = process.stop(Duration::from_millis(50)).await;
        assert_eq!(exit, Exit { code: 137, signal: Some(9) });
        until(|| !alive(child)).await;
    }

    #[tokio::test]
    async fn a_program_may_end_in_its_own_time_when_asked() {
        let folder = tempfile::tempdir().unwrap();
        let script = "trap 'exit 7' TERM; echo up; while :; do sleep 0.05; done";
        let mut process = Process::start(&shell(script, folder.path())).unwrap();
        let log = folder.path().join("logs/0.log");
        until(|| fs::read_to_string(&log).is_ok_and(|text| text == "up\n")).await;
        assert_eq!(process.stop(Duration::from_secs(10)).await, Exit { code: 7, signal: None });
    }

    #[tokio::test]
    async fn a_dropped_process_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let process = Process::start(&shell("sleep 1000", folder.path())).unwrap();
        let pid = process.id();
        assert!(alive(pid));
        drop(process);
        until(|| !alive(pid)).await;
    }

    #[tokio::test]
    async fn standard_input_stays_open_while_the_process_is_held() {
        let folder = tempfile::tempdir().unwrap();
        let mut process = Process::start(&shell("read line; exit 5", folder.path())).unwrap();
        assert!(timeout(Duration::from_millis(100), process.wait()).await.is_err());
        process._stdin = None;
        assert_eq!(process.wait().await, Exit { code: 5, signal: None });
    }

    #[tokio::test]
    async fn a_missing_program_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let launch = Launch { program: "/nowhere/x".into(), ..shell("", folder.path()) };
        assert_eq!(Process::start(&launch).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
