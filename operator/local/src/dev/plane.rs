//! Everything that `dev` starts, and the order in which it stops.
//!
//! ```text
//!  start:  addresses ─▶ client port ─▶ API server ─▶ control plane ─▶ kubelet ─▶ operator
//!  stop:   the reverse; the kubelet ends its pods while the API server still answers
//! ```

use std::fs;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::PathBuf;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use kube::Client;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use crate::addresses::Addresses;
use crate::apiserver::{self, ApiServer};
use crate::dev::state::{OBJECTS, StateFolder};
use crate::dev::{BoxError, DevOptions, Error};
use crate::services::{Front, Proxy, ServiceKey};
use crate::shutdown::{Shutdown, Trigger, channel};
use crate::{claims, disruption, garbage, kubelet, services, statefulset};

/// How long the operator may take to let go.
const OPERATOR_GRACE: Duration = Duration::from_secs(1);
/// How long all pods together may take to end; each is killed before that.
const KUBELET_GRACE: Duration = Duration::from_secs(15);

/// What is running. [`Plane::stop`] may be called however far the start had come.
pub(super) struct Plane {
    pub(super) state: StateFolder,
    addresses: Addresses,
    front: Proxy,
    server: Option<ApiServer>,
    kubeconfig: Option<(PathBuf, String)>,
    control: JoinSet<()>,
    kubelet: Option<(Trigger, JoinHandle<()>)>,
    operator: Option<(Trigger, JoinHandle<Result<(), BoxError>>)>,
}

// === impl Plane ===

impl Plane {
    /// Takes what only one process can have: the folder, the addresses, the client port.
    pub(super) async fn reserve(options: &DevOptions) -> Result<Self, Error> {
        let state = StateFolder::open(options.state.as_deref())?;
        let addresses = Addresses::reserve(state.seed()).map_err(Error::NoAddresses)?;
        let port = options.amqp_port;
        let front = Proxy::listen(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)).await;
        let front = front.map_err(|source| Error::AmqpPort { port, source })?;
        Ok(Self {
            state,
            addresses,
            front,
            server: None,
            kubeconfig: None,
            control: JoinSet::new(),
            kubelet: None,
            operator: None,
        })
    }

    /// Where AMQP clients connect.
    pub(super) fn amqp(&self) -> SocketAddr {
        self.front.address()
    }

    /// Starts the API server and writes the kubeconfig; gives a client and the file's place.
    pub(super) async fn serve(&mut self, options: &DevOptions) -> Result<(Client, PathBuf), Error> {
        let path = options.kubeconfig.clone().unwrap_or_else(|| self.state.join("kubeconfig"));
        refuse_foreign(&path)?;
        let server = ApiServer::start(apiserver::Options {
            state_dir: self.state.is_kept().then(|| self.state.join(OBJECTS)),
            pod_logs: Some(std::sync::Arc::new(self.logs())),
            history: None,
        });
        let server =
            self.server.insert(server.await.map_err(|error| Error::ApiServer(error.into()))?);
        let client = server.client().map_err(|error| Error::ApiServer(error.into()))?;
        let written = server.write_kubeconfig(&path);
        written.map_err(|source| Error::Io { op: "write", path: path.clone(), source })?;
        self.kubeconfig = Some((path.clone(), server.kubeconfig()));
        Ok((client, path))
    }

    /// Starts the controllers of the control plane and the kubelet; tells which Service clients reach.
    pub(super) fn control(
        &mut self,
        client: &Client,
        options: &DevOptions,
    ) -> watch::Receiver<Option<ServiceKey>> {
        let (chosen, service) = watch::channel(None);
        let front = Front { targets: self.front.targets().clone(), chosen };
        self.control.spawn(services::run(client.clone(), self.addresses.clone(), front));
        self.control.spawn(statefulset::run(client.clone()));
        self.control.spawn(claims::run(client.clone(), self.state.join("volumes")));
        self.control.spawn(garbage::run(client.clone()));
        self.control.spawn(disruption::run(client.clone()));
        let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.to_owned()));
        let kubelet = kubelet::Options {
            addresses: self.addresses.clone(),
            programs: kubelet::Programs::new(beside.unwrap_or_default(), options.broker.clone()),
            logs: self.logs(),
            pods: self.state.join("pods"),
            claims: self.state.join("volumes"),
        };
        let (trigger, shutdown) = channel();
        self.kubelet =
            Some((trigger, tokio::spawn(kubelet::run(client.clone(), kubelet, shutdown))));
        service
    }

    /// Starts the operator's controllers.
    pub(super) fn operate<C>(&mut self, start: impl FnOnce(BoxFuture<'static, ()>) -> C)
    where
        C: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let (trigger, shutdown) = channel();
        let controllers = start(Shutdown::requested(shutdown).boxed());
        self.operator = Some((trigger, tokio::spawn(controllers)));
    }

    /// Waits for the operator's controllers, which end only on a failure of their own.
    pub(super) async fn operator_ended(&mut self) -> Error {
        let Some((_, controllers)) = &mut self.operator else {
            return std::future::pending().await;
        };
        let ended = controllers.await;
        self.operator = None;
        Error::Controllers(match ended {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error),
            Err(panic) => Some(panic.into()),
        })
    }

    /// Stops everything that was started. Cancelling this kills what is left.
    pub(super) async fn stop(mut self) {
        if let Some((trigger, mut controllers)) = self.operator.take() {
            trigger.request();
            if timeout(OPERATOR_GRACE, &mut controllers).await.is_err() {
                controllers.abort();
            }
        }
        self.control.shutdown().await;
        if let Some((trigger, mut kubelet)) = self.kubelet.take() {
            let _abort = AbortOnDrop(kubelet.abort_handle());
            trigger.request();
            if timeout(KUBELET_GRACE, &mut kubelet).await.is_err() {
                tracing::warn!("a pod did not end in time and is killed");
            }
        }
        if let Some((path, text)) = self.kubeconfig.take()
            && fs::read_to_string(&path).is_ok_and(|now| now == text)
        {
            let _ = fs::remove_file(&path);
        }
        if let Some(server) = self.server.take() {
            server.shutdown().await;
        }
    }

    fn logs(&self) -> kubelet::Logs {
        kubelet::Logs::new(self.state.join("logs"))
    }
}

/// Ends a task, and with it its processes, also when the wait for it is cancelled.
struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A kubeconfig may be replaced only by the program that wrote it.
fn refuse_foreign(path: &std::path::Path) -> Result<(), Error> {
    match fs::read_to_string(path) {
        Ok(text) if !text.trim().is_empty() && !text.contains("current-context: warren-dev") => {
            Err(Error::ForeignKubeconfig(path.to_owned()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
