//! The topology of the node: changed under one lock, read without any.
//!
//! Whoever routes takes the snapshot of the moment. A queue is created on its shard before the
//! snapshot that leads to it is published, so a message never overtakes its queue; and it leaves
//! the topology before its shard forgets it. What survives a restart is in line for the log before
//! anybody can see it, and so before anything that depends on it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use arc_swap::{ArcSwap, Guard};
use broker_core::id::QueueId;
use broker_core::refusal::Refusal;
use broker_core::topology::{Command, Outcome, Routes, Topology, Vhost};
use broker_storage::position::Position;

use crate::durable::Store;
use crate::durable::inventory;
use crate::lock::lock;

/// Vhosts, exchanges, queues and bindings, and the numbers of queues.
#[derive(Debug)]
pub(crate) struct Directory {
    store: Arc<Store>,
    topology: Mutex<Topology>,
    routes: ArcSwap<Routes>,
    next_queue: AtomicU64,
}

/// A command that was carried out.
#[derive(Debug)]
pub(crate) struct Changed {
    pub(crate) outcome: Outcome,
    /// The change survives a crash once the log is durable past this place.
    pub(crate) recorded: Position,
}

// === impl Directory ===

impl Directory {
    /// With what the store remembers, and the default vhost `/`.
    pub(crate) fn new(store: Arc<Store>, topology: Topology, next_queue: u64) -> Self {
        let routes = ArcSwap::from_pointee(topology.snapshot());
        let next_queue = AtomicU64::new(next_queue);
        let directory = Self { store, topology: Mutex::new(topology), routes, next_queue };
        // Creating a vhost is never refused.
        let _ = directory.change(Command::CreateVhost { vhost: "/".into() }, |_| {});
        directory
    }

    /// The topology of this moment.
    pub(crate) fn routes(&self) -> Guard<Arc<Routes>> {
        self.routes.load()
    }

    /// A number no queue has had.
    pub(crate) fn next_queue(&self) -> QueueId {
        QueueId(self.next_queue.fetch_add(1, Ordering::Relaxed))
    }

    /// Commands that make the durable part of the topology, the place of the log up to which they
    /// speak, and the number the next queue gets.
    pub(crate) fn inventory(&self) -> (Vec<Command>, Position, u64) {
        let topology = lock(&self.topology);
        let (routes, tail) = (topology.snapshot(), self.store.tail());
        drop(topology);
        (inventory::commands(&routes), tail, self.next_queue.load(Ordering::Relaxed))
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
    ) -> Result<Changed, Refusal> {
        let mut topology = lock(&self.topology);
        let lasting = is_lasting(&topology.snapshot(), &command);
        let kept = lasting.then(|| command.clone());
        let outcome = topology.apply(command)?;
        let changed = match &outcome {
            Outcome::Done { changed } => *changed,
            Outcome::Queue { created, .. } => *created,
            Outcome::Removed { queues } => !queues.is_empty(),
        };
        let recorded = match kept {
            Some(command) if changed => self.store.record(&named(command, &outcome)),
            _ => Position::ZERO,
        };
        prepare(&outcome);
        if changed {
            self.routes.store(Arc::new(topology.snapshot()));
        }
        Ok(Changed { outcome, recorded })
    }
}

/// Whether what the command changes is to survive a restart.
fn is_lasting(routes: &Routes, command: &Command) -> bool {
    let within =
        |vhost: &str, question: &dyn Fn(&Vhost) -> bool| routes.vhost(vhost).is_some_and(question);
    match command {
        Command::CreateVhost { .. } | Command::DeleteVhost { .. } => true,
        Command::DeclareExchange(exchange) => exchange.durable && !exchange.passive,
        Command::DeclareQueue(queue) => queue.durable && !queue.exclusive && !queue.passive,
        Command::DeleteExchange { vhost, name, .. } => {
            within(vhost, &|vhost| vhost.exchange(name).is_some_and(|exchange| exchange.durable))
        }
        Command::QueueGone { vhost, name, id } => within(vhost, &|vhost| {
            vhost.queue(name).is_some_and(|queue| queue.id == *id && queue.settings.durable)
        }),
        Command::Bind(binding, _) | Command::Unbind(binding, _) => {
            within(&binding.vhost, &|vhost| inventory::is_durable(vhost, binding))
        }
        Command::ConnectionClosed { .. } => false,
    }
}

/// The command with the name that a queue got from the server.
fn named(mut command: Command, outcome: &Outcome) -> Command {
    if let (Command::DeclareQueue(queue), Outcome::Queue { name, .. }) = (&mut command, outcome) {
        queue.name = name.clone();
    }
    command
}
