//! The present state of what the manifests ask for, and of the pods that came of it.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::api::core::v1::Pod;
use kube::core::{ApiResource, DynamicObject};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Client, Resource, ResourceExt};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::dev::applier::{Applier, Key, Served};
use crate::dev::readiness::{Readiness, State, assess};
use crate::dev::table::{REFUSED, Row};
use crate::watches::Watches;

/// How long the first list of a kind is waited for.
const LISTED: Duration = Duration::from_secs(2);

/// Follows every kind that a manifest uses.
pub(super) struct Board {
    watches: Watches,
    followed: BTreeMap<(String, String), Followed>,
    pods: Store<DynamicObject>,
}

struct Followed {
    served: Served,
    objects: Store<DynamicObject>,
}

// === impl Board ===

impl Board {
    /// Follows the pods, and nothing else yet.
    pub(super) fn new(client: Client) -> Self {
        let mut watches = Watches::new(client);
        let pods = watches.follow_dynamic(&ApiResource::erase::<Pod>(&()));
        Self { watches, followed: BTreeMap::new(), pods }
    }

    /// Tells when the rows may have changed.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.watches.changes()
    }

    /// Follows the kinds of everything that `applier` wants; returns when each was listed.
    pub(super) async fn follow(&mut self, applier: &Applier) {
        for (key, served) in applier.wanted() {
            let Some(served) = served else { continue };
            let kind = (key.group.clone(), key.kind.clone());
            if !self.followed.contains_key(&kind) {
                let objects = self.watches.follow_dynamic(&served.resource);
                self.followed.insert(kind, Followed { served: served.clone(), objects });
            }
        }
        let stores = self.followed.values().map(|followed| &followed.objects).chain([&self.pods]);
        // A list that does not come is no reason to stand still: its rows say that they are absent.
        let _ = timeout(LISTED, join_all(stores.map(Store::wait_until_ready))).await;
    }

    /// A row for each object that `applier` wants, then one for each pod.
    pub(super) fn rows(&self, applier: &Applier) -> (Vec<Row>, Vec<Row>) {
        let mut wanted: Vec<Row> =
            applier.wanted().map(|(key, _)| self.row(key, applier.refusal(key))).collect();
        wanted.sort_by(|a, b| {
            (&a.namespace, &a.kind, &a.name).cmp(&(&b.namespace, &b.kind, &b.name))
        });
        let mut pods: Vec<Row> = self.pods.state().iter().map(|pod| pod_row(pod)).collect();
        pods.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        (wanted, pods)
    }

    fn row(&self, key: &Key, refusal: Option<&str>) -> Row {
        let followed = self.followed.get(&(key.group.clone(), key.kind.clone()));
        let found = followed.and_then(|followed| {
            let reference = ObjectRef::new_with(&key.name, followed.served.resource.clone());
            let reference =
                if key.namespace.is_empty() { reference } else { reference.within(&key.namespace) };
            Some((followed.objects.get(&reference)?, followed.served.has_status))
        });
        let readiness = match (&found, refusal) {
            (Some((object, has_status)), _) => assess(object, *has_status),
            (None, Some(refusal)) => Readiness::new(State::Failed, REFUSED, refusal),
            (None, None) => Readiness::new(State::InProgress, "NotFound", "not at the API server"),
        };
        Row::new(&key.kind, &key.namespace, &key.name, readiness)
    }
}

/// A pod's row also tells how often its containers were restarted.
fn pod_row(pod: &DynamicObject) -> Row {
    let mut readiness = assess(pod, true);
    let containers = pod.data["status"]["containerStatuses"].as_array();
    let restarts: i64 =
        containers.into_iter().flatten().filter_map(|one| one["restartCount"].as_i64()).sum();
    if restarts > 0 && readiness.state == State::Ready {
        readiness.message = format!("{restarts} restarts");
    }
    let (namespace, name) = (pod.namespace().unwrap_or_default(), pod.name_any());
    Row::new(&Pod::kind(&()), &namespace, &name, readiness)
}
