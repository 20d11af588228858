//! Why `dev` ended otherwise than by Ctrl-C.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// What the controllers' future may fail with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why `dev` could not go on. Everything it had started has been stopped when this is returned.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `--until-ready` ran out of time; one line for each resource that is not Ready.
    #[error("not ready after {}s:\n{}", timeout.as_secs(), indented(reasons))]
    NotReady {
        /// What `--timeout` said.
        timeout: Duration,
        /// Resource, reason and message of each.
        reasons: Vec<String>,
    },

    /// A signal came while `--until-ready` was still waiting.
    #[error("interrupted before every resource was ready")]
    Interrupted,

    /// Somebody else has the port on which clients are to reach the broker.
    #[error(
        "127.0.0.1:{port} is taken, perhaps by another broker; choose another with --amqp-port N, or --amqp-port 0"
    )]
    AmqpPort {
        /// What `--amqp-port` said.
        port: u16,
        /// The operating system's answer.
        source: io::Error,
    },

    /// A file or folder that `dev` itself needs.
    #[error("cannot {op} {}", path.display())]
    Io {
        /// The verb, as in "create".
        op: &'static str,
        /// What it was to be done to.
        path: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },

    /// Another `dev` uses the folder given with `--state`.
    #[error("{} is in use by another `dev`", .0.display())]
    StateInUse(PathBuf),

    /// The file given with `--kubeconfig` was written by somebody else.
    #[error("{} was not written by `dev` and is left alone; give --kubeconfig another path", .0.display())]
    ForeignKubeconfig(PathBuf),

    /// No block of loopback addresses is free for the pods.
    #[error("no free block of addresses in 127.0.0.0/8")]
    NoAddresses(#[source] io::Error),

    /// The embedded API server did not start.
    #[error("cannot start the API server")]
    ApiServer(#[source] BoxError),

    /// The embedded API server refused what the control plane needs of it.
    #[error("cannot {op}")]
    Kube {
        /// What was asked, as in "install the CRDs".
        op: &'static str,
        /// Its answer.
        source: Box<kube::Error>,
    },

    /// The operator's controllers ended, which they never should.
    #[error("the controllers ended")]
    Controllers(#[source] Option<BoxError>),
}

/// One reason a line, under the headline.
fn indented(reasons: &[String]) -> String {
    reasons.iter().map(|reason| format!("  {reason}")).collect::<Vec<_>>().join("\n")
}
