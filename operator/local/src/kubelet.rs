//! A kubelet that runs a pod's containers as processes of this machine.
//!
//! ```text
//!  Pods ───────────▶ [pod] one task each ──▶ [container] one task each ──▶ [process]
//!  ConfigMaps,          │  status, deletion      │ [environment] [volumes] [mounts] [programs]
//!  Secrets, claims ─────┘                        └ [probe] [backoff] [logs]
//! ```
//!
//! # What is missing of Kubernetes
//!
//! Images (a container's command names a program beside this one), isolation (users, security
//! contexts, cgroups, limits, name spaces: a program sees the whole machine), `exec` and gRPC
//! probes (taken as passed), lifecycle hooks, sidecar init containers, ephemeral containers,
//! `resourceFieldRef`, service-account tokens, more than one node. Unlike a cluster, a program's
//! own listening port is reachable only where it listens on its pod's address.

mod backoff;
mod container;
mod environment;
mod events;
mod expansion;
mod logs;
mod mounts;
mod node;
mod objects;
mod pod;
mod probe;
mod process;
mod programs;
mod projection;
mod status;
mod volumes;
mod waiting;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;

use futures::StreamExt;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Secret};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, ResourceExt};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::addresses::Addresses;
use crate::kubelet::events::Events;
use crate::kubelet::objects::Watched;
use crate::kubelet::pod::{Shared, Wish};
use crate::shutdown::Shutdown;
use crate::watches::Watches;

pub(crate) use logs::Logs;
pub(crate) use programs::Programs;

/// The only node.
const NODE: &str = "laptop";

/// What a kubelet works with.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) addresses: Addresses,
    pub(crate) programs: Programs,
    pub(crate) logs: Logs,
    /// Folder for what lives as long as a pod.
    pub(crate) pods: PathBuf,
    /// Folder for claims, as `<namespace>/<claim>`.
    pub(crate) claims: PathBuf,
}

/// The pods that have a task.
struct Pods {
    shared: Arc<Shared>,
    tasks: HashMap<(String, String), Task>,
}

struct Task {
    uid: String,
    wish: watch::Sender<Wish>,
    handle: JoinHandle<()>,
}

/// Runs every pod until `shutdown`, then stops them; returns when no process is left.
pub(crate) async fn run(client: Client, options: Options, shutdown: Shutdown) {
    let mut watches = Watches::new(client.clone());
    let objects = Watched {
        config_maps: watches.follow::<ConfigMap>(),
        secrets: watches.follow::<Secret>(),
        claims: watches.follow::<PersistentVolumeClaim>(),
    };
    let mut background = JoinSet::new();
    background.spawn(node::register(client.clone(), options.addresses.node().to_string()));
    let shared = Arc::new(Shared {
        events: Events::new(client.clone(), NODE),
        client: client.clone(),
        node: NODE,
        addresses: options.addresses,
        programs: options.programs,
        objects,
        changed: watches.changes(),
        logs: options.logs,
        pods: options.pods,
        claims: options.claims,
    });
    let mut pods = Pods { shared, tasks: HashMap::new() };
    shutdown.or(pods.follow(client)).await;
    pods.stop().await;
}

// === impl Pods ===

impl Pods {
    /// Starts and tells the tasks of pods for as long as the API server answers.
    async fn follow(&mut self, client: Client) {
        let mut listed = HashSet::new();
        let mut events =
            pin!(watcher(Api::<Pod>::all(client), watcher::Config::default()).default_backoff());
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Init) => listed.clear(),
                Ok(Event::InitApply(pod)) => {
                    listed.insert(key(&pod));
                    self.exists(pod);
                }
                Ok(Event::InitDone) => {
                    let gone: Vec<_> =
                        self.tasks.keys().filter(|key| !listed.contains(*key)).cloned().collect();
                    gone.iter().for_each(|key| self.gone(key, None));
                }
                Ok(Event::Apply(pod)) => self.exists(pod),
                Ok(Event::Delete(pod)) => self.gone(&key(&pod), pod.uid().as_deref()),
                Err(error) => tracing::debug!(%error, "the watch of pods was interrupted"),
            }
        }
    }

    fn exists(&mut self, pod: Pod) {
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
        if node.is_some_and(|node| node != NODE) {
            return;
        }
        let (key, uid) = (key(&pod), pod.uid().unwrap_or_default());
        let wish = Wish::Exists(Arc::new(pod));
        let mut before = None;
        if let Some(task) = self.tasks.remove(&key) {
            if task.uid == uid {
                task.wish.send_replace(wish);
                self.tasks.insert(key, task);
                return;
            }
            task.wish.send_replace(Wish::Gone);
            before = Some(task.handle);
        }
        let (sender, receiver) = watch::channel(wish);
        let handle = tokio::spawn(pod::run(self.shared.clone(), receiver, before));
        self.tasks.insert(key, Task { uid, wish: sender, handle });
    }

    fn gone(&mut self, key: &(String, String), uid: Option<&str>) {
        if let Some(task) = self.tasks.get(key).filter(|task| uid.is_none_or(|uid| uid == task.uid))
        {
            task.wish.send_replace(Wish::Gone);
        }
        // A task that has ended is forgotten; one that still stops its programs is remembered,
        // because a pod of the same name has to wait for it.
        self.tasks.retain(|_, task| !task.handle.is_finished());
    }

    async fn stop(mut self) {
        for task in self.tasks.values() {
            task.wish.send_replace(Wish::Shutdown);
        }
        for (_, task) in self.tasks.drain() {
            let _ = task.handle.await;
        }
    }
}

impl Drop for Pods {
    /// Without the orderly end, the tasks are dropped, and with them their processes.
    fn drop(&mut self) {
        for task in self.tasks.values() {
            task.handle.abort();
        }
    }
}

fn key(pod: &Pod) -> (String, String) {
    (pod.namespace().unwrap_or_default(), pod.name_any())
}
