//! The rules of binding and unbinding.

use std::sync::Arc;

use crate::id::ConnectionId;
use crate::refusal::Refusal;
use crate::topology::command::{Binding, Destination, Outcome};
use crate::topology::exchange::not_default;
use crate::topology::{Topology, Vhost};

// === impl Topology ===

impl Topology {
    pub(super) fn bind(
        &mut self,
        binding: Binding,
        connection: ConnectionId,
    ) -> Result<Outcome, Refusal> {
        check_not_default(&binding)?;
        let vhost = self.vhost_mut(&binding.vhost)?;
        let source = vhost.exchange(&binding.source);
        let source = source.ok_or_else(|| Refusal::no_exchange(&binding.vhost, &binding.source))?;
        check_destination(vhost, &binding.destination, connection)?;
        source.router.check(&binding.routing_key, &binding.arguments)?;
        Ok(Outcome::Done { changed: vhost.insert_binding(canonical(binding)) })
    }

    pub(super) fn unbind(
        &mut self,
        binding: Binding,
        connection: ConnectionId,
    ) -> Result<Outcome, Refusal> {
        check_not_default(&binding)?;
        let vhost = self.vhost_mut(&binding.vhost)?;
        let binding = Arc::new(canonical(binding));
        if vhost.is_bound(&binding)
            && let Destination::Queue(name) = &binding.destination
        {
            vhost.usable_queue(name, connection)?;
        }
        Ok(Outcome::Done { changed: vhost.remove_binding(&binding) })
    }
}

fn check_not_default(binding: &Binding) -> Result<(), Refusal> {
    if let Destination::Exchange(name) = &binding.destination {
        not_default(name)?;
    }
    not_default(&binding.source)
}

fn check_destination(
    vhost: &Vhost,
    destination: &Destination,
    connection: ConnectionId,
) -> Result<(), Refusal> {
    match destination {
        Destination::Queue(name) => vhost.usable_queue(name, connection).map(drop),
        Destination::Exchange(name) => match vhost.exchange(name) {
            Some(_) => Ok(()),
            None => Err(Refusal::no_exchange(vhost.name(), name)),
        },
    }
}

/// The same binding with its arguments in the order of their names.
fn canonical(binding: Binding) -> Binding {
    Binding { arguments: binding.arguments.sorted(), ..binding }
}
