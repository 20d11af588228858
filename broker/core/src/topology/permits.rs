//! Which change of the topology needs which permission.
//!
//! | change | right |
//! |---|---|
//! | declare an exchange or queue | configure on it; a passive one none |
//! | … with an alternate exchange | and, when it is new, read on it and write on the other |
//! | … with a dead-letter exchange | the same |
//! | delete one | configure on it |
//! | bind, unbind | write on the destination, read on the source, and on its topic |

use broker_protocol::table::{FieldTable, Value};

use crate::access::{Actor, Resource, Right};
use crate::arguments::RESERVED;
use crate::name::Name;
use crate::queue::DEAD_LETTER_EXCHANGE;
use crate::refusal::Refusal;
use crate::topology::command::{Binding, Command, DeclareExchange, DeclareQueue, Destination};
use crate::topology::exchange::ALTERNATE;
use crate::topology::exchange_kind::ExchangeKind;
use crate::topology::routes::Routes;

/// Refuses a change of the topology that the actor may not make.
///
/// What the topology refuses whoever asks is left to it, and so are changes that no client asks for.
///
/// # Errors
///
/// 403 in RabbitMQ's wording.
pub fn permits(routes: &Routes, actor: &Actor, command: &Command) -> Result<(), Refusal> {
    if actor.unlimited {
        return Ok(());
    }
    match command {
        Command::DeclareExchange(wanted) => exchange(routes, actor, wanted),
        Command::DeleteExchange { vhost, name, .. } if !name.is_empty() => {
            let exchange = Resource::Exchange(name);
            routes.access().check(actor, vhost, Right::Configure, exchange)
        }
        Command::DeclareQueue(wanted) => queue(routes, actor, wanted),
        Command::Bind(rule, _) | Command::Unbind(rule, _) => binding(routes, actor, rule),
        _ => Ok(()),
    }
}

fn exchange(routes: &Routes, actor: &Actor, wanted: &DeclareExchange) -> Result<(), Refusal> {
    let DeclareExchange { vhost, name, kind, passive, arguments, .. } = wanted;
    if *passive || name.is_empty() || ExchangeKind::from_name(kind).is_none() {
        return Ok(());
    }
    let own = Resource::Exchange(name);
    routes.access().check(actor, vhost, Right::Configure, own)?;
    let exists = routes.vhost(vhost).is_some_and(|vhost| vhost.exchange(name).is_some());
    refers(routes, actor, (vhost, own), exchange_named(arguments, ALTERNATE).filter(|_| !exists))
}

fn queue(routes: &Routes, actor: &Actor, wanted: &DeclareQueue) -> Result<(), Refusal> {
    let DeclareQueue { vhost, name, generated_name, passive, arguments, .. } = wanted;
    if *passive || name.starts_with(RESERVED) {
        return Ok(());
    }
    let name = if name.is_empty() { generated_name } else { name };
    let own = Resource::Queue(name);
    routes.access().check(actor, vhost, Right::Configure, own)?;
    let exists = routes.vhost(vhost).is_some_and(|vhost| vhost.queue(name).is_some());
    let other = exchange_named(arguments, DEAD_LETTER_EXCHANGE).filter(|_| !exists);
    refers(routes, actor, (vhost, own), other)
}

/// What is made sends messages on to another exchange.
fn refers(
    routes: &Routes,
    actor: &Actor,
    (vhost, own): (&Name, Resource<'_>),
    other: Option<&str>,
) -> Result<(), Refusal> {
    let Some(other) = other else { return Ok(()) };
    routes.access().check(actor, vhost, Right::Read, own)?;
    routes.access().check(actor, vhost, Right::Write, Resource::Exchange(other))
}

fn binding(routes: &Routes, actor: &Actor, binding: &Binding) -> Result<(), Refusal> {
    let Binding { vhost, source, destination, routing_key, .. } = binding;
    let destination = match destination {
        Destination::Queue(name) => Resource::Queue(name),
        Destination::Exchange(name) => Resource::Exchange(name),
    };
    let access = routes.access();
    access.check(actor, vhost, Right::Write, destination)?;
    if source.is_empty() {
        return Ok(());
    }
    access.check(actor, vhost, Right::Read, Resource::Exchange(source))?;
    let found = routes.vhost(vhost).and_then(|vhost| vhost.exchange(source));
    match found {
        Some(found) if found.kind == ExchangeKind::Topic => {
            access.check_topic(actor, vhost, (source, routing_key), Right::Read)
        }
        _ => Ok(()),
    }
}

fn exchange_named<'a>(arguments: &'a FieldTable, key: &str) -> Option<&'a str> {
    arguments.get(key).and_then(Value::as_str)
}
