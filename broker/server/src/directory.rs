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
use broker_core::topology::{Command, ExchangeKind, Outcome, Routes, Topology, Vhost};
use broker_storage::position::Position;

use crate::durable::Store;
use crate::durable::inventory;
use crate::lock::lock;
use crate::mailbox::Sender;
use crate::shard::work::Work;

/// Vhosts, exchanges, queues and bindings, and the numbers of queues.
#[derive(Debug)]
pub(crate) struct Directory {
    store: Arc<Store>,
    state: Mutex<State>,
    routes: ArcSwap<Routes>,
    next_queue: AtomicU64,
    /// The way to the queues of each shard.
    shards: Box<[Sender<Work>]>,
}

#[derive(Debug)]
struct State {
    topology: Topology,
    /// Where the last change is recorded that is to survive a restart.
    recorded: Position,
}

/// A command that was carried out.
#[derive(Debug)]
pub(crate) struct Changed {
    pub(crate) outcome: Outcome,
    /// The change, or what made it needless, survives a crash once the log is durable past this
    /// place.
    pub(crate) recorded: Position,
}

// === impl Directory ===

impl Directory {
    /// With what the store remembers.
    pub(crate) fn new(
        store: Arc<Store>,
        topology: Topology,
        next_queue: u64,
        shards: &[Sender<Work>],
    ) -> Self {
        let routes = ArcSwap::from_pointee(topology.snapshot());
        let next_queue = AtomicU64::new(next_queue);
        let state = Mutex::new(State { topology, recorded: Position::ZERO });
        Self { store, state, routes, next_queue, shards: shards.into() }
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
        let state = lock(&self.state);
        let (routes, tail) = (state.topology.snapshot(), self.store.tail());
        drop(state);
        (inventory::commands(&routes), tail, self.next_queue.load(Ordering::Relaxed))
    }

    /// Carries out `command`. `prepare` sees the outcome before anyone can see its effect.
    ///
    /// # Errors
    ///
    /// The topology's refusal; nothing has then changed.
    pub(crate) fn change(
        &self,
        mut command: Command,
        prepare: impl FnOnce(&Outcome),
    ) -> Result<Changed, Refusal> {
        if let Command::DeclareExchange(exchange) = &mut command
            && &*exchange.kind == ExchangeKind::DelayedMessage.name()
        {
            exchange.delays = self.next_queue();
        }
        let mut state = lock(&self.state);
        let before = state.topology.snapshot();
        let kept = is_lasting(&before, &command).then(|| command.clone());
        let outcome = state.topology.apply(command)?;
        let changed = match &outcome {
            Outcome::Done { changed } => *changed,
            Outcome::Queue { created, .. } => *created,
            // A vhost may go without any.
            Outcome::Removed { queues } => !queues.is_empty() || kept.is_some(),
            Outcome::Governed { .. } => true,
        };
        if !changed {
            prepare(&outcome);
            return Ok(Changed { outcome, recorded: state.recorded });
        }
        let after = state.topology.snapshot();
        let command = kept.map(|command| named(command, &outcome));
        let mut recorded = Position::ZERO;
        for command in command.into_iter().chain(fallen(&before, &after)) {
            recorded = self.store.record(&command);
            state.recorded = recorded;
        }
        prepare(&outcome);
        for (id, settings) in before.delays_made(&after) {
            self.to_owner(id, Work::Create { id, settings });
        }
        self.routes.store(Arc::new(after.clone()));
        for (id, _) in after.delays_made(&before) {
            self.to_owner(id, Work::Remove(vec![id]));
        }
        Ok(Changed { outcome, recorded })
    }

    /// Sends work to the shard that owns `queue`.
    fn to_owner(&self, queue: QueueId, work: Work) {
        // The remainder is below the number of shards, which is a usize.
        let owner = queue.0.checked_rem(self.shards.len() as u64).map(|shard| shard as usize);
        if let Some(shard) = owner.and_then(|shard| self.shards.get(shard)) {
            shard.send(work);
        }
    }
}

/// The deletions of the lasting exchanges that went, most of them with their last binding. A replay
/// does not see all bindings, and so is told.
fn fallen(before: &Routes, after: &Routes) -> Vec<Command> {
    let mut fallen = Vec::new();
    for old in before.vhosts() {
        let Some(new) = after.vhost(old.name()) else { continue };
        if new.exchange_count() >= old.exchange_count() {
            continue;
        }
        let gone = old.exchanges().into_iter().filter(|exchange| {
            exchange.durable && exchange.auto_delete && new.exchange(&exchange.name).is_none()
        });
        fallen.extend(gone.map(|exchange| Command::DeleteExchange {
            vhost: old.name().clone(),
            name: exchange.name.clone(),
            if_unused: false,
        }));
    }
    fallen
}

/// Whether what the command changes is to survive a restart.
fn is_lasting(routes: &Routes, command: &Command) -> bool {
    let within =
        |vhost: &str, question: &dyn Fn(&Vhost) -> bool| routes.vhost(vhost).is_some_and(question);
    match command {
        Command::CreateVhost { .. }
        | Command::DeleteVhost { .. }
        | Command::SetPolicy { .. }
        | Command::DeletePolicy { .. }
        | Command::DescribeVhost { .. }
        | Command::LimitVhost { .. }
        | Command::Access(_) => true,
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

#[cfg(test)]
mod tests;
