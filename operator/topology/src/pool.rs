//! One connection for each cluster and vhost, made when first needed and kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::endpoint::Endpoint;
use crate::slot::Slot;

/// The operator's connections to all brokers it programs.
///
/// Cheap to share behind an `Arc`. A connection that breaks is made again on next use; after a failure to connect, callers
/// get that failure for a second rather than each their own attempt.
#[derive(Debug, Default)]
pub struct Pool {
    slots: Mutex<HashMap<Key, Arc<Slot>>>,
}

/// A cluster's identity and a vhost.
type Key = (String, String);

// === impl Pool ===

impl Pool {
    /// A pool without connections.
    pub fn new() -> Self {
        Self::default()
    }

    /// Closes and forgets the connections to `cluster`, because it is gone.
    pub fn forget(&self, cluster: &str) {
        self.lock().retain(|(owner, _), _| owner != cluster);
    }

    /// The place of the connection to `vhost`, which exists from the first question on.
    pub(crate) fn slot(&self, endpoint: &Endpoint, vhost: &str) -> Arc<Slot> {
        let key = (endpoint.cluster.clone(), vhost.to_owned());
        Arc::clone(self.lock().entry(key).or_insert_with(|| Arc::new(Slot::new(vhost))))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Arc<Slot>>> {
        // The map is whole after every statement that changes it, so a panic elsewhere leaves it usable.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
