//! The durable part of a topology, as the commands that make it from nothing.

use std::sync::Arc;

use broker_core::access::{self, Access, User, UserLimits};
use broker_core::id::QueueId;
use broker_core::name::Name;
use broker_core::policy::Rank;
use broker_core::topology::{
    Binding, Command, DeclareExchange, DeclareQueue, Destination, Exchange, QueueRecord, Routes,
    Vhost, VhostLimits, VhostProperties,
};

use crate::durable::topology_record::NOBODY;

/// The commands, in an order in which none is refused.
pub(crate) fn commands(routes: &Routes) -> Vec<Command> {
    let mut commands = Vec::new();
    for vhost in routes.vhosts() {
        let name = vhost.name();
        commands.push(Command::CreateVhost { vhost: name.clone() });
        describe(vhost, &mut commands);
        for rank in [Rank::User, Rank::Operator] {
            let policies = vhost.policies().of(rank);
            let set = |policy: &_| (name.clone(), Arc::clone(policy));
            commands.extend(policies.map(set).map(|(vhost, policy)| Command::SetPolicy {
                vhost,
                rank,
                policy,
            }));
        }
        let exchanges =
            vhost.exchanges().into_iter().filter(|e| e.durable && !is_predeclared(&e.name));
        commands.extend(exchanges.map(|e| Command::DeclareExchange(declare_exchange(name, e))));
        let queues = vhost.queues().into_iter().filter(|q| q.settings.durable);
        commands.extend(queues.map(|q| Command::DeclareQueue(declare_queue(name, q))));
        let bindings = vhost.bindings().filter(|b| is_durable(vhost, b));
        commands.extend(bindings.map(|b| Command::Bind(Binding::clone(b), NOBODY)));
    }
    commands.extend(access_commands(routes.access()).map(Command::Access));
    commands
}

/// What there is to say of a vhost beside its name.
fn describe(vhost: &Vhost, commands: &mut Vec<Command>) {
    let (name, properties, limits) = (vhost.name(), vhost.properties(), vhost.limits());
    if *properties != VhostProperties::default() {
        let properties = properties.clone();
        commands.push(Command::DescribeVhost { vhost: name.clone(), properties });
    }
    if limits != VhostLimits::default() {
        commands.push(Command::LimitVhost { vhost: name.clone(), limits });
    }
}

fn access_commands(access: &Access) -> impl Iterator<Item = access::Command> {
    let parameters = access.parameters().map(|(name, value)| access::Command::SetParameter {
        name: name.clone(),
        value: value.clone(),
    });
    parameters.chain(access.users().flat_map(|user| user_commands(user)))
}

fn user_commands(user: &User) -> Vec<access::Command> {
    let (name, limits) = (&user.name, user.limits);
    let mut commands = vec![access::Command::SetUser {
        name: name.clone(),
        password: user.password.clone(),
        tags: user.tags.clone(),
    }];
    if limits != UserLimits::default() {
        commands.push(access::Command::LimitUser { name: name.clone(), limits });
    }
    for (vhost, permission) in user.permissions() {
        commands.push(access::Command::Permit {
            user: name.clone(),
            vhost: vhost.clone(),
            permission: permission.clone(),
        });
    }
    for vhost in user.vhosts() {
        let topics = user.topics(vhost);
        commands.extend(topics.map(|(exchange, permission)| access::Command::PermitTopic {
            user: name.clone(),
            vhost: vhost.clone(),
            exchange: exchange.clone(),
            permission: permission.clone(),
        }));
    }
    commands
}

/// Whether a binding survives a restart: both its ends do.
pub(crate) fn is_durable(vhost: &Vhost, binding: &Binding) -> bool {
    let exchange = |name: &Name| vhost.exchange(name).is_some_and(|exchange| exchange.durable);
    exchange(&binding.source)
        && match &binding.destination {
            Destination::Queue(name) => vhost.queue(name).is_some_and(|q| q.settings.durable),
            Destination::Exchange(name) => exchange(name),
        }
}

/// Predeclared exchanges come with their vhost, and nobody else may use their prefix.
fn is_predeclared(name: &str) -> bool {
    name.is_empty() || name.starts_with("amq.")
}

fn declare_exchange(vhost: &Name, exchange: &Exchange) -> DeclareExchange {
    DeclareExchange {
        vhost: vhost.clone(),
        name: exchange.name.clone(),
        kind: exchange.kind.name().into(),
        passive: false,
        durable: true,
        auto_delete: exchange.auto_delete,
        internal: exchange.internal,
        delays: exchange.delays.unwrap_or(QueueId(0)),
        arguments: exchange.arguments.clone(),
    }
}

fn declare_queue(vhost: &Name, queue: &QueueRecord) -> DeclareQueue {
    DeclareQueue {
        vhost: vhost.clone(),
        name: queue.settings.name.clone(),
        generated_name: Name::new(""),
        id: queue.id,
        connection: NOBODY,
        passive: false,
        durable: true,
        exclusive: false,
        auto_delete: queue.settings.auto_delete,
        arguments: queue.arguments.clone(),
    }
}
