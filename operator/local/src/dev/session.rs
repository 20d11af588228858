//! From the first task to the last line on the screen.

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use futures::future::BoxFuture;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::{conditions, wait::await_condition};
use kube::{Client, ResourceExt};
use tokio::time::{Instant, interval, sleep, sleep_until};

use crate::dev::applier::{Applier, Outcome};
use crate::dev::board::Board;
use crate::dev::connection::Connection;
use crate::dev::folder::Folders;
use crate::dev::manifest::{Loaded, Problem, load};
use crate::dev::plane::Plane;
use crate::dev::screen::Screen;
use crate::dev::table::Row;
use crate::dev::{BoxError, DevOptions, Error};

/// Field manager of the definitions that come with the operator.
const MANAGER: &str = "warren-operator";
/// How soon what was refused is tried again.
const RETRY: Duration = Duration::from_secs(2);
/// Changes that come within this time are shown together.
const FRAME: Duration = Duration::from_millis(50);
/// How long everything has to stay ready after a start from a kept folder: what is stored there
/// was true of brokers that are gone, and says so only once the controllers have looked.
const SETTLE: Duration = Duration::from_secs(2);
/// How often the screen is looked after when nothing changes (a terminal may be resized).
const TICK: Duration = Duration::from_secs(1);

/// One run of `dev`, on what was reserved for it.
pub(super) struct Session<'a> {
    pub(super) options: &'a DevOptions,
    pub(super) crds: Vec<CustomResourceDefinition>,
    pub(super) plane: &'a mut Plane,
}

/// What the loop works on.
struct Stage {
    directories: Vec<PathBuf>,
    screen: Screen,
    applier: Applier,
    board: Board,
    connection: Connection,
    kubeconfig: PathBuf,
    loaded: Loaded,
    problems: Vec<Problem>,
    url: Option<String>,
    /// How long everything has to stay ready before that is believed.
    settle: Duration,
}

// === impl Session ===

impl Session<'_> {
    /// Starts everything, then follows folders and resources until `--until-ready` is decided.
    pub(super) async fn run<F, C>(self, start_controllers: F) -> Result<(), Error>
    where
        F: FnOnce(Client, BoxFuture<'static, ()>) -> C,
        C: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let deadline = Instant::now() + self.options.timeout;
        let directories = existing(&self.options.directories)?;
        let (mut folders, watching) = Folders::watch(&directories);
        let mut screen = Screen::new();
        if let Err(error) = watching {
            screen.say(&format!("changes to the manifests go unnoticed: {error}"));
        }
        let (client, kubeconfig) = self.plane.serve(self.options).await?;
        screen.say(&format!("kubeconfig  {}", kubeconfig.display()));
        install(&client, &self.crds).await?;
        let chosen = self.plane.control(&client, self.options);
        let controllers = client.clone();
        self.plane.operate(|shutdown| start_controllers(controllers, shutdown));
        let record = self.plane.state.is_kept().then(|| self.plane.state.join("applied.json"));
        let mut stage = Stage {
            directories,
            screen,
            applier: Applier::new(client.clone(), record),
            board: Board::new(client.clone()),
            connection: Connection::new(client, self.plane.amqp(), chosen),
            kubeconfig,
            loaded: Loaded::default(),
            problems: Vec::new(),
            url: None,
            settle: if self.plane.state.was_used() { SETTLE } else { Duration::ZERO },
        };
        stage.reload().await;
        let until_ready = self.options.until_ready;
        let ended = self.plane.operator_ended();
        tokio::select! {
            error = ended => Err(error),
            () = stage.follow(&mut folders, until_ready) => Ok(()),
            () = sleep_until(deadline), if until_ready => {
                Err(Error::NotReady { timeout: self.options.timeout, reasons: stage.reasons() })
            }
        }
    }
}

// === impl Stage ===

impl Stage {
    /// Reads the folders again and applies what changed.
    async fn reload(&mut self) {
        self.loaded = load(&self.directories);
        self.sync().await;
    }

    async fn sync(&mut self) {
        let Outcome { problems, remarks } = self.applier.sync(&self.loaded).await;
        for remark in remarks {
            self.screen.say(&remark);
        }
        for problem in problems.iter().filter(|problem| !self.problems.contains(problem)) {
            self.screen.say(&problem.to_string());
        }
        self.problems = problems;
        self.board.follow(&self.applier).await;
    }

    /// Keeps the API server, the screen and the folders in step; ends only when all is ready and
    /// that was waited for.
    async fn follow(&mut self, folders: &mut Folders, until_ready: bool) {
        let (mut objects, mut connection) = (self.board.changes(), self.connection.changes());
        let mut ticks = interval(TICK);
        let mut retry = Instant::now() + RETRY;
        let mut since = None;
        loop {
            objects.mark_unchanged();
            connection.mark_unchanged();
            since = self.show().then(|| since.unwrap_or_else(Instant::now));
            let done = since.filter(|_| until_ready).map(|since| since + self.settle);
            if done.is_some_and(|done| Instant::now() >= done) {
                self.screen.say("every resource is ready");
                return;
            }
            let refused = !self.problems.is_empty();
            tokio::select! {
                () = folders.changed() => self.reload().await,
                _ = objects.changed() => sleep(FRAME).await,
                _ = connection.changed() => sleep(FRAME).await,
                () = sleep_until(retry), if refused => {
                    self.sync().await;
                    retry = Instant::now() + RETRY;
                }
                () = sleep_until(done.unwrap_or_else(Instant::now)), if done.is_some() => {}
                _ = ticks.tick() => {}
            }
        }
    }

    /// Draws the present state; whether everything that was asked for is there and ready.
    fn show(&mut self) -> bool {
        let (wanted, pods) = self.board.rows(&self.applier);
        let ready =
            !wanted.is_empty() && self.problems.is_empty() && wanted.iter().all(Row::is_ready);
        let url = self.connection.url();
        if url.is_some() && url != self.url {
            self.screen.say(&format!("AMQP        {}", url.as_deref().unwrap_or_default()));
        }
        self.url = url.or(self.url.take());
        let mut headings = vec![format!("kubeconfig  {}", self.kubeconfig.display())];
        headings.extend(self.url.iter().map(|url| format!("AMQP        {url}")));
        headings.extend(self.problems.iter().map(ToString::to_string));
        let rows: Vec<Row> = wanted.into_iter().chain(pods).collect();
        self.screen.show(&headings, &rows);
        ready
    }

    /// One line for everything that is not ready, for the end of a wait.
    fn reasons(&self) -> Vec<String> {
        let (wanted, pods) = self.board.rows(&self.applier);
        let problems = self.problems.iter().map(ToString::to_string);
        // What was refused is among the problems, with its file.
        let rows = wanted.iter().chain(&pods).filter(|row| !row.is_ready() && !row.is_refused());
        let mut reasons: Vec<String> =
            problems.chain(rows.map(|row| format!("{}: {}", row.title(), row.verdict()))).collect();
        if wanted.is_empty() && reasons.is_empty() {
            reasons.push("there are no manifests".to_owned());
        }
        reasons
    }
}

/// The folders, if each of them is there.
fn existing(directories: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let check = |path: &PathBuf| match path.metadata() {
        Ok(_) => Ok(path.clone()),
        Err(source) => Err(Error::Io { op: "read", path: path.clone(), source }),
    };
    directories.iter().map(check).collect()
}

/// Installs the operator's own definitions and waits until they are served.
async fn install(client: &Client, crds: &[CustomResourceDefinition]) -> Result<(), Error> {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let params = PatchParams::apply(MANAGER).force();
    for crd in crds {
        let installed = api.patch(&crd.name_any(), &params, &Patch::Apply(crd)).await;
        installed
            .map_err(|source| Error::Kube { op: "install the CRDs", source: source.into() })?;
    }
    for crd in crds {
        let established =
            await_condition(api.clone(), &crd.name_any(), conditions::is_crd_established()).await;
        established.map_err(|error| Error::ApiServer(error.into()))?;
    }
    Ok(())
}
