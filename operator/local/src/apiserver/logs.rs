//! `pods/log`: the API server asks whoever runs the containers.

use std::io;

use bytes::Bytes;
use futures::{future::BoxFuture, stream::BoxStream};

/// The text of a log, in order, ending when the container does or when everything was said.
pub type LogStream = BoxStream<'static, io::Result<Bytes>>;

/// What `kubectl logs` asked for; the parameters of `GET pods/NAME/log`.
#[derive(Debug, Clone, Default)]
pub struct LogRequest {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub pod: String,
    /// The container; absent when the caller did not name one.
    pub container: Option<String>,
    /// The log of the run before the current one.
    pub previous: bool,
    /// Go on until the container ends.
    pub follow: bool,
    /// Only the last lines.
    pub tail_lines: Option<u64>,
    /// Stop after this many bytes.
    pub limit_bytes: Option<u64>,
    /// Only what was written within the last seconds.
    pub since_seconds: Option<u64>,
    /// Put an RFC 3339 time before each line.
    pub timestamps: bool,
}

/// Why there is no log to show.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The pod has no such container; the text names it. Answered as 400.
    #[error("{0}")]
    BadRequest(String),
    /// The log cannot be read. Answered as 500.
    #[error("{0}")]
    Unavailable(String),
}

/// Reads the logs of containers. Implemented by the kubelet.
pub trait PodLogs: Send + Sync + 'static {
    /// Opens one log. The pod exists in the API; its container may not have started.
    fn open(&self, request: LogRequest) -> BoxFuture<'_, Result<LogStream, LogError>>;
}
