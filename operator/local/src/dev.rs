//! `warren-operator dev`: manifests on a laptop, end to end.
//!
//! [`run`] starts an API server on loopback, the controllers of the embedded control plane and
//! the operator's own, applies the manifests found in the given folders, and shows what becomes
//! of them until a signal arrives.
//!
//! # Guarantees
//!
//! - However it ends (SIGINT, SIGTERM, an error, `--until-ready`), no process, no listening port
//!   and no temporary folder stays behind. Signals are watched before anything is started.
//! - After a SIGKILL the brokers end by themselves, because the pipe on their standard input is
//!   closed; the temporary folder is removed by the next `dev`.

mod applier;
mod board;
mod connection;
mod error;
mod folder;
mod manifest;
mod options;
mod plane;
mod readiness;
mod screen;
mod session;
mod signals;
mod state;
mod table;

use std::future::Future;

use futures::future::BoxFuture;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

use crate::dev::plane::Plane;
use crate::dev::session::Session;
use crate::dev::signals::Signals;

pub use error::{BoxError, Error};
pub use options::DevOptions;

/// Runs `options.directories` until SIGINT or SIGTERM, or until `--until-ready` is decided.
///
/// `crds` are installed before any manifest is applied. `start_controllers` gets a client of the
/// embedded API server and a future that completes when the controllers have to stop; it is
/// called once, and must return soon after that future completes.
///
/// # Errors
///
/// See [`Error`]. A signal without `--until-ready` is the normal end and not an error.
pub async fn run<F, C>(
    options: DevOptions,
    crds: Vec<CustomResourceDefinition>,
    start_controllers: F,
) -> Result<(), Error>
where
    F: FnOnce(kube::Client, BoxFuture<'static, ()>) -> C,
    C: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    let mut signals = Signals::watch().map_err(|source| Error::Io {
        op: "watch signals of",
        path: "this process".into(),
        source,
    })?;
    let mut plane = Plane::reserve(&options).await?;
    let session = Session { options: &options, crds, plane: &mut plane };
    let outcome = tokio::select! {
        outcome = session.run(start_controllers) => outcome,
        () = signals.next() => if options.until_ready { Err(Error::Interrupted) } else { Ok(()) },
    };
    tokio::select! {
        () = plane.stop() => {}
        // A second signal: what has not ended by now is killed.
        () = signals.next() => {}
    }
    outcome
}
