//! One pod: placed, run, reported on, and taken down.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Pod, PodStatus};
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, DeleteParams, Patch, PatchParams, Preconditions};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

use crate::addresses::{Addresses, Lease};
use crate::kubelet::container::{Context, Runner};
use crate::kubelet::events::Events;
use crate::kubelet::logs::Logs;
use crate::kubelet::objects::Watched;
use crate::kubelet::programs::Programs;
use crate::kubelet::status::{Facts, Report, RestartPolicy, State, compose};
use crate::kubelet::volumes::Volumes;

/// At the end of the control plane nobody waits for a pod's full grace period.
const LAST_GRACE: Duration = Duration::from_secs(8);
/// How long to wait before a refused write is tried again.
const RETRY: Duration = Duration::from_millis(200);

/// What becomes of a pod.
#[derive(Debug, Clone)]
pub(super) enum Wish {
    /// It exists, in this form; it may be about to be deleted.
    Exists(Arc<Pod>),
    /// It was deleted without waiting for the kubelet.
    Gone,
    /// The control plane ends.
    Shutdown,
}

/// What every pod's task needs.
pub(super) struct Shared {
    pub(super) client: Client,
    pub(super) node: &'static str,
    pub(super) addresses: Addresses,
    pub(super) programs: Programs,
    pub(super) objects: Watched,
    /// Changes whenever one of `objects` does.
    pub(super) changed: watch::Receiver<u64>,
    pub(super) logs: Logs,
    /// Folders of pods, by uid.
    pub(super) pods: PathBuf,
    /// Folders of claims, by namespace and name.
    pub(super) claims: PathBuf,
    pub(super) events: Events,
}

/// The task of one pod.
struct Worker {
    shared: Arc<Shared>,
    api: Api<Pod>,
    pod: Arc<Pod>,
    wish: watch::Receiver<Wish>,
    lease: Lease,
    facts: Facts,
    init: Vec<Report>,
    containers: Vec<Report>,
    written: Option<PodStatus>,
}

/// Runs the pod that `wish` tells of until it is gone. `before` is the task of an earlier pod of
/// the same name, whose programs have to be gone first.
pub(super) async fn run(
    shared: Arc<Shared>,
    wish: watch::Receiver<Wish>,
    before: Option<JoinHandle<()>>,
) {
    if let Some(before) = before {
        let _ = before.await;
    }
    let Wish::Exists(pod) = wish.borrow().clone() else { return };
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    let api = Api::namespaced(shared.client.clone(), &pod.namespace().unwrap_or_default());
    if matches!(phase, Some("Succeeded" | "Failed")) {
        return finished(&api, wish).await;
    }
    let Some(lease) = shared.addresses.pod() else {
        shared.events.warning(&pod, "NoAddress", "every address for pods is in use").await;
        return;
    };
    let uid = pod.uid().unwrap_or_default();
    Worker::new(shared, api, pod, wish, lease).run(&uid).await;
}

/// A pod whose containers ended in an earlier life of the control plane only waits to be deleted.
async fn finished(api: &Api<Pod>, mut wish: watch::Receiver<Wish>) {
    let deleted = |wish: &Wish| match wish {
        Wish::Exists(pod) => pod.metadata.deletion_timestamp.is_some(),
        Wish::Gone | Wish::Shutdown => true,
    };
    let Ok(last) = wish.wait_for(deleted).await.map(|wish| wish.clone()) else { return };
    if let Wish::Exists(pod) = last {
        confirm_deletion(api, &pod).await;
    }
}

// === impl Worker ===

impl Worker {
    fn new(
        shared: Arc<Shared>,
        api: Api<Pod>,
        pod: Arc<Pod>,
        wish: watch::Receiver<Wish>,
        lease: Lease,
    ) -> Self {
        let spec = pod.spec.as_ref();
        let restarts = |name: &str| {
            let status = pod.status.as_ref()?.container_statuses.as_ref()?;
            Some(status.iter().find(|status| status.name == name)?.restart_count + 1)
        };
        let report = |container: &Container| {
            let image = container.image.as_deref().unwrap_or_default();
            Report {
                restarts: restarts(&container.name).unwrap_or(0),
                ..Report::new(&container.name, image)
            }
        };
        let init = spec
            .iter()
            .flat_map(|spec| spec.init_containers.iter().flatten())
            .map(report)
            .collect();
        let containers = spec.iter().flat_map(|spec| &spec.containers).map(report).collect();
        let facts = Facts {
            pod_ip: lease.address().to_string(),
            host_ip: shared.addresses.node().to_string(),
            started: Timestamp::now(),
            generation: pod.metadata.generation,
            policy: RestartPolicy::parse(spec.and_then(|spec| spec.restart_policy.as_deref())),
        };
        let written = pod.status.clone();
        Self { shared, api, pod, wish, lease, facts, init, containers, written }
    }

    async fn run(mut self, uid: &str) {
        self.place().await;
        if self.containers.iter().all(|container| container.restarts == 0) {
            self.shared.logs.clear(&self.pod.namespace().unwrap_or_default(), &self.pod.name_any());
        }
        let folder = self.shared.pods.join(uid);
        let (stop, stopping) = watch::channel(None);
        let context = Arc::new(self.context(&folder));
        let (sender, mut reports) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(run_containers(
            context.clone(),
            self.facts.policy,
            self.all_reports(),
            self.shared.logs.clone(),
            stopping,
            sender,
        ));
        let mut changed = self.shared.changed.clone();
        loop {
            self.write_status().await;
            if let Some(grace) = self.wanted_end() {
                stop.send_replace(Some(grace));
                break;
            }
            tokio::select! {
                Some(report) = reports.recv() => self.take(report),
                Ok(()) = self.wish.changed() => self.look(),
                Ok(()) = changed.changed() => self.refresh(&context),
                else => break,
            }
            while let Ok(report) = reports.try_recv() {
                self.take(report);
            }
        }
        while tasks.join_next().await.is_some() {}
        while let Ok(report) = reports.try_recv() {
            self.take(report);
        }
        self.take_down(&folder).await;
    }

    fn context(&self, folder: &std::path::Path) -> Context {
        Context {
            pod: self.pod.clone(),
            pod_ip: self.lease.address(),
            host_ip: self.shared.addresses.node(),
            node: self.shared.node,
            objects: self.shared.objects.clone(),
            volumes: Volumes { own: folder.join("volumes"), claims: self.shared.claims.clone() },
            programs: self.shared.programs.clone(),
            folder: folder.join("work"),
            events: self.shared.events.clone(),
        }
    }

    fn all_reports(&self) -> (Vec<Report>, Vec<Report>) {
        (self.init.clone(), self.containers.clone())
    }

    /// Writes the node into the pod, which in a cluster is the scheduler's work.
    async fn place(&mut self) {
        if self.pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_some()) {
            return;
        }
        let binding =
            json!({"metadata": {"uid": self.pod.uid()}, "spec": {"nodeName": self.shared.node}});
        let patched = self
            .api
            .patch(&self.pod.name_any(), &PatchParams::default(), &Patch::Merge(binding))
            .await;
        match patched {
            Ok(pod) => self.pod = Arc::new(pod),
            Err(error) => tracing::warn!(pod = %self.pod.name_any(), %error, "cannot place a pod"),
        }
    }

    fn take(&mut self, report: Report) {
        let known = self
            .init
            .iter_mut()
            .chain(&mut self.containers)
            .find(|known| known.name == report.name);
        if let Some(known) = known {
            *known = report;
        }
    }

    fn look(&mut self) {
        if let Wish::Exists(pod) = self.wish.borrow_and_update().clone() {
            self.facts.generation = pod.metadata.generation;
            self.pod = pod;
        }
    }

    /// Brings mounted files up to date; what is missing now keeps its last contents.
    fn refresh(&self, context: &Context) {
        if let Err(waiting) = context.volumes.prepare(&self.pod, context.place(), &context.objects)
        {
            tracing::debug!(pod = %self.pod.name_any(), reason = waiting.message, "a volume keeps its old contents");
        }
    }

    /// The grace period, once the pod has to end.
    fn wanted_end(&self) -> Option<Duration> {
        let spec = self.pod.spec.as_ref().and_then(|spec| spec.termination_grace_period_seconds);
        let seconds = self.pod.metadata.deletion_grace_period_seconds.or(spec).unwrap_or(30);
        let grace = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
        match &*self.wish.borrow() {
            Wish::Exists(pod) => pod.metadata.deletion_timestamp.is_some().then_some(grace),
            Wish::Gone => Some(grace),
            Wish::Shutdown => Some(grace.min(LAST_GRACE)),
        }
    }

    async fn write_status(&mut self) {
        let status = compose(
            &self.facts,
            &self.init,
            &self.containers,
            self.written.as_ref(),
            Timestamp::now(),
        );
        if self.written.as_ref() == Some(&status)
            || matches!(*self.wish.borrow(), Wish::Gone | Wish::Shutdown)
        {
            return;
        }
        let patch = json!({"metadata": {"uid": self.pod.uid()}, "status": wire(&status)});
        let name = self.pod.name_any();
        match self.api.patch_status(&name, &PatchParams::default(), &Patch::Merge(patch)).await {
            Ok(_) => self.written = Some(status),
            Err(kube::Error::Api(refusal)) if matches!(refusal.code, 404 | 409) => {
                self.written = Some(status);
            }
            Err(error) => {
                tracing::debug!(pod = name, %error, "a pod's status was not written");
                sleep(RETRY).await;
            }
        }
    }

    /// After the last container: the final status, the folders, and the deletion itself.
    async fn take_down(mut self, folder: &std::path::Path) {
        self.write_status().await;
        if let Err(error) = fs::remove_dir_all(folder)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::debug!(folder = %folder.display(), %error, "a pod's folder was not removed");
        }
        if matches!(*self.wish.borrow(), Wish::Exists(_)) {
            confirm_deletion(&self.api, &self.pod).await;
        }
    }
}

/// Init containers one after the other, then the others together, until all are over.
async fn run_containers(
    context: Arc<Context>,
    policy: RestartPolicy,
    (init, containers): (Vec<Report>, Vec<Report>),
    logs: Logs,
    stop: watch::Receiver<Option<Duration>>,
    reports: mpsc::UnboundedSender<Report>,
) {
    let pod = context.pod.clone();
    let Some(spec) = &pod.spec else { return };
    let (namespace, name) = (pod.namespace().unwrap_or_default(), pod.name_any());
    let runner = |container: &Container,
                  report: Report,
                  policy,
                  reports: mpsc::UnboundedSender<Report>| Runner {
        context: context.clone(),
        container: container.clone(),
        policy,
        logs: logs.container(&namespace, &name, &container.name),
        stop: stop.clone(),
        report,
        reports,
    };
    let init_policy =
        if policy == RestartPolicy::Never { policy } else { RestartPolicy::OnFailure };
    for (container, report) in spec.init_containers.iter().flatten().zip(init) {
        let (sender, mut told) = mpsc::unbounded_channel::<Report>();
        let forward = async {
            let mut last = None;
            while let Some(report) = told.recv().await {
                last = Some(report.state.clone());
                let _ = reports.send(report);
            }
            last
        };
        let ((), last) =
            tokio::join!(runner(container, report, init_policy, sender).run(), forward);
        if !matches!(last, Some(State::Ended(ended)) if ended.exit.code == 0) {
            return;
        }
    }
    let mut running = JoinSet::new();
    for (container, report) in spec.containers.iter().zip(containers) {
        running.spawn(runner(container, report, policy, reports.clone()).run());
    }
    drop(reports);
    while running.join_next().await.is_some() {}
    // The pod stays until it is deleted, also when its containers are over.
    let _ = stop.clone().wait_for(Option::is_some).await;
}

/// Tells the API server that nothing of the pod is left on this machine.
async fn confirm_deletion(api: &Api<Pod>, pod: &Pod) {
    let params = DeleteParams::default()
        .grace_period(0)
        .preconditions(Preconditions { uid: pod.uid(), resource_version: None });
    for _ in 0..10 {
        match api.delete(&pod.name_any(), &params).await {
            Ok(_) => return,
            Err(kube::Error::Api(refusal)) if matches!(refusal.code, 404 | 409) => return,
            Err(error) => {
                tracing::debug!(pod = pod.name_any(), %error, "a pod's end was not confirmed");
            }
        }
        sleep(RETRY).await;
    }
}

/// The status as a merge patch that also removes what it no longer says.
fn wire(status: &PodStatus) -> Value {
    let mut value = serde_json::to_value(status).unwrap_or_default();
    if let Some(map) = value.as_object_mut() {
        for field in ["reason", "message", "initContainerStatuses"] {
            map.entry(field).or_insert(Value::Null);
        }
    }
    value
}
