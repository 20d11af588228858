//! One container: prepared, started, probed, restarted, stopped.

use std::collections::BTreeMap;
use std::future::pending;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Pod};
use k8s_openapi::jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, interval, sleep, timeout};

use crate::kubelet::backoff::Backoff;
use crate::kubelet::environment::{Place, compose};
use crate::kubelet::events::Events;
use crate::kubelet::expansion::expand;
use crate::kubelet::logs::ContainerLogs;
use crate::kubelet::objects::Watched;
use crate::kubelet::probe::{Check, Checks, Verdict};
use crate::kubelet::process::{Exit, Launch, Process};
use crate::kubelet::programs::Programs;
use crate::kubelet::status::{Ended, Report, RestartPolicy, State};
use crate::kubelet::volumes::{Volumes, mounts};
use crate::kubelet::waiting::Waiting;

/// How often a container looks whether what it waits for is there.
const RETRY: Duration = Duration::from_millis(200);
/// What is not there after this long is worth an event; a claim is bound within it.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often the size of a log is looked at.
const LOG_CHECK: Duration = Duration::from_secs(10);
/// What Kubernetes reports for a program that could not be run at all.
const CANNOT_START: Exit = Exit { code: 128, signal: None };

/// What the containers of a pod share.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) pod: Arc<Pod>,
    pub(super) pod_ip: Ipv4Addr,
    pub(super) host_ip: Ipv4Addr,
    pub(super) node: &'static str,
    pub(super) objects: Watched,
    pub(super) volumes: Volumes,
    pub(super) programs: Programs,
    /// Working directory of the programs.
    pub(super) folder: PathBuf,
    pub(super) events: Events,
}

/// The wish that a container end within the given time; none while it is to run.
pub(super) type Stop = watch::Receiver<Option<Duration>>;

/// The task that runs one container.
#[derive(Debug)]
pub(super) struct Runner {
    pub(super) context: Arc<Context>,
    pub(super) container: Container,
    pub(super) policy: RestartPolicy,
    pub(super) logs: ContainerLogs,
    pub(super) stop: Stop,
    /// What was last told, and to whom it is told.
    pub(super) report: Report,
    pub(super) reports: mpsc::UnboundedSender<Report>,
}

// === impl Context ===

impl Context {
    pub(super) fn place(&self) -> Place<'_> {
        Place { pod_ip: self.pod_ip, host_ip: self.host_ip, node: self.node }
    }
}

// === impl Runner ===

impl Runner {
    /// Runs the container until it is over for good or told to stop.
    pub(super) async fn run(mut self) {
        let mut backoff = Backoff::default();
        loop {
            let Some(launch) = self.prepare().await else { return };
            let begun = Instant::now();
            let (ended, stopped) = self.run_once(&launch).await;
            let code = ended.exit.code;
            self.tell(|report| {
                report.ready = false;
                report.started = false;
                report.state = State::Ended(ended.clone());
            });
            if stopped || !self.policy.restarts(code) {
                return;
            }
            let delay = backoff.after(begun.elapsed());
            let restarts = self.report.restarts + 1;
            if !delay.is_zero() {
                self.back_off(&ended, delay).await;
            }
            if self.stop.borrow().is_some() {
                return;
            }
            self.tell(|report| {
                report.last = Some(ended);
                report.restarts = restarts;
            });
        }
    }

    /// Everything that has to exist before the start; none when told to stop meanwhile.
    async fn prepare(&mut self) -> Option<Launch> {
        let begun = Instant::now();
        let mut complained = None;
        loop {
            if self.stop.borrow().is_some() {
                return None;
            }
            let waiting = match self.launch() {
                Ok(launch) => return Some(launch),
                Err(waiting) => waiting,
            };
            if begun.elapsed() >= PATIENCE && complained.as_ref() != Some(&waiting) {
                let events = &self.context.events;
                events.warning(&self.context.pod, waiting.event, &waiting.message).await;
                complained = Some(waiting.clone());
            }
            if self.report.state != State::Waiting(waiting.clone()) {
                self.tell(|report| report.state = State::Waiting(waiting));
            }
            // A stop ends the wait early and is seen at the top.
            let _ = timeout(RETRY, self.stop.changed()).await;
        }
    }

    fn launch(&self) -> Result<Launch, Waiting> {
        let context = &self.context;
        let folders = context.volumes.prepare(&context.pod, context.place(), &context.objects)?;
        let mounts = mounts(&self.container, &folders)?;
        let environment =
            compose(&self.container, &context.pod, context.place(), &context.objects)?;
        let command = self.container.command.iter().flatten().collect::<Vec<_>>();
        let program = context.programs.find(command.first().map(|program| program.as_str()))?;
        let words = command.into_iter().skip(1).chain(self.container.args.iter().flatten());
        let arguments = words.map(|word| mounts.rewrite(&expand(word, &environment))).collect();
        let name = context.pod.metadata.name.clone().unwrap_or_default();
        let environment =
            environment.into_iter().map(|(name, value)| (name, mounts.rewrite(&value)));
        let environment: BTreeMap<_, _> =
            [("HOSTNAME".to_owned(), name)].into_iter().chain(environment).collect();
        let log = self.logs.begin(self.report.restarts);
        Ok(Launch { program, arguments, environment, directory: context.folder.clone(), log })
    }

    /// One run, from start to end; also whether it ended because it was told to.
    async fn run_once(&mut self, launch: &Launch) -> (Ended, bool) {
        let started = Timestamp::now();
        let mut process = match Process::start(launch) {
            Ok(process) => process,
            Err(error) => {
                let message = format!("cannot run {}: {error}", launch.program.display());
                self.context.events.warning(&self.context.pod, "Failed", &message).await;
                let ended =
                    Ended { exit: CANNOT_START, message, started, finished: started, pid: 0 };
                return (ended, false);
            }
        };
        let pid = process.id();
        let checks = Checks::new(&self.container, self.context.pod_ip);
        let (begins, ready) = (checks.startup.is_none(), checks.readiness.is_none());
        self.tell(|report| {
            report.state = State::Running { since: started, pid };
            report.started = begins;
            report.ready = begins && ready;
        });
        let note = format!("Started container {} as process {pid}", self.container.name);
        self.context.events.normal(&self.context.pod, "Started", &note).await;
        let (exit, stopped) = self.supervise(&mut process, checks).await;
        let run = self.report.restarts;
        self.logs.end(run);
        let message = if exit.code == 0 || stopped { String::new() } else { self.logs.tail(run) };
        (Ended { exit, message, started, finished: Timestamp::now(), pid }, stopped)
    }

    async fn supervise(&mut self, process: &mut Process, mut checks: Checks) -> (Exit, bool) {
        let mut stop = self.stop.clone();
        let logs = self.logs.clone();
        let run = self.report.restarts;
        let bounding = async {
            let mut ticks = interval(LOG_CHECK);
            loop {
                ticks.tick().await;
                logs.bound(run);
            }
        };
        let told = async {
            match stop.wait_for(Option::is_some).await {
                Ok(grace) => grace.unwrap_or_default(),
                // Nobody is left who could ask: the pod's task was dropped.
                Err(_) => Duration::ZERO,
            }
        };
        let failure = tokio::select! {
            exit = process.wait() => return (exit, false),
            grace = told => return (process.stop(grace).await, true),
            () = bounding => return (process.stop(Duration::ZERO).await, true),
            failure = self.watch(&mut checks) => failure,
        };
        let note =
            format!("Container {} failed its {failure}, will be restarted", self.container.name);
        self.context.events.warning(&self.context.pod, "Unhealthy", &note).await;
        (process.stop(self.grace()).await, false)
    }

    /// Probes for as long as the container is well; the end says which probe failed, and how.
    async fn watch(&mut self, checks: &mut Checks) -> String {
        let begun = Instant::now();
        if let Some(startup) = &mut checks.startup {
            if let Err(failure) = until(startup, begun, Verdict::Passing, Verdict::Failing).await {
                return format!("startup probe: {failure}");
            }
            let ready = checks.readiness.is_none();
            self.tell(|report| {
                report.started = true;
                report.ready = ready;
            });
        }
        let liveness = async {
            match &mut checks.liveness {
                Some(check) => until(check, begun, Verdict::Undecided, Verdict::Failing).await,
                None => pending().await,
            }
        };
        let readiness = async {
            let Some(check) = &mut checks.readiness else { return pending().await };
            loop {
                sleep(check.gauge.pause(begun.elapsed())).await;
                let outcome = check.handler.attempt(check.gauge.timeout()).await;
                let ready =
                    check.gauge.record(outcome.is_ok(), begun.elapsed()) == Verdict::Passing;
                if ready != self.report.ready {
                    self.tell(|report| report.ready = ready);
                }
            }
        };
        tokio::select! {
            Err(failure) = liveness => format!("liveness probe: {failure}"),
            () = readiness => pending().await,
        }
    }

    /// Waits out a restart delay, or until told to stop.
    async fn back_off(&mut self, ended: &Ended, delay: Duration) {
        let name = &self.container.name;
        let mut message =
            format!("back-off {}s restarting failed container {name}", delay.as_secs());
        if let Some(line) = ended.message.lines().last() {
            message =
                format!("{message}; it ended with exit code {} saying: {line}", ended.exit.code);
        }
        self.context.events.warning(&self.context.pod, "BackOff", &message).await;
        let waiting = Waiting { reason: "CrashLoopBackOff", event: "BackOff", message };
        self.tell(|report| {
            report.last = Some(ended.clone());
            report.state = State::Waiting(waiting);
        });
        let _ = timeout(delay, self.stop.wait_for(Option::is_some)).await;
    }

    fn grace(&self) -> Duration {
        let seconds =
            self.context.pod.spec.as_ref().and_then(|spec| spec.termination_grace_period_seconds);
        Duration::from_secs(seconds.and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or(30))
    }

    fn tell(&mut self, change: impl FnOnce(&mut Report)) {
        change(&mut self.report);
        // Nobody listening means that the pod is gone, and so will be this task.
        let _ = self.reports.send(self.report.clone());
    }
}

/// Tries `check` until its verdict is `good` (Ok) or `bad` (Err, with the last failure).
async fn until(
    check: &mut Check,
    begun: Instant,
    good: Verdict,
    bad: Verdict,
) -> Result<(), String> {
    loop {
        sleep(check.gauge.pause(begun.elapsed())).await;
        let outcome = check.handler.attempt(check.gauge.timeout()).await;
        let verdict = check.gauge.record(outcome.is_ok(), begun.elapsed());
        if let (Err(failure), true) = (&outcome, verdict == bad) {
            return Err(failure.clone());
        }
        if verdict == good && good == Verdict::Passing {
            return Ok(());
        }
    }
}
