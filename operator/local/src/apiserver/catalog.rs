//! The kinds that are served: built-in ones, and custom resources as they come and go.

mod builtin;
pub(crate) mod columns;
mod definitions;

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use serde_json::Value;

pub(crate) use self::builtin::definitions;
use self::columns::Column;
use crate::apiserver::{
    meta,
    schema::{Rules, Schema},
    status::Names,
};

/// One version of one kind.
pub(crate) struct Resource {
    /// API group; empty for the core group.
    pub(crate) group: String,
    /// API version.
    pub(crate) version: String,
    /// As in `StatefulSet`.
    pub(crate) kind: String,
    /// Lower-case plural, as in URLs.
    pub(crate) plural: String,
    /// Lower-case singular, as `kubectl` accepts it.
    pub(crate) singular: String,
    /// As in `StatefulSetList`.
    pub(crate) list_kind: String,
    /// As in `sts`.
    pub(crate) short_names: Vec<String>,
    /// As in `all`.
    pub(crate) categories: Vec<String>,
    /// Whether its objects live in namespaces.
    pub(crate) namespaced: bool,
    /// The shape of its objects.
    pub(crate) schema: Arc<Schema>,
    /// CEL rules on its objects.
    pub(crate) rules: Option<Rules>,
    /// Whether `status` is written by its own subresource.
    pub(crate) status: bool,
    /// Where `kubectl scale` finds its numbers.
    pub(crate) scale: Option<Scale>,
    /// Further subresources, as in `log`.
    pub(crate) extra: &'static [&'static str],
    /// Columns of `kubectl get`; those of [`columns`] for built-in kinds.
    pub(crate) columns: Vec<Column>,
    /// Where its objects are stored: the same for every version.
    pub(crate) table: String,
    /// Name of its OpenAPI definition.
    pub(crate) definition: String,
    /// The schema as it is published, for a custom resource.
    pub(crate) document: Option<Value>,
    /// Whether it only answers questions (`SelfSubjectAccessReview`) and stores nothing.
    pub(crate) ephemeral: bool,
    /// Whether it has a `spec`, whose changes are counted in `metadata.generation`.
    pub(crate) counts: bool,
}

/// JSON paths of a scale subresource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scale {
    /// As in `.spec.replicas`.
    pub(crate) spec: String,
    /// As in `.status.replicas`.
    pub(crate) status: String,
    /// As in `.status.selector`, or the object form of a built-in kind.
    pub(crate) selector: Option<String>,
}

/// All kinds, changed as a whole.
pub(crate) struct Catalog {
    current: RwLock<Arc<Kinds>>,
}

/// The kinds at one moment.
#[derive(Clone, Default)]
pub(crate) struct Kinds {
    by_path: BTreeMap<(String, String, String), Arc<Resource>>,
    edition: u64,
    seed: String,
}

// === impl Resource ===

impl Resource {
    /// `v1`, `apps/v1`.
    pub(crate) fn api_version(&self) -> String {
        api_version(&self.group, &self.version)
    }

    /// For error texts.
    pub(crate) fn names(&self) -> Names<'_> {
        Names { group: &self.group, plural: &self.plural, kind: &self.kind }
    }

    /// Whether it comes from a CustomResourceDefinition.
    pub(crate) fn is_custom(&self) -> bool {
        self.document.is_some()
    }

    /// Its subresources, in the order of discovery.
    pub(crate) fn subresources(&self) -> Vec<&'static str> {
        let own = [(self.status, "status"), (self.scale.is_some(), "scale")];
        let own = own.into_iter().filter(|(has, _)| *has).map(|(_, name)| name);
        own.chain(self.extra.iter().copied()).collect()
    }
}

/// `v1` in the core group, `GROUP/VERSION` elsewhere.
pub(crate) fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

// === impl Catalog ===

impl Catalog {
    /// The built-in kinds.
    pub(crate) fn new() -> Self {
        let mut kinds = Kinds { seed: meta::name_suffix(), ..Kinds::default() };
        for resource in builtin::all() {
            kinds.insert(resource);
        }
        Self { current: RwLock::new(Arc::new(kinds)) }
    }

    /// The kinds as they are now.
    pub(crate) fn kinds(&self) -> Arc<Kinds> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The kind that a path names.
    pub(crate) fn find(&self, group: &str, version: &str, plural: &str) -> Option<Arc<Resource>> {
        self.kinds().find(group, version, plural)
    }

    /// Serves exactly `resources` for the custom resource `plural.group`; none to stop serving it.
    pub(crate) fn replace(&self, group: &str, plural: &str, resources: Vec<Resource>) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let mut kinds = Kinds::clone(&current);
        kinds.by_path.retain(|(g, _, p), _| (g.as_str(), p.as_str()) != (group, plural));
        resources.into_iter().for_each(|resource| kinds.insert(resource));
        kinds.edition += 1;
        *current = Arc::new(kinds);
    }
}

// === impl Kinds ===

impl Kinds {
    fn insert(&mut self, resource: Resource) {
        let path = (resource.group.clone(), resource.version.clone(), resource.plural.clone());
        self.by_path.insert(path, Arc::new(resource));
    }

    /// Changes with every change of the kinds, and between runs: clients cache documents by it.
    pub(crate) fn edition(&self) -> String {
        format!("{}-{}", self.seed, self.edition)
    }

    /// Every kind, by group, version and plural.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Resource>> {
        self.by_path.values()
    }

    /// The kind that a path names.
    pub(crate) fn find(&self, group: &str, version: &str, plural: &str) -> Option<Arc<Resource>> {
        let path = (group.to_owned(), version.to_owned(), plural.to_owned());
        self.by_path.get(&path).cloned()
    }

    /// Groups with their versions, the preferred one first; the core group is the first.
    pub(crate) fn groups(&self) -> BTreeMap<&str, Vec<&str>> {
        let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for resource in self.iter() {
            let versions = groups.entry(&resource.group).or_default();
            if !versions.contains(&resource.version.as_str()) {
                versions.push(&resource.version);
            }
        }
        for versions in groups.values_mut() {
            versions.sort_by_key(|version| std::cmp::Reverse(priority(version)));
        }
        groups
    }
}

/// Kubernetes' order of versions: `v2` over `v1` over `v1beta2` over `v1alpha3` over the rest.
pub(crate) fn priority(version: &str) -> (u8, u64, u64) {
    let number = |text: &str| text.parse::<u64>().ok();
    let Some(rest) = version.strip_prefix('v') else { return (0, 0, 0) };
    for (stage, rank) in [("beta", 2), ("alpha", 1)] {
        if let Some((major, minor)) = rest.split_once(stage)
            && let (Some(major), Some(minor)) = (number(major), number(minor))
        {
            return (rank, major, minor);
        }
    }
    number(rest).map_or((0, 0, 0), |major| (3, major, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stable_versions_come_first() {
        let mut versions = ["v1alpha1", "v10", "v2beta1", "v1", "odd", "v2"];
        versions.sort_by_key(|version| std::cmp::Reverse(priority(version)));
        assert_eq!(versions, ["v10", "v2", "v1", "v2beta1", "v1alpha1", "odd"]);
    }

    #[test]
    fn every_built_in_kind_has_fields() {
        for resource in Catalog::new().kinds().iter() {
            let metadata = resource.schema.field("metadata").unwrap();
            assert!(metadata.field("labels").is_some() || resource.ephemeral, "{}", resource.kind);
        }
    }
}
