//! Live copies of the cluster's objects, and the loop that acts on them.
//!
//! The controllers of the control plane are level-triggered: whenever something they watch
//! changes, they look at everything again and do what is missing. With a laptop's number of
//! objects that is cheap, and there is no state to get wrong.

use std::fmt::Debug;
use std::future::Future;
use std::hash::Hash;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::serde::de::DeserializeOwned;
use kube::api::PartialObjectMeta;
use kube::core::{ApiResource, DynamicObject};
use kube::runtime::WatchStreamExt;
use kube::runtime::reflector::Store;
use kube::runtime::reflector::store::Writer;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, Resource};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Changes that come within this time are looked at together.
const DEBOUNCE: Duration = Duration::from_millis(5);
/// When a pass failed, the next one comes this soon even if nothing changes.
const RETRY: Duration = Duration::from_millis(500);
/// A pass comes at least this often.
const RESYNC: Duration = Duration::from_secs(60);

/// The watches of one controller. Dropping this ends them.
pub(crate) struct Watches {
    client: Client,
    bump: Arc<watch::Sender<u64>>,
    tasks: JoinSet<()>,
}

// === impl Watches ===

impl Watches {
    /// No watches yet.
    pub(crate) fn new(client: Client) -> Self {
        Self { client, bump: Arc::new(watch::channel(0).0), tasks: JoinSet::new() }
    }

    /// A copy of every `K` in all namespaces, kept current. Empty until its first list arrived.
    pub(crate) fn follow<K>(&mut self) -> Store<K>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    {
        let events = watcher(Api::<K>::all(self.client.clone()), watcher::Config::default());
        self.keep(Writer::default(), events)
    }

    /// The metadata of every object of a kind that is known only at run time.
    pub(crate) fn follow_metadata(
        &mut self,
        kind: &ApiResource,
    ) -> Store<PartialObjectMeta<DynamicObject>> {
        let api = Api::<PartialObjectMeta<DynamicObject>>::all_with(self.client.clone(), kind);
        self.keep(Writer::new(kind.clone()), watcher(api, watcher::Config::default()))
    }

    /// Every object of a kind that is known only at run time.
    pub(crate) fn follow_dynamic(&mut self, kind: &ApiResource) -> Store<DynamicObject> {
        let api = Api::<DynamicObject>::all_with(self.client.clone(), kind);
        self.keep(Writer::new(kind.clone()), watcher(api, watcher::Config::default()))
    }

    fn keep<K>(
        &mut self,
        writer: Writer<K>,
        events: impl futures::Stream<Item = watcher::Result<Event<K>>> + Send + 'static,
    ) -> Store<K>
    where
        K: Resource + Clone + Send + Sync + 'static,
        K::DynamicType: Eq + Hash + Clone + Send + Sync,
    {
        let store = writer.as_reader();
        let bump = Arc::clone(&self.bump);
        self.tasks.spawn(async move {
            let mut events = pin!(events.default_backoff().reflect(writer));
            while let Some(event) = events.next().await {
                if matches!(event, Ok(Event::Apply(_) | Event::Delete(_) | Event::InitDone)) {
                    bump.send_modify(|count| *count = count.wrapping_add(1));
                }
            }
        });
        store
    }

    /// A number that grows with each change of anything that is followed.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.bump.subscribe()
    }
}

/// Calls `pass` now and after every change, for ever; a failed pass is logged and tried again.
pub(crate) async fn on_each_change<F>(
    what: &str,
    mut changes: watch::Receiver<u64>,
    mut pass: impl FnMut() -> F,
) where
    F: Future<Output = Result<(), kube::Error>>,
{
    loop {
        changes.mark_unchanged();
        let wait = match pass().await {
            Ok(()) => RESYNC,
            Err(error) => {
                tracing::debug!(%error, "the {what} controller tries again");
                RETRY
            }
        };
        match timeout(wait, changes.changed()).await {
            Ok(Ok(())) => sleep(DEBOUNCE).await,
            Ok(Err(_)) => return,
            Err(_) => {}
        }
    }
}

/// Whether a refusal says that somebody else has done it already, or that it no longer matters.
pub(crate) fn overtaken(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(refusal) if matches!(refusal.code, 404 | 409))
}

/// Takes being overtaken for success: the next change tells what became of the object.
pub(crate) fn unless_overtaken<T>(outcome: Result<T, kube::Error>) -> Result<(), kube::Error> {
    match outcome {
        Err(error) if !overtaken(&error) => Err(error),
        _ => Ok(()),
    }
}
