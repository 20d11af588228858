//! The topology of the node: changed under one lock, read without any.
//!
//! Whoever routes takes the snapshot of the moment. A queue is created on its shard before the
//! snapshot that leads to it is published, so a message never overtakes its queue; and it leaves
//! the topology before its shard forgets it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use arc_swap::{ArcSwap, Guard};
use broker_core::id::QueueId;
use broker_core::refusal::Refusal;
use broker_core::topology::{Command, Outcome, Routes, Topology};

use crate::lock::lock;

/// Vhosts, exchanges, queues and bindings, and the numbers of queues.
#[derive(Debug)]
pub(crate) struct Directory {
    topology: Mutex<Topology>,
    routes: ArcSwap<Routes>,
    next_queue: AtomicU64,
}

// === impl Directory ===

impl Directory {
    /// With the default vhost `/`.
    pub(crate) fn new() -> Self {
        let mut topology = Topology::new();
        // Creating a vhost is never refused.
        let _ = topology.apply(Command::CreateVhost { vhost: "/".into() });
        let routes = ArcSwap::from_pointee(topology.snapshot());
        Self { topology: Mutex::new(topology), routes, next_queue: AtomicU64::new(1) }
    }

    /// The topology of this moment.
    pub(crate) fn routes(&self) -> Guard<Arc<Routes>> {
        self.routes.load()
    }

    /// A number no queue has had.
    pub(crate) fn next_queue(&self) -> QueueId {
        QueueId(self.next_queue.fetch_add(1, Ordering::Relaxed))
    }

    /// Carries out `command`. `prepare` sees the outcome before anyone can see its effect.
    ///
    /// # Errors
    ///
    /// The topology's refusal; nothing has then changed.
    pub(crate) fn change(
        &self,
        command: Command,
        prepare: impl FnOnce(&Outcome),
    ) -> Result<Outcome, Refusal> {
        let mut topology = lock(&self.topology);
        let outcome = topology.apply(command)?;
        let changed = match &outcome {
            Outcome::Done { changed } => *changed,
            Outcome::Queue { created, .. } => *created,
            Outcome::Removed { queues } => !queues.is_empty(),
        };
        prepare(&outcome);
        if changed {
            self.routes.store(Arc::new(topology.snapshot()));
        }
        Ok(outcome)
    }
}
