//! A Kubernetes API server on loopback, for development and tests.
//!
//! It speaks the API that the kube-rs runtime, `kubectl` and `helm` speak: discovery, OpenAPI,
//! tables, lists with paging, watches with bookmarks, the four kinds of patch with field
//! ownership, custom resources with structural schemas and CEL rules, finalizers, and `Status`
//! errors in Kubernetes' own words.
//!
//! ```text
//!  TLS + token ─▶ [serve] ─▶ [route] ─▶ [verbs] ─▶ [store] ─▶ journal
//!                              │           │          └────▶ watchers
//!                              │           ├─▶ [schema] defaults, pruning, validation, CEL
//!                              │           ├─▶ [patch], [fields] merge and ownership
//!                              │           └─▶ [table], [negotiate] what the client asked to see
//!                              └─▶ [discovery], [openapi]
//! ```
//!
//! # What is missing of Kubernetes
//!
//! Admission webhooks, authorization (every caller with the token may do everything), audit,
//! conversion between versions of a custom resource, aggregated API servers, protobuf answers, exec,
//! attach and port-forward. A pod's fields are stored as they are, without the checks that a
//! scheduler and a kubelet depend on.

mod admission;
mod catalog;
mod crd;
mod discovery;
mod exchange;
mod fields;
mod jsonpath;
mod kubeconfig;
mod logs;
mod meta;
mod namespaces;
mod negotiate;
mod openapi;
mod patch;
mod protobuf;
mod query;
mod route;
mod schema;
mod selector;
mod serve;
mod status;
mod store;
mod table;
mod tls;
mod verbs;

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc};

use tokio::task::JoinHandle;

pub use self::logs::{LogError, LogRequest, LogStream, PodLogs};
use self::{serve::Server, store::Store, tls::Identity, verbs::Api};

/// How an [`ApiServer`] runs.
#[derive(Clone, Default)]
pub struct Options {
    /// Where objects are kept between runs; in memory only when absent. One server at a time.
    pub state_dir: Option<PathBuf>,
    /// Who reads the logs of containers; without it `kubectl logs` answers that there are none.
    pub pod_logs: Option<Arc<dyn PodLogs>>,
    /// Changes remembered for each kind, so that a watch can resume; older ones answer 410.
    /// Default 4096.
    pub history: Option<usize>,
}

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The loopback address could not be bound or its certificate not be made.
    #[error("cannot serve on loopback: {0}")]
    Listen(#[source] io::Error),
    /// The certificate for loopback could not be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(String),
    /// What is in the state directory could not be read back.
    #[error("cannot load the state in {}: {source}", path.display())]
    State {
        /// The directory given in [`Options::state_dir`].
        path: PathBuf,
        /// What the operating system or the decoder said.
        source: io::Error,
    },
}

/// A running API server. Dropping it ends it; [`ApiServer::shutdown`] also waits.
pub struct ApiServer {
    address: SocketAddr,
    identity: Identity,
    token: String,
    tasks: Vec<JoinHandle<()>>,
}

// === impl ApiServer ===

impl ApiServer {
    /// Binds a free port of 127.0.0.1 and serves until shut down.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let identity = Identity::generate().map_err(|e| StartError::Certificate(e.to_string()))?;
        let token = meta::random_token();
        let history = options.history.unwrap_or(4096);
        let store = match &options.state_dir {
            None => Store::in_memory(history),
            Some(path) => Store::open(path, history)
                .map_err(|source| StartError::State { path: path.clone(), source })?,
        };
        let api = Arc::new(Api::new(store, options.pod_logs));
        api.bootstrap();
        let server =
            Server::bind(&identity, &token, api.clone()).await.map_err(StartError::Listen)?;
        let address = server.address();
        let tasks = vec![tokio::spawn(server.run()), tokio::spawn(namespaces::run(api))];
        Ok(Self { address, identity, token, tasks })
    }

    /// `https://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// The bearer token of the only user.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The certificate authority to trust, as PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.identity.ca_pem
    }

    /// A kubeconfig document that `kubectl` and `helm` accept. Holds the token: keep it private.
    #[must_use]
    pub fn kubeconfig(&self) -> String {
        kubeconfig::render(&self.url(), &self.identity.ca_pem, &self.token)
    }

    /// Writes [`ApiServer::kubeconfig`] to `path`, readable by its owner only, atomically.
    pub fn write_kubeconfig(&self, path: &std::path::Path) -> io::Result<()> {
        kubeconfig::write(path, &self.kubeconfig())
    }

    /// Configuration for a kube-rs client, with the namespace `default`.
    #[must_use]
    pub fn config(&self) -> kube::Config {
        let url = self.url().parse().expect("a loopback address and port are a valid URL");
        let mut config = kube::Config::new(url);
        config.root_cert = Some(vec![self.identity.ca_der.clone()]);
        config.auth_info.token = Some(self.token.clone().into());
        config
    }

    /// A client for controllers; errors only when the TLS stack cannot be set up.
    pub fn client(&self) -> kube::Result<kube::Client> {
        kube::Client::try_from(self.config())
    }

    /// Stops accepting, ends every connection and watch, and returns when they are gone.
    pub async fn shutdown(mut self) {
        for task in std::mem::take(&mut self.tasks) {
            task.abort();
            let _ = task.await;
        }
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}
