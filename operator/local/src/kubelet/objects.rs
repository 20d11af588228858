//! What pods refer to: ConfigMaps, Secrets and claims.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Secret};
use kube::runtime::reflector::{ObjectRef, Store};

/// The files or variables that a ConfigMap or a Secret holds.
pub(super) type Entries = BTreeMap<String, Vec<u8>>;

/// A read-only view of the objects, as of now.
pub(super) trait Objects: Send + Sync {
    /// The entries of a ConfigMap, or none when it does not exist.
    fn config_map(&self, namespace: &str, name: &str) -> Option<Entries>;
    /// The entries of a Secret, or none when it does not exist.
    fn secret(&self, namespace: &str, name: &str) -> Option<Entries>;
    /// Whether a claim is bound, or none when it does not exist.
    fn claim_is_bound(&self, namespace: &str, name: &str) -> Option<bool>;
}

/// The objects as the API server's watches report them.
#[derive(Debug, Clone)]
pub(super) struct Watched {
    pub(super) config_maps: Store<ConfigMap>,
    pub(super) secrets: Store<Secret>,
    pub(super) claims: Store<PersistentVolumeClaim>,
}

// === impl Watched ===

impl Objects for Watched {
    fn config_map(&self, namespace: &str, name: &str) -> Option<Entries> {
        let map = self.config_maps.get(&ObjectRef::new(name).within(namespace))?;
        let text =
            map.data.iter().flatten().map(|(key, value)| (key.clone(), value.clone().into_bytes()));
        let binary =
            map.binary_data.iter().flatten().map(|(key, value)| (key.clone(), value.0.clone()));
        Some(text.chain(binary).collect())
    }

    fn secret(&self, namespace: &str, name: &str) -> Option<Entries> {
        let secret = self.secrets.get(&ObjectRef::new(name).within(namespace))?;
        Some(
            secret
                .data
                .iter()
                .flatten()
                .map(|(key, value)| (key.clone(), value.0.clone()))
                .collect(),
        )
    }

    fn claim_is_bound(&self, namespace: &str, name: &str) -> Option<bool> {
        let claim = self.claims.get(&ObjectRef::new(name).within(namespace))?;
        let phase = claim.status.as_ref().and_then(|status| status.phase.as_deref());
        Some(phase == Some("Bound"))
    }
}

/// Objects from tables, for tests.
#[cfg(test)]
#[derive(Debug, Default)]
pub(super) struct Fixed {
    pub(super) config_maps: BTreeMap<String, Entries>,
    pub(super) secrets: BTreeMap<String, Entries>,
    pub(super) claims: BTreeMap<String, bool>,
}

#[cfg(test)]
impl Objects for Fixed {
    fn config_map(&self, _: &str, name: &str) -> Option<Entries> {
        self.config_maps.get(name).cloned()
    }

    fn secret(&self, _: &str, name: &str) -> Option<Entries> {
        self.secrets.get(name).cloned()
    }

    fn claim_is_bound(&self, _: &str, name: &str) -> Option<bool> {
        self.claims.get(name).copied()
    }
}
