//! What every reconciler works with.

use std::fmt::Debug;

use k8s_openapi::NamespaceResourceScope;
use kube::runtime::{controller, watcher};
use kube::{Api, Client, Resource};
use operator_topology::Pool;

use crate::access::Namespaces;
use crate::events::Events;
use crate::metrics::Metrics;
use crate::options::Options;
use crate::registry::Registry;
use crate::standing::Standings;

/// One operator process.
pub(crate) struct Context {
    pub(crate) client: Client,
    pub(crate) options: Options,
    pub(crate) pool: Pool,
    pub(crate) registry: Registry,
    pub(crate) namespaces: Namespaces,
    pub(crate) standings: Standings,
    pub(crate) events: Events,
    pub(crate) metrics: Metrics,
}

// === impl Context ===

impl Context {
    pub(crate) fn new(client: Client, options: Options) -> Self {
        let identity = options.leader_election.as_ref().map(|election| election.identity.clone());
        Self {
            events: Events::new(client.clone(), identity),
            client,
            options,
            pool: Pool::new(),
            registry: Registry::default(),
            namespaces: Namespaces::default(),
            standings: Standings::default(),
            metrics: Metrics::default(),
        }
    }

    /// All objects of a kind that this process looks after.
    pub(crate) fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug,
    {
        match &self.options.namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        }
    }

    /// The objects of a kind in one namespace.
    pub(crate) fn api_in<K>(&self, namespace: &str) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// Lists come in pages, so that a large cluster is not held twice.
    pub(crate) fn watching(&self) -> watcher::Config {
        watcher::Config::default().page_size(500)
    }

    /// A bounded number of objects at a time.
    pub(crate) fn controlling(&self) -> controller::Config {
        controller::Config::default().concurrency(self.options.concurrency.max(1))
    }
}
