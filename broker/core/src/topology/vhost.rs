//! One virtual host: its exchanges, queues and bindings, kept consistent with each other.

use std::cmp::Ordering;
use std::sync::Arc;

use broker_protocol::table::FieldTable;
use imbl::OrdSet;

use crate::id::{ConnectionId, QueueId};
use crate::name::{Name, NameMap};
use crate::policy::Policies;
use crate::refusal::Refusal;
use crate::routing::Target;
use crate::topology::command::{Binding, Destination};
use crate::topology::delayed::Delays;
use crate::topology::exchange::{Exchange, predeclared};
use crate::topology::properties::{VhostLimits, VhostProperties};
use crate::topology::queue::QueueRecord;

/// A namespace of exchanges, queues and bindings. Cloning is cheap: all within is shared.
#[derive(Debug, Clone)]
pub struct Vhost {
    name: Name,
    exchanges: NameMap<Arc<Exchange>>,
    queues: NameMap<Arc<QueueRecord>>,
    by_source: OrdSet<Arc<Binding>>,
    by_destination: OrdSet<ByDestination>,
    delays: Delays,
    policies: Policies,
    /// Auto-delete exchanges stay without a binding: see [`Topology::replay`](super::Topology::replay).
    keeps_unbound: bool,
    properties: Arc<VhostProperties>,
    limits: VhostLimits,
}

/// A binding in the order of what it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ByDestination(Arc<Binding>);

// === impl Vhost ===

impl Vhost {
    pub(crate) fn new(name: Name) -> Self {
        let exchanges =
            predeclared().map(|exchange| (exchange.name.clone(), Arc::new(exchange))).collect();
        Self {
            name,
            exchanges,
            queues: NameMap::default(),
            by_source: OrdSet::new(),
            by_destination: OrdSet::new(),
            delays: Delays::new(),
            policies: Policies::default(),
            keeps_unbound: false,
            properties: Arc::default(),
            limits: VhostLimits::default(),
        }
    }

    /// The vhost's name.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// What it is for.
    #[must_use]
    pub fn properties(&self) -> &VhostProperties {
        &self.properties
    }

    /// How much it may hold.
    #[must_use]
    pub fn limits(&self) -> VhostLimits {
        self.limits
    }

    /// False if they were so before.
    pub(crate) fn set_properties(&mut self, properties: VhostProperties) -> bool {
        let changed = *self.properties != properties;
        self.properties = Arc::new(properties);
        changed
    }

    /// False if they were so before.
    pub(crate) fn set_limits(&mut self, limits: VhostLimits) -> bool {
        std::mem::replace(&mut self.limits, limits) != limits
    }

    /// The exchange of this name; the default exchange's is empty.
    #[must_use]
    pub fn exchange(&self, name: &str) -> Option<&Exchange> {
        self.exchanges.get(name).map(|exchange| &**exchange)
    }

    /// The queue of this name.
    #[must_use]
    pub fn queue(&self, name: &str) -> Option<&Arc<QueueRecord>> {
        self.queues.get(name)
    }

    /// The queue of this name, if `connection` may use it: the check before consume, get, purge
    /// and delete.
    ///
    /// # Errors
    ///
    /// 404 if there is none, 405 if it is another connection's own.
    pub fn usable_queue(
        &self,
        name: &str,
        connection: ConnectionId,
    ) -> Result<&Arc<QueueRecord>, Refusal> {
        let queue = self.queue(name).ok_or_else(|| Refusal::no_queue(&self.name, name))?;
        match queue.owner {
            Some(owner) if owner != connection => Err(queue.locked()),
            _ => Ok(queue),
        }
    }

    /// All exchanges, by name.
    #[must_use]
    pub fn exchanges(&self) -> Vec<&Exchange> {
        let mut all: Vec<_> = self.exchanges.values().map(|exchange| &**exchange).collect();
        all.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// All queues, by name.
    #[must_use]
    pub fn queues(&self) -> Vec<&Arc<QueueRecord>> {
        let mut all: Vec<_> = self.queues.values().collect();
        all.sort_unstable_by(|a, b| a.settings.name.cmp(&b.settings.name));
        all
    }

    /// How many exchanges there are.
    #[must_use]
    pub fn exchange_count(&self) -> usize {
        self.exchanges.len()
    }

    /// How many queues there are.
    #[must_use]
    pub fn queue_count(&self) -> usize {
        self.queues.len()
    }

    /// All bindings by source, then destination; without the implied ones of the default exchange.
    pub fn bindings(&self) -> impl Iterator<Item = &Arc<Binding>> {
        self.by_source.iter()
    }

    /// The bindings from this exchange.
    pub fn bindings_from<'a>(&'a self, source: &'a Name) -> impl Iterator<Item = &'a Arc<Binding>> {
        let first = self.least(source.clone(), Destination::Queue(Name::new("")));
        self.by_source.range(first..).take_while(move |binding| binding.source == *source)
    }

    /// The bindings to this queue or exchange.
    pub fn bindings_to<'a>(
        &'a self,
        destination: &'a Destination,
    ) -> impl Iterator<Item = &'a Arc<Binding>> {
        let first = ByDestination(self.least(Name::new(""), destination.clone()));
        let from = self.by_destination.range(first..).map(|ByDestination(binding)| binding);
        from.take_while(move |binding| binding.destination == *destination)
    }

    /// The least binding there can be for these two.
    fn least(&self, source: Name, destination: Destination) -> Arc<Binding> {
        let routing_key = Name::new("");
        let arguments = FieldTable::new();
        Arc::new(Binding { vhost: self.name.clone(), source, destination, routing_key, arguments })
    }

    /// Its policies and operator policies.
    #[must_use]
    pub fn policies(&self) -> &Policies {
        &self.policies
    }

    pub(super) fn policies_mut(&mut self) -> &mut Policies {
        &mut self.policies
    }

    /// Puts everything under the policies there are now. Returns the queues that behave differently
    /// from then on, by name.
    pub(super) fn govern(&mut self) -> Vec<Arc<QueueRecord>> {
        let others = self.exchanges.values().filter(|exchange| !exchange.is_under(&self.policies));
        let others: Vec<_> = others.map(|exchange| exchange.name.clone()).collect();
        for name in others {
            if let Some(exchange) = self.exchanges.get_mut(&name) {
                Arc::make_mut(exchange).put_under(&self.policies);
            }
        }
        let under = |queue: &Arc<QueueRecord>| Some((queue.clone(), queue.under(&self.policies)?));
        let changed: Vec<_> = self.queues().into_iter().filter_map(under).collect();
        let mut different = Vec::new();
        for (old, new) in changed {
            let new = Arc::new(new);
            if new.settings != old.settings {
                different.push(new.clone());
            }
            self.insert_queue(new);
        }
        different
    }

    pub(crate) fn keep_unbound(&mut self, keep: bool) {
        self.keeps_unbound = keep;
    }

    /// The queues of the exchanges that delay.
    #[must_use]
    pub fn delays(&self) -> &Delays {
        &self.delays
    }

    pub(crate) fn insert_exchange(&mut self, exchange: Exchange) {
        if let Some((id, settings)) = exchange.schedule(&self.name) {
            self.delays.insert(id, settings);
        }
        self.exchanges.insert(exchange.name.clone(), Arc::new(exchange));
    }

    pub(crate) fn insert_queue(&mut self, queue: Arc<QueueRecord>) {
        self.queues.insert(queue.settings.name.clone(), queue);
    }

    /// Removes a queue with all that is bound to it.
    pub(crate) fn remove_queue(&mut self, name: &Name, id: QueueId) -> Option<Arc<QueueRecord>> {
        if self.queue(name)?.id != id {
            return None;
        }
        self.unbind_all_to(&Destination::Queue(name.clone()));
        self.queues.remove(name)
    }

    /// Removes an exchange with all that is bound from and to it.
    pub(crate) fn remove_exchange(&mut self, name: &Name) -> bool {
        let from: Vec<_> = self.bindings_from(name).cloned().collect();
        let Some(exchange) = self.exchanges.remove(name) else { return false };
        if let Some(id) = exchange.delays {
            self.delays.remove(&id);
        }
        for binding in from {
            self.by_source.remove(&binding);
            self.by_destination.remove(&ByDestination(binding));
        }
        self.unbind_all_to(&Destination::Exchange(name.clone()));
        true
    }

    pub(crate) fn is_bound(&self, binding: &Arc<Binding>) -> bool {
        self.by_source.contains(binding)
    }

    /// Adds a binding between things that exist; false if it was there.
    pub(crate) fn insert_binding(&mut self, binding: Binding) -> bool {
        let binding = Arc::new(binding);
        if self.by_source.contains(&binding) {
            return false;
        }
        let Some(target) = self.target(&binding.destination) else { return false };
        let Some(exchange) = self.exchanges.get_mut(&binding.source) else { return false };
        Arc::make_mut(exchange).router.add(&binding.routing_key, &binding.arguments, target);
        self.by_source.insert(binding.clone());
        self.by_destination.insert(ByDestination(binding));
        true
    }

    /// Removes a binding; false if there was none. An auto-delete exchange goes with its last one.
    pub(crate) fn remove_binding(&mut self, binding: &Arc<Binding>) -> bool {
        if self.by_source.remove(binding).is_none() {
            return false;
        }
        self.by_destination.remove(&ByDestination(binding.clone()));
        let target = self.target(&binding.destination);
        let Some(exchange) = self.exchanges.get_mut(&binding.source) else { return true };
        if let Some(target) = target {
            let exchange = Arc::make_mut(exchange);
            exchange.router.remove(&binding.routing_key, &binding.arguments, &target);
        }
        let goes = exchange.auto_delete && !self.keeps_unbound;
        if goes && self.bindings_from(&binding.source).next().is_none() {
            self.remove_exchange(&binding.source);
        }
        true
    }

    fn unbind_all_to(&mut self, destination: &Destination) {
        let to: Vec<_> = self.bindings_to(destination).cloned().collect();
        for binding in to {
            self.remove_binding(&binding);
        }
    }

    fn target(&self, destination: &Destination) -> Option<Target> {
        match destination {
            Destination::Queue(name) => self.queue(name).map(|queue| Target::Queue(queue.id)),
            Destination::Exchange(name) => Some(Target::Exchange(name.clone())),
        }
    }
}

// === impl ByDestination ===

impl Ord for ByDestination {
    fn cmp(&self, other: &Self) -> Ordering {
        let destinations = self.0.destination.cmp(&other.0.destination);
        destinations.then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for ByDestination {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
