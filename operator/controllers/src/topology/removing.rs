//! Removing: how a resource that is being deleted leaves its broker, and goes.

use std::pin::pin;
use std::time::Duration;

use kube::runtime::controller::Action;
use operator_topology::Presence;
use tokio::time::timeout;

use crate::named::Named;
use crate::registry::{Broker, Notice};
use crate::topology::decision::{Release, still_there};
use crate::topology::history;
use crate::topology::kind::Kind;
use crate::topology::outcome::obstacle;
use crate::topology::reconciler::{Outcome, Reconciler};
use crate::verdict::{Reason, Verdict};

/// How long a removal may take before the status tells of it.
const PROMPT: Duration = Duration::from_millis(300);

// === impl Reconciler ===

impl Reconciler {
    /// Removes the object, then lets the resource go.
    pub(super) async fn remove<K: Kind>(
        &self,
        resource: &K,
        key: &Named,
        broker: &Broker,
        forced: bool,
    ) -> Result<Action, kube::Error> {
        let Ok(object) = resource.object() else {
            return self.release(resource, key, Some(Release::NeverProgrammed)).await;
        };
        let (vhost, removal) = (resource.vhost(), resource.removal());
        let removed = self.context.pool.remove(&broker.endpoint, vhost, &object, removal).await;
        match removed.err().and_then(|error| obstacle(&error, &object, broker)) {
            None => self.release(resource, key, None).await,
            Some(_) if forced => self.release(resource, key, Some(Release::Forced)).await,
            Some(verdict) => self.tell(resource, key, Outcome { verdict, confirmed: None }).await,
        }
    }

    /// Removes what may have been declared and was never confirmed, unless the broker has something else there.
    pub(super) async fn withdraw<K: Kind>(
        &self,
        resource: &K,
        key: &Named,
        broker: &Broker,
        forced: bool,
    ) -> Result<Action, kube::Error> {
        let Ok(object) = resource.object() else {
            return self.release(resource, key, Some(Release::NeverProgrammed)).await;
        };
        let (pool, endpoint, vhost) = (&self.context.pool, &broker.endpoint, resource.vhost());
        let found = match pool.exists(endpoint, vhost, &object).await {
            // Only an identical one can be declared again.
            Ok(true) => {
                pool.ensure(endpoint, vhost, &object, Presence::Unknown).await.map(|_| true)
            }
            found => found,
        };
        match found {
            Ok(true) => self.remove(resource, key, broker, forced).await,
            Err(error) if error.is_silence() && !forced => {
                let verdict = still_there(&error.to_string());
                self.tell(resource, key, Outcome { verdict, confirmed: None }).await
            }
            Err(error) if error.is_silence() => {
                self.release(resource, key, Some(Release::Forced)).await
            }
            Ok(false) | Err(_) => self.release(resource, key, Some(Release::NeverProgrammed)).await,
        }
    }

    /// Carries out a decision to ask the broker for the object's end. When the broker takes its time, the status says meanwhile that the resource
    /// is going, instead of what it was before.
    pub(super) async fn visibly<K: Kind>(
        &self,
        resource: &K,
        key: &Named,
        removal: impl Future<Output = Result<Action, kube::Error>>,
    ) -> Result<Action, kube::Error> {
        let mut removal = pin!(removal);
        if let Ok(done) = timeout(PROMPT, &mut removal).await {
            return done;
        }
        if history::is_ready(&resource.topology_status()) {
            let what = resource.what();
            let told = format!("{what} is being removed; the broker has not answered yet");
            let verdict = Verdict::new(Reason::Deleting, told);
            self.record(resource, key, &Outcome { verdict, confirmed: None }).await?;
        }
        removal.await
    }

    /// Takes our finalizer off, which lets the resource go.
    pub(super) async fn release<K: Kind>(
        &self,
        resource: &K,
        key: &Named,
        release: Option<Release>,
    ) -> Result<Action, kube::Error> {
        let reference = resource.object_ref(&());
        match release {
            None => {
                let note = format!("{} was removed from the broker", resource.what());
                self.context.events.normal(&reference, "Removed", "Delete", &note).await;
            }
            Some(release) => {
                let (reason, note) = release.told();
                self.context.events.normal(&reference, reason, "Release", note).await;
            }
        }
        self.let_go(resource, key).await?;
        self.context.registry.tell(Notice::Removed(resource.object_key()));
        Ok(Action::await_change())
    }
}
