//! The logs of containers: where they are kept and how `kubectl logs` reads them.
//!
//! A run of a container writes straight to a file, so nothing is lost when the kubelet is killed
//! and a full pipe never stops the program. The price: lines carry no time of the kubelet's own,
//! so `--timestamps` and `--since` are refused. Layout: `<namespace>/<pod>/<container>/<run>.log`,
//! with `<run>.end` beside it once the run is over; the current and the previous run are kept.

use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};

use crate::apiserver::{LogError, LogRequest, LogStream, PodLogs};

/// A run that wrote more than this has its file emptied.
const LARGEST: u64 = 64 * 1024 * 1024;
/// What `lastState.terminated.message` shows of a failed run, as in Kubernetes.
const TAIL_BYTES: u64 = 2048;
/// How often a followed log is looked at.
const POLL: Duration = Duration::from_millis(200);
/// Largest piece handed to a reader at once.
const CHUNK: usize = 64 * 1024;

/// The folder that holds every log.
#[derive(Debug, Clone)]
pub(crate) struct Logs(PathBuf);

/// The folder of one container's logs.
#[derive(Debug, Clone)]
pub(super) struct ContainerLogs(PathBuf);

// === impl Logs ===

impl Logs {
    /// Keeps logs under `folder`, which need not exist yet.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// Forgets what earlier pods of this name wrote.
    pub(super) fn clear(&self, namespace: &str, pod: &str) {
        let _ = fs::remove_dir_all(self.0.join(namespace).join(pod));
    }

    pub(super) fn container(&self, namespace: &str, pod: &str, container: &str) -> ContainerLogs {
        ContainerLogs(self.0.join(namespace).join(pod).join(container))
    }

    fn find(&self, request: &LogRequest) -> Result<ContainerLogs, LogError> {
        let pod = self.0.join(&request.namespace).join(&request.pod);
        let mut names: Vec<String> = fs::read_dir(&pod)
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
            .collect();
        names.sort();
        match (&request.container, names.as_slice()) {
            (Some(name), _) if names.contains(name) => Ok(ContainerLogs(pod.join(name))),
            (None, [only]) => Ok(ContainerLogs(pod.join(only))),
            (None, [_, ..]) => {
                let choice = names.join(" ");
                Err(LogError::BadRequest(format!(
                    "a container name must be specified, choose one of: [{choice}]"
                )))
            }
            (name, _) => {
                let name = name.as_deref().unwrap_or("container");
                Err(LogError::BadRequest(format!(
                    "{name} in pod {} has not been started yet",
                    request.pod
                )))
            }
        }
    }
}

impl PodLogs for Logs {
    fn open(&self, request: LogRequest) -> BoxFuture<'_, Result<LogStream, LogError>> {
        async move {
            if request.timestamps || request.since_seconds.is_some() {
                let message = "`dev` does not record when a line was written: --timestamps and --since are not supported";
                return Err(LogError::BadRequest(message.to_owned()));
            }
            let logs = self.find(&request)?;
            let run = logs.run(request.previous).ok_or_else(|| {
                LogError::BadRequest(format!("previous terminated container in pod {} not found", request.pod))
            })?;
            let unavailable = |error: io::Error| LogError::Unavailable(error.to_string());
            let start = start(&logs.file(run), request.tail_lines).map_err(unavailable)?;
            let follow = request.follow && !request.previous;
            Ok(logs.read(run, start, follow, request.limit_bytes.unwrap_or(u64::MAX)))
        }
        .boxed()
    }
}

// === impl ContainerLogs ===

impl ContainerLogs {
    /// The file of a run; older runs than the one before it are forgotten.
    pub(super) fn begin(&self, run: i32) -> PathBuf {
        for old in self.runs().into_iter().filter(|old| *old < run - 1) {
            let _ = fs::remove_file(self.file(old));
            let _ = fs::remove_file(self.end_mark(old));
        }
        let _ = fs::remove_file(self.end_mark(run));
        self.file(run)
    }

    /// Marks a run as over, which ends the readers that follow it.
    pub(super) fn end(&self, run: i32) {
        let _ = fs::write(self.end_mark(run), "");
    }

    /// Empties the file of a run that writes without end.
    pub(super) fn bound(&self, run: i32) {
        let path = self.file(run);
        if fs::metadata(&path).is_ok_and(|meta| meta.len() > LARGEST) {
            let _ = fs::OpenOptions::new().write(true).open(&path).and_then(|file| file.set_len(0));
        }
    }

    /// The last lines of a run.
    pub(super) fn tail(&self, run: i32) -> String {
        let read = || -> io::Result<Vec<u8>> {
            let mut file = fs::File::open(self.file(run))?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
            let mut bytes = Vec::new();
            file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        String::from_utf8_lossy(&read().unwrap_or_default()).trim_end().to_owned()
    }

    fn file(&self, run: i32) -> PathBuf {
        self.0.join(format!("{run}.log"))
    }

    fn end_mark(&self, run: i32) -> PathBuf {
        self.0.join(format!("{run}.end"))
    }

    fn runs(&self) -> Vec<i32> {
        let entries = fs::read_dir(&self.0).into_iter().flatten().filter_map(Result::ok);
        let number =
            |entry: fs::DirEntry| entry.file_name().to_str()?.strip_suffix(".log")?.parse().ok();
        let mut runs: Vec<i32> = entries.filter_map(number).collect();
        runs.sort_unstable();
        runs
    }

    fn run(&self, previous: bool) -> Option<i32> {
        self.runs().into_iter().rev().nth(usize::from(previous))
    }

    fn read(self, run: i32, start: u64, follow: bool, limit: u64) -> LogStream {
        stream::unfold((self, start, limit), move |(logs, at, left)| async move {
            loop {
                // Asked before reading: what is written before the end is then never missed.
                let over = !follow || logs.end_mark(run).exists() || !logs.file(run).exists();
                match chunk(&logs.file(run), at, left) {
                    Ok(bytes) if bytes.is_empty() && (over || left == 0) => return None,
                    Ok(bytes) if bytes.is_empty() => tokio::time::sleep(POLL).await,
                    Ok(bytes) => {
                        let length = bytes.len() as u64;
                        return Some((Ok(bytes), (logs, at + length, left - length)));
                    }
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
                    Err(error) => return Some((Err(error), (logs, at, 0))),
                }
            }
        })
        .boxed()
    }
}

fn chunk(path: &Path, at: u64, left: u64) -> io::Result<Bytes> {
    let mut file = fs::File::open(path)?;
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    file.take(left.min(CHUNK as u64)).read_to_end(&mut bytes)?;
    Ok(bytes.into())
}

/// Where the last `lines` lines of a file begin.
fn start(path: &Path, lines: Option<u64>) -> io::Result<u64> {
    let Some(lines) = lines else { return Ok(0) };
    let text = fs::read(path)?;
    let body = text.strip_suffix(b"\n").unwrap_or(&text);
    let mut breaks = body.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n');
    let Some(lines) = usize::try_from(lines).ok().filter(|lines| *lines > 0) else {
        return Ok(text.len() as u64);
    };
    Ok(breaks.nth(lines - 1).map_or(0, |(at, _)| at as u64 + 1))
}

#[cfg(test)]
mod tests;
