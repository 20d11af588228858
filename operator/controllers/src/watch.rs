//! Following a kind: what came, what changed, what is gone, across lost connections.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use kube::runtime::watcher::Event;
use kube::{Resource, ResourceExt};
use operator_api::group::GROUP;

use crate::named::Named;

/// What one event of a watch means.
#[derive(Debug, PartialEq)]
pub(crate) enum Change<'a, K> {
    /// It exists, and looks like this.
    Applied(&'a K),
    /// It is gone.
    Gone(&'a Named),
}

/// The objects that exist, as far as a watch has told.
///
/// After a lost connection the watch lists everything again; what is missing from that list was
/// deleted in between, and no event will ever say so.
#[derive(Debug, Default)]
pub(crate) struct Known {
    existing: HashSet<Named>,
    listed: HashSet<Named>,
}

// === impl Known ===

impl Known {
    /// Takes in one event and tells what it means.
    pub(crate) fn observe<K: Resource>(
        &mut self,
        event: &Event<K>,
        mut tell: impl FnMut(Change<'_, K>),
    ) {
        match event {
            Event::Init => self.listed.clear(),
            Event::InitApply(object) => {
                self.listed.insert(Named::of(object));
                tell(Change::Applied(object));
            }
            Event::InitDone => {
                for gone in self.existing.difference(&self.listed) {
                    tell(Change::Gone(gone));
                }
                self.existing = std::mem::take(&mut self.listed);
            }
            Event::Apply(object) => {
                self.existing.insert(Named::of(object));
                tell(Change::Applied(object));
            }
            Event::Delete(object) => {
                let key = Named::of(object);
                self.existing.remove(&key);
                tell(Change::Gone(&key));
            }
        }
    }
}

/// Changes when a reconciler has something to do: another object, another spec, a deletion begun, or another
/// annotation of ours, as `warren.dev/force-delete`; one may be set to any value to have a resource looked at
/// now. Not when only status, labels, managed fields or others' annotations changed.
#[expect(clippy::unnecessary_wraps, reason = "kube's signature of a predicate")]
pub(crate) fn intent<K: Resource>(object: &K) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    let meta = object.meta();
    (&meta.uid, meta.generation, meta.deletion_timestamp.is_some()).hash(&mut hasher);
    for annotation in object.annotations().iter().filter(|(name, _)| is_ours(name)) {
        annotation.hash(&mut hasher);
    }
    Some(hasher.finish())
}

fn is_ours(annotation: &str) -> bool {
    annotation.strip_prefix(GROUP).is_some_and(|rest| rest.starts_with('/'))
}

/// Changes when somebody changed a child of ours; its status does not count where it has a generation.
pub(crate) fn revision<K: Resource>(object: &K) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    let meta = object.meta();
    meta.uid.hash(&mut hasher);
    match meta.generation {
        Some(generation) => generation.hash(&mut hasher),
        None => meta.resource_version.hash(&mut hasher),
    }
    Some(hasher.finish())
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use k8s_openapi::jiff::Timestamp;

    use super::*;

    fn object(name: &str) -> ConfigMap {
        let mut object = ConfigMap::default();
        object.metadata.name = Some(name.into());
        object.metadata.namespace = Some("shop".into());
        object
    }

    #[test]
    fn only_intent_counts() {
        let annotated = |name: &str| {
            let mut object = object("a");
            object.metadata.annotations = Some([(name.to_owned(), "true".to_owned())].into());
            object
        };
        let mut deleted = object("a");
        deleted.metadata.deletion_timestamp = Some(Time(Timestamp::UNIX_EPOCH));
        let mut touched = object("a");
        touched.metadata.resource_version = Some("7".into());
        #[rustfmt::skip]
        let cases = [
            (annotated("warren.dev/force-delete"), true),
            (annotated("warren.dev/look"),         true),
            (annotated("argocd.argoproj.io/sync"), false),
            (annotated("warren.device/x"),         false),
            (deleted,                              true),
            (touched,                              false),
        ];
        for (changed, expected) in cases {
            assert_eq!(intent(&changed) != intent(&object("a")), expected, "{changed:?}");
        }
    }

    #[test]
    fn what_a_new_list_lacks_is_gone() {
        let mut known = Known::default();
        let mut seen = Vec::new();
        let events = [
            Event::Init,
            Event::InitApply(object("a")),
            Event::InitApply(object("b")),
            Event::InitDone,
            Event::Apply(object("c")),
            Event::Delete(object("b")),
            Event::Init,
            Event::InitApply(object("a")),
            Event::InitDone,
        ];
        for event in &events {
            known.observe(event, |change| {
                seen.push(match change {
                    Change::Applied(object) => format!("+{}", object.name_any()),
                    Change::Gone(key) => format!("-{}", key.name),
                });
            });
        }
        assert_eq!(seen, ["+a", "+b", "+c", "-b", "+a", "-c"]);
    }
}
