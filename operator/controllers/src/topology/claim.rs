//! Which broker object a resource stands for, and who else says the same.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use k8s_openapi::jiff::Timestamp;

use crate::named::Named;

/// One object in one broker.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ObjectKey {
    pub(crate) cluster: Named,
    pub(crate) vhost: String,
    pub(crate) what: What,
}

/// What AMQP tells objects of a vhost apart by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum What {
    Exchange(String),
    Queue(String),
    /// Bindings have no name: source, destination, routing key and arguments are one.
    Binding {
        source: String,
        destination: Box<What>,
        routing_key: String,
        arguments: String,
    },
}

/// What one resource says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claim {
    /// The object it stands for.
    pub(crate) object: ObjectKey,
    /// Objects that must exist before it can.
    pub(crate) needs: Vec<ObjectKey>,
    /// Creation time and uid: the older resource wins.
    pub(crate) birth: Birth,
    /// Whether it will go on standing for the object: it is not being deleted, and its manifest can be carried out.
    pub(crate) keeps: bool,
}

/// Another resource that stands for the same object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rival {
    pub(crate) resource: Named,
    pub(crate) older: bool,
    /// As in [`Claim`].
    pub(crate) keeps: bool,
}

/// Orders resources by age, and those of the same second by uid.
pub(crate) type Birth = (Timestamp, String);

/// The claims of all resources of a kind, findable from every side in constant time.
#[derive(Debug, Default)]
pub(crate) struct Claims(RwLock<Index>);

#[derive(Debug, Default)]
struct Index {
    claims: HashMap<Named, Claim>,
    by_cluster: HashMap<Named, HashSet<Named>>,
    by_object: HashMap<ObjectKey, BTreeMap<Birth, Named>>,
    by_need: HashMap<ObjectKey, HashSet<Named>>,
}

// === impl What ===

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exchange(name) => write!(f, "exchange '{name}'"),
            Self::Queue(name) => write!(f, "queue '{name}'"),
            Self::Binding { source, destination, routing_key, .. } => {
                write!(f, "binding '{routing_key}' from exchange '{source}' to {destination}")
            }
        }
    }
}

// === impl Claims ===

impl Claims {
    /// Records what `resource` says now.
    pub(crate) fn insert(&self, resource: &Named, claim: Claim) {
        let mut index = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if index.claims.get(resource) == Some(&claim) {
            return;
        }
        index.remove(resource);
        index.insert(resource, claim);
    }

    /// Forgets `resource` and returns what it said.
    pub(crate) fn remove(&self, resource: &Named) -> Option<Claim> {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(resource)
    }

    /// The resources that name `cluster`.
    pub(crate) fn in_cluster(&self, cluster: &Named) -> Vec<Named> {
        self.read().by_cluster.get(cluster).into_iter().flatten().cloned().collect()
    }

    /// The resources that name `cluster` from `namespace`, and those that stand for the same objects.
    pub(crate) fn affected(&self, cluster: &Named, namespace: &str) -> Vec<Named> {
        let index = self.read();
        let named = index.by_cluster.get(cluster).into_iter().flatten();
        let claims = named
            .filter(|resource| resource.namespace == namespace)
            .filter_map(|resource| index.claims.get(resource));
        let claimants = claims.filter_map(|claim| index.by_object.get(&claim.object));
        claimants.flat_map(BTreeMap::values).cloned().collect()
    }

    /// The resources that stand for `object`, oldest first.
    pub(crate) fn claimants(&self, object: &ObjectKey) -> Vec<Named> {
        self.read().by_object.get(object).into_iter().flat_map(BTreeMap::values).cloned().collect()
    }

    /// The resources that need `object`.
    pub(crate) fn dependents(&self, object: &ObjectKey) -> Vec<Named> {
        self.read().by_need.get(object).into_iter().flatten().cloned().collect()
    }

    /// The other resources that stand for the same object as `resource`, oldest first.
    pub(crate) fn rivals(&self, resource: &Named) -> Vec<Rival> {
        let index = self.read();
        let Some(own) = index.claims.get(resource) else { return Vec::new() };
        let claimants = index.by_object.get(&own.object).into_iter().flatten();
        claimants
            .filter(|(_, claimant)| *claimant != resource)
            .map(|(birth, claimant)| Rival {
                resource: claimant.clone(),
                older: *birth < own.birth,
                keeps: index.claims.get(claimant).is_some_and(|claim| claim.keeps),
            })
            .collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, Index> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Index ===

impl Index {
    fn insert(&mut self, resource: &Named, claim: Claim) {
        let owned = || resource.clone();
        self.by_cluster.entry(claim.object.cluster.clone()).or_default().insert(owned());
        let claimants = self.by_object.entry(claim.object.clone()).or_default();
        claimants.insert(claim.birth.clone(), owned());
        for need in &claim.needs {
            self.by_need.entry(need.clone()).or_default().insert(owned());
        }
        self.claims.insert(owned(), claim);
    }

    fn remove(&mut self, resource: &Named) -> Option<Claim> {
        let claim = self.claims.remove(resource)?;
        remove_from_set(&mut self.by_cluster, &claim.object.cluster, resource);
        for need in &claim.needs {
            remove_from_set(&mut self.by_need, need, resource);
        }
        if let Some(claimants) = self.by_object.get_mut(&claim.object) {
            claimants.remove(&claim.birth);
            if claimants.is_empty() {
                self.by_object.remove(&claim.object);
            }
        }
        Some(claim)
    }
}

fn remove_from_set<T: Eq + std::hash::Hash>(
    sets: &mut HashMap<T, HashSet<Named>>,
    key: &T,
    resource: &Named,
) {
    if let Some(set) = sets.get_mut(key) {
        set.remove(resource);
        if set.is_empty() {
            sets.remove(key);
        }
    }
}

#[cfg(test)]
mod tests;
