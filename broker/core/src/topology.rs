//! The topology: vhosts, their exchanges and queues, the bindings between them, and who may use them.
//!
//! Changes go through [`Topology::apply`], one at a time; everybody else works on a
//! [`Topology::snapshot`], which costs a reference count to take and never changes.
//!
//! # Invariants
//!
//! - A binding's exchange and destination exist. When either goes, so does the binding; an
//!   auto-delete exchange goes with the last binding from it.
//! - An exclusive queue is known to exactly one connection and goes when that ends.

mod binding;
mod command;
mod delayed;
mod exchange;
mod exchange_kind;
mod permits;
mod policies;
mod properties;
mod queue;
mod routes;
mod vhost;

use std::collections::{BTreeMap, BTreeSet};

use crate::id::ConnectionId;
use crate::name::Name;
use crate::refusal::Refusal;
pub use crate::topology::command::{
    Binding, Command, DeclareExchange, DeclareQueue, Destination, Outcome,
};
pub use crate::topology::delayed::Delays;
pub use crate::topology::exchange::Exchange;
pub use crate::topology::exchange_kind::ExchangeKind;
pub use crate::topology::permits::permits;
pub use crate::topology::properties::{VhostLimits, VhostProperties};
pub use crate::topology::queue::QueueRecord;
pub use crate::topology::routes::Routes;
pub use crate::topology::vhost::Vhost;

/// All vhosts and what is in them, and who owns the exclusive queues.
#[derive(Debug, Default)]
pub struct Topology {
    routes: Routes,
    /// Exclusive queues (vhost, name) by owner.
    owned: BTreeMap<ConnectionId, BTreeSet<(Name, Name)>>,
}

// === impl Topology ===

impl From<Routes> for Topology {
    /// A copy to try commands on: nobody owns a queue in it.
    fn from(routes: Routes) -> Self {
        Self { routes, owned: BTreeMap::new() }
    }
}

impl Topology {
    /// No vhosts at all.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The present state, to keep and to route on. Cheap.
    #[must_use]
    pub fn snapshot(&self) -> Routes {
        self.routes.clone()
    }

    /// Carries out one command.
    ///
    /// # Errors
    ///
    /// A [`Refusal`] in RabbitMQ's wording; nothing has then changed.
    pub fn apply(&mut self, command: Command) -> Result<Outcome, Refusal> {
        match command {
            Command::CreateVhost { vhost } => {
                Ok(Outcome::Done { changed: self.routes.create_vhost(vhost) })
            }
            Command::DeleteVhost { vhost } => Ok(self.delete_vhost(&vhost)),
            Command::DescribeVhost { vhost, properties } => {
                let changed = self.vhost_mut(&vhost)?.set_properties(properties);
                Ok(Outcome::Done { changed })
            }
            Command::LimitVhost { vhost, limits } => {
                let changed = self.vhost_mut(&vhost)?.set_limits(limits);
                Ok(Outcome::Done { changed })
            }
            Command::Access(command) => {
                Ok(Outcome::Done { changed: self.routes.access_mut().apply(command) })
            }
            Command::DeclareExchange(wanted) => self.declare_exchange(wanted),
            Command::DeleteExchange { vhost, name, if_unused } => {
                self.delete_exchange(&vhost, &name, if_unused)
            }
            Command::DeclareQueue(wanted) => self.declare_queue(wanted, true),
            Command::QueueGone { vhost, name, id } => Ok(self.queue_gone(&vhost, &name, id)),
            Command::Bind(binding, connection) => self.bind(binding, connection),
            Command::Unbind(binding, connection) => self.unbind(binding, connection),
            Command::SetPolicy { vhost, rank, policy } => self.set_policy(&vhost, rank, policy),
            Command::DeletePolicy { vhost, rank, name } => self.delete_policy(&vhost, rank, &name),
            Command::ConnectionClosed { connection } => Ok(self.connection_closed(connection)),
        }
    }

    /// Carries out a command once more that was carried out and recorded in the past.
    ///
    /// Only what lasts is recorded, so here an auto-delete exchange may lose its last binding though
    /// it had others then. It stays: had it gone, its deletion would have been recorded too. And a queue
    /// that was declared stays declared, whatever limit was set since, and whatever arguments are refused since.
    ///
    /// # Errors
    ///
    /// As for [`Topology::apply`].
    pub fn replay(&mut self, command: Command) -> Result<Outcome, Refusal> {
        let command = match command {
            Command::DeclareQueue(wanted) => return self.declare_queue(wanted, false),
            command => command,
        };
        let vhost = match &command {
            Command::DeleteExchange { vhost, .. } | Command::QueueGone { vhost, .. } => vhost,
            Command::Unbind(binding, _) => &binding.vhost,
            _ => return self.apply(command),
        };
        let vhost = vhost.clone();
        self.vhost_mut(&vhost)?.keep_unbound(true);
        let outcome = self.apply(command);
        self.vhost_mut(&vhost)?.keep_unbound(false);
        outcome
    }

    fn vhost_mut(&mut self, vhost: &str) -> Result<&mut Vhost, Refusal> {
        self.routes.vhost_mut(vhost).ok_or_else(|| Refusal::no_vhost(vhost))
    }

    fn delete_vhost(&mut self, name: &Name) -> Outcome {
        let Some(vhost) = self.routes.remove_vhost(name) else {
            return Outcome::Done { changed: false };
        };
        self.routes.access_mut().forget_vhost(name);
        self.owned.retain(|_, queues| {
            queues.retain(|(vhost, _)| vhost != name);
            !queues.is_empty()
        });
        let queues =
            vhost.queues().into_iter().map(|queue| (queue.settings.name.clone(), queue.id));
        Outcome::Removed { queues: queues.collect() }
    }
}

#[cfg(test)]
mod tests;
