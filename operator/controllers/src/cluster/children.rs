//! The Kubernetes objects of a cluster: applied when the manifest or somebody else changed them.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use k8s_openapi::NamespaceResourceScope;
use kube::Resource;
use kube::api::{Patch, PatchParams};
use kube::runtime::watcher::Event;
use operator_api::BrokerCluster;
use operator_api::group::FIELD_MANAGER;
use operator_resources::stateful_set::DEFAULT_IMAGE;
use operator_resources::{
    Credentials, client_service, config_map, disruption_budget, nodes_service, secret, stateful_set,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::Context;
use crate::named::Named;
use crate::watch::revision;

/// What was applied last, so that a look that finds nothing changed writes nothing.
#[derive(Debug, Default)]
pub(crate) struct Applied(Mutex<HashMap<Child, Mark>>);

/// Kind and name.
type Child = (String, Named);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    /// Of what was sent.
    desired: u64,
    /// Of what came back.
    revision: Option<u64>,
}

/// An object that the API did not take.
#[derive(Debug)]
pub(crate) struct Refused {
    /// Kind and name.
    pub(crate) child: String,
    pub(crate) error: kube::Error,
}

// === impl Applied ===

impl Applied {
    /// Makes every object of the cluster what it should be.
    ///
    /// # Errors
    ///
    /// The first object that the API refused; those before it are applied.
    pub(crate) async fn apply_all(
        &self,
        context: &Context,
        cluster: &BrokerCluster,
        credentials: &Credentials,
    ) -> Result<(), Refused> {
        let image = context.options.broker_image.as_deref().unwrap_or(DEFAULT_IMAGE);
        self.apply(context, &secret(cluster, credentials)).await?;
        self.apply(context, &config_map(cluster)).await?;
        self.apply(context, &nodes_service(cluster)).await?;
        self.apply(context, &client_service(cluster)).await?;
        self.apply(context, &disruption_budget(cluster)).await?;
        self.apply(context, &stateful_set(cluster, image)).await
    }

    async fn apply<K>(&self, context: &Context, desired: &K) -> Result<(), Refused>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + Debug
            + Serialize
            + DeserializeOwned,
    {
        let key = Named::of(desired);
        let child = (K::kind(&()).into_owned(), key.clone());
        let hash = fingerprint(desired);
        if self.lock().get(&child).is_some_and(|mark| mark.desired == hash) {
            return Ok(());
        }
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        let api = context.api_in::<K>(&key.namespace);
        let applied = api.patch(&key.name, &parameters, &Patch::Apply(desired)).await;
        let applied = applied
            .map_err(|error| Refused { child: format!("{} {}", child.0, key.name), error })?;
        self.lock().insert(child, Mark { desired: hash, revision: revision(&applied) });
        Ok(())
    }

    /// A watch told of a child: returns it unless it is what was applied, and then forgets what was.
    ///
    /// After a lost connection nothing of the kind is taken for granted.
    pub(crate) fn drifted<K: Resource<DynamicType = ()>>(&self, event: Event<K>) -> Option<K> {
        let kind = K::kind(&());
        let mut marks = self.lock();
        match event {
            Event::Init => {
                marks.retain(|(marked, _), _| *marked != kind);
                None
            }
            Event::InitDone => None,
            Event::InitApply(object) | Event::Apply(object) => {
                let child = (kind.into_owned(), Named::of(&object));
                let left = marks.get(&child).map(|mark| mark.revision);
                if left == Some(revision(&object)) {
                    return None;
                }
                marks.remove(&child);
                Some(object)
            }
            Event::Delete(object) => {
                marks.remove(&(kind.into_owned(), Named::of(&object)));
                Some(object)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Child, Mark>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn fingerprint(desired: &impl Serialize) -> u64 {
    let mut hasher = DefaultHasher::new();
    // An object that cannot be written as JSON fails when it is sent.
    serde_json::to_string(desired).unwrap_or_default().hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;

    use super::*;

    fn object(version: &str) -> ConfigMap {
        let mut object = ConfigMap::default();
        object.metadata.name = Some("orders-config".into());
        object.metadata.namespace = Some("shop".into());
        object.metadata.resource_version = Some(version.into());
        object
    }

    #[test]
    fn only_what_differs_from_what_was_applied_is_looked_at() {
        let applied = Applied::default();
        let mark = Mark { desired: 1, revision: revision(&object("5")) };
        let child = ("ConfigMap".to_owned(), Named::of(&object("5")));
        let left = || applied.lock().insert(child.clone(), mark);

        left();
        assert!(applied.drifted(Event::Apply(object("5"))).is_none(), "our own write");
        assert!(applied.drifted(Event::Apply(object("6"))).is_some(), "somebody else's");
        assert!(applied.lock().is_empty(), "and so it is applied again");
        left();
        assert!(applied.drifted(Event::Delete(object("5"))).is_some(), "it is gone");
        left();
        assert!(applied.drifted(Event::<ConfigMap>::Init).is_none());
        assert!(applied.drifted(Event::InitApply(object("5"))).is_some(), "after a blind spell");
    }
}
