//! What the operator knows about each cluster at this moment, and who wants to hear of a change.
//!
//! The cluster reconciler is the only writer. The topology reconcilers read; a change of a cluster
//! wakes the resources that name it, so none of them has to poll.
//!
//! ```text
//!            seen                publish                 removed
//!  (absent) ──────▶ Unobserved ──────────▶ Up | Down | … ───────▶ (absent)
//! ```

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use operator_api::cluster::access::{AllowedNamespaces, NamespacesFrom};
use operator_topology::Endpoint;
use operator_topology::management::Names;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::named::Named;
use crate::object::ObjectKey;

/// One cluster.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cluster {
    /// `metadata.uid`: a cluster of the same name created anew is another cluster.
    pub(crate) uid: String,
    /// Who may use it.
    pub(crate) access: AllowedNamespaces,
    /// Whether it can be programmed.
    pub(crate) state: State,
}

/// Whether a cluster can be programmed, and why not.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum State {
    /// It exists; the reconciler has not looked at it yet.
    Unobserved,
    /// It is being deleted, and its brokers with it.
    Deleting,
    /// Its manifest cannot be carried out, in words for people.
    Rejected(String),
    /// No broker answers. Why is on the cluster's own status: were it told here, every resource of the cluster
    /// would be written at every step of a broker's start.
    Down,
    /// A broker answers.
    Up(Broker),
}

/// The broker to program.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Broker {
    pub(crate) endpoint: Endpoint,
    /// Incarnation; what was not durable is gone when it changes.
    pub(crate) epoch: String,
    /// Name of the member.
    pub(crate) member: String,
}

/// Something happened that others may wait for.
#[derive(Debug, Clone)]
pub(crate) enum Notice {
    /// The cluster changed.
    Cluster(Named),
    /// The broker object was declared, perhaps for the first time: what is bound to it can be bound.
    Created(ObjectKey),
    /// Whether the cluster lets the namespace use it changed.
    Access { cluster: Named, namespace: String },
    /// The cluster's broker has these exchanges and queues: what is missing was deleted by somebody.
    Listed { cluster: Named, names: Arc<Names> },
    /// What a resource says of the broker object changed, and others stand for it too.
    Claimed(ObjectKey),
    /// The broker object was removed, or a resource that stood for it is gone: the next in age takes over.
    Removed(ObjectKey),
}

/// All clusters.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    clusters: RwLock<HashMap<Named, Arc<Cluster>>>,
    listeners: Mutex<Vec<UnboundedSender<Notice>>>,
}

// === impl Registry ===

impl Registry {
    /// What is known about a cluster; `None` when it does not exist.
    pub(crate) fn get(&self, key: &Named) -> Option<Arc<Cluster>> {
        self.clusters.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// The clusters that choose namespaces by their labels, and how.
    pub(crate) fn selecting(&self) -> Vec<(Named, AllowedNamespaces)> {
        let clusters = self.clusters.read().unwrap_or_else(PoisonError::into_inner);
        let selects = |cluster: &Cluster| cluster.access.from == NamespacesFrom::Selector;
        let selecting = clusters.iter().filter(|(_, cluster)| selects(cluster));
        selecting.map(|(key, cluster)| (key.clone(), cluster.access.clone())).collect()
    }

    /// The cluster exists. Who may use it, and whether it goes, is known at once.
    pub(crate) fn seen(&self, key: &Named, uid: &str, access: AllowedNamespaces, deleting: bool) {
        let state = match self.get(key) {
            _ if deleting => State::Deleting,
            Some(known) if known.uid == uid => known.state.clone(),
            _ => State::Unobserved,
        };
        self.put(key, Cluster { uid: uid.to_owned(), access, state });
    }

    /// The cluster was looked at. Ignored unless it still exists: a late word must not raise the dead.
    pub(crate) fn publish(&self, key: &Named, uid: &str, state: State) {
        if let Some(known) = self.get(key).filter(|known| known.uid == uid) {
            self.put(key, Cluster { state, ..Cluster::clone(&known) });
        }
    }

    /// The cluster is gone.
    pub(crate) fn removed(&self, key: &Named) {
        let known = self.clusters.write().unwrap_or_else(PoisonError::into_inner).remove(key);
        if known.is_some() {
            self.tell(Notice::Cluster(key.clone()));
        }
    }

    /// Every notice from now on. Unbounded, because a notice lost would be a resource left waiting;
    /// each is a few words, and listeners only put keys on a queue that holds each key once.
    pub(crate) fn subscribe(&self) -> UnboundedReceiver<Notice> {
        let (sender, receiver) = unbounded_channel();
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        receiver
    }

    /// Wakes whoever waits for this.
    pub(crate) fn tell(&self, notice: Notice) {
        self.listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|listener| listener.send(notice.clone()).is_ok());
    }

    fn put(&self, key: &Named, cluster: Cluster) {
        let new = Arc::new(cluster);
        let old = self
            .clusters
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key.clone(), Arc::clone(&new));
        if old.is_none_or(|old| old != new) {
            self.tell(Notice::Cluster(key.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notices(receiver: &mut UnboundedReceiver<Notice>) -> usize {
        std::iter::from_fn(|| receiver.try_recv().ok()).count()
    }

    #[test]
    fn only_a_change_wakes_anybody() {
        let registry = Registry::default();
        let mut receiver = registry.subscribe();
        let key = Named::new("shop", "orders");
        let access = AllowedNamespaces::default;
        let down = || State::Down;

        registry.publish(&key, "1", down());
        assert_eq!((notices(&mut receiver), registry.get(&key)), (0, None), "never seen");
        registry.seen(&key, "1", access(), false);
        assert_eq!(notices(&mut receiver), 1, "it exists now");
        registry.publish(&key, "1", down());
        registry.publish(&key, "1", down());
        registry.seen(&key, "1", access(), false);
        assert_eq!(notices(&mut receiver), 1, "the same news twice is news once");
        registry.seen(&key, "1", access(), true);
        assert_eq!(registry.get(&key).unwrap().state, State::Deleting);
        registry.removed(&key);
        registry.publish(&key, "1", down());
        assert_eq!((notices(&mut receiver), registry.get(&key)), (2, None), "gone for good");
    }

    #[test]
    fn a_namesake_starts_from_nothing() {
        let registry = Registry::default();
        let key = Named::new("shop", "orders");
        registry.seen(&key, "1", AllowedNamespaces::default(), false);
        registry.publish(&key, "1", State::Down);
        registry.seen(&key, "2", AllowedNamespaces::default(), false);
        registry.publish(&key, "1", State::Rejected("late".into()));
        assert_eq!(registry.get(&key).unwrap().state, State::Unobserved);
    }
}
