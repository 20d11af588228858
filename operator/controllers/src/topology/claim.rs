//! Which broker object a resource stands for, and who else says the same.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use k8s_openapi::jiff::Timestamp;
use operator_topology::management::Names;

use crate::named::Named;
use crate::object::{ObjectKey, What};

/// What one resource says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claim {
    /// The object it stands for.
    pub(crate) object: ObjectKey,
    /// Objects that must exist before it can.
    pub(crate) needs: Vec<ObjectKey>,
    /// Creation time and uid: the older resource wins.
    pub(crate) birth: Birth,
    /// How far it is with the object.
    pub(crate) stake: Stake,
}

/// How far a resource is with the object that it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stake {
    /// It is being deleted.
    Going,
    /// Its manifest cannot be carried out, and nothing of it is in a broker.
    Flawed,
    /// The broker said that it does not take it.
    Refused,
    /// It is to have the object as soon as nobody older does.
    Coming,
    /// The broker confirmed it, and our finalizer is on it: whatever comes, it will see to the object's end.
    Holds,
}

/// Another resource that stands for the same object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rival {
    pub(crate) resource: Named,
    pub(crate) older: bool,
    /// As in [`Claim`].
    pub(crate) stake: Stake,
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

// === impl Rival ===

impl Rival {
    /// Whether it keeps a younger resource from the object.
    fn precedes(&self) -> bool {
        !matches!(self.stake, Stake::Going | Stake::Flawed)
    }
}

/// The resource that comes before one with these `rivals`, which are sorted by age.
pub(crate) fn first(rivals: &[Rival]) -> Option<&Rival> {
    rivals.iter().find(|rival| rival.older && rival.precedes())
}

/// The resource that has the object, or is about to, once the one with these `rivals` is gone. What the
/// broker refuses to the next in age, nobody inherits.
pub(crate) fn heir(rivals: &[Rival]) -> Option<&Rival> {
    let holds = rivals.iter().find(|rival| rival.stake == Stake::Holds);
    let next = || rivals.iter().find(|rival| rival.precedes());
    holds.or_else(|| next().filter(|next| next.stake == Stake::Coming))
}

// === impl Claims ===

impl Claims {
    /// Records what `resource` says now, and returns whether that is news to others that stand for the same object.
    pub(crate) fn insert(&self, resource: &Named, claim: Claim) -> bool {
        let mut index = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if index.claims.get(resource) == Some(&claim) {
            return false;
        }
        let object = claim.object.clone();
        index.remove(resource);
        index.insert(resource, claim);
        index.by_object.get(&object).is_some_and(|claimants| claimants.len() > 1)
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

    /// The resources whose objects in `cluster` a broker confirmed that has only these now.
    pub(crate) fn missing(&self, cluster: &Named, names: &Names) -> Vec<Named> {
        let index = self.read();
        let named = index.by_cluster.get(cluster).into_iter().flatten();
        let is_missing = |claim: &Claim| match &claim.object.what {
            _ if claim.stake != Stake::Holds => false,
            What::Exchange(name) => !names.has_exchange(&claim.object.vhost, name),
            What::Queue(name) => !names.has_queue(&claim.object.vhost, name),
            What::Binding { .. } => false,
        };
        named.filter(|key| index.claims.get(key).is_some_and(is_missing)).cloned().collect()
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
                stake: index.claims.get(claimant).map_or(Stake::Going, |claim| claim.stake),
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
