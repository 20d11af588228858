//! The key of a namespaced Kubernetes object.

use std::fmt;

use kube::runtime::reflector::{Lookup, ObjectRef};
use kube::{Resource, ResourceExt};

/// Namespace and name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Named {
    pub(crate) namespace: String,
    pub(crate) name: String,
}

// === impl Named ===

impl Named {
    pub(crate) fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }

    /// The key of an object that came from the API.
    pub(crate) fn of(object: &impl Resource) -> Self {
        Self::new(ResourceExt::namespace(object).unwrap_or_default(), object.name_any())
    }

    /// The same, for the queue of a kube-rs controller.
    pub(crate) fn reference<K: Lookup<DynamicType = ()>>(&self) -> ObjectRef<K> {
        ObjectRef::new(&self.name).within(&self.namespace)
    }
}

impl<K: Lookup> From<&ObjectRef<K>> for Named {
    fn from(reference: &ObjectRef<K>) -> Self {
        Self::new(reference.namespace.clone().unwrap_or_default(), reference.name.clone())
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}
