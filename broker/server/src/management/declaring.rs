//! Declaring, binding and deleting exchanges and queues, as an AMQP client would: with its permissions.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use broker_api::{BindingDeclaration, ExchangeDeclaration, QueueDeclaration, path};
use broker_core::access::{Resource, Right};
use broker_core::id::QueueId;
use broker_core::name::Name;
use broker_core::queue::Command as QueueCommand;
use broker_core::topology::{Binding, Command, DeclareExchange, DeclareQueue, Outcome};
use serde::Deserialize;

use crate::durable::topology_record::NOBODY;
use crate::management::asking::ask;
use crate::management::bindings::{between, destination, properties_key};
use crate::management::failed::Failed;
use crate::management::guard::Caller;
use crate::management::json;
use crate::management::payload::{Names, Payload, exchange_name, short};
use crate::management::writing::{Answered, done, put, settle, write};
use crate::node::Node;

type Shared = State<Arc<Node>>;
type Pair = Names<(String, String)>;

/// `?if-unused=true&if-empty=true`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(super) struct Conditions {
    if_unused: bool,
    if_empty: bool,
}

/// `PUT /api/exchanges/{vhost}/{name}`.
pub(super) async fn declare_exchange(
    State(node): Shared,
    caller: Caller,
    Names((vhost, name)): Pair,
    Payload(wanted): Payload<ExchangeDeclaration>,
) -> Answered {
    caller.enter(&node.directory.routes(), &vhost)?;
    let created = make_exchange(&node, &caller, (&vhost, exchange_name(&name)), wanted).await?;
    Ok(put(created))
}

/// Declares an exchange; whether it is new.
pub(super) async fn make_exchange(
    node: &Node,
    caller: &Caller,
    (vhost, name): (&str, &str),
    wanted: ExchangeDeclaration,
) -> Result<bool, Failed> {
    let command = Command::DeclareExchange(exchange_to_declare((vhost, name), wanted)?);
    let outcome = write(node, caller, command).await?;
    Ok(matches!(outcome, Outcome::Done { changed: true }))
}

/// What to tell the topology of an exchange that is wanted.
pub(super) fn exchange_to_declare(
    (vhost, name): (&str, &str),
    wanted: ExchangeDeclaration,
) -> Result<DeclareExchange, Failed> {
    let ExchangeDeclaration { kind, durable, auto_delete, internal, arguments } = wanted;
    Ok(DeclareExchange {
        vhost: vhost.into(),
        name: short(name)?,
        kind: kind.into(),
        passive: false,
        durable,
        auto_delete,
        internal,
        delays: QueueId(0),
        arguments: json::table(&arguments)?,
    })
}

/// `DELETE /api/exchanges/{vhost}/{name}`.
pub(super) async fn delete_exchange(
    State(node): Shared,
    caller: Caller,
    Names((vhost, name)): Pair,
    Query(Conditions { if_unused, .. }): Query<Conditions>,
) -> Answered {
    let name = Name::new(exchange_name(&name));
    if caller.enter(&node.directory.routes(), &vhost)?.exchange(&name).is_none() {
        return Err(Failed::not_found());
    }
    let vhost = vhost.into();
    write(&node, &caller, Command::DeleteExchange { vhost, name, if_unused }).await?;
    Ok(done())
}

/// `PUT /api/queues/{vhost}/{name}`.
pub(super) async fn declare_queue(
    State(node): Shared,
    caller: Caller,
    Names((vhost, name)): Pair,
    Payload(wanted): Payload<QueueDeclaration>,
) -> Answered {
    caller.enter(&node.directory.routes(), &vhost)?;
    Ok(put(make_queue(&node, &caller, (&vhost, &name), wanted).await?))
}

/// Declares a queue; whether it is new.
pub(super) async fn make_queue(
    node: &Node,
    caller: &Caller,
    (vhost, name): (&str, &str),
    wanted: QueueDeclaration,
) -> Result<bool, Failed> {
    let wanted = queue_to_declare((vhost, name), wanted, node.directory.next_queue())?;
    let outcome = settle(node, node.declare_queue(&caller.0, wanted)?).await?;
    Ok(matches!(outcome, Outcome::Queue { created: true, .. }))
}

/// What to tell the topology of a queue that is wanted, and would have this id.
pub(super) fn queue_to_declare(
    (vhost, name): (&str, &str),
    wanted: QueueDeclaration,
    id: QueueId,
) -> Result<DeclareQueue, Failed> {
    if name.is_empty() {
        return Err(Failed::bad_request("a queue that is declared here needs a name"));
    }
    let QueueDeclaration { durable, auto_delete, arguments } = wanted;
    Ok(DeclareQueue {
        vhost: vhost.into(),
        name: short(name)?,
        generated_name: Name::default(),
        id,
        connection: NOBODY,
        passive: false,
        durable,
        exclusive: false,
        auto_delete,
        arguments: json::table(&arguments)?,
    })
}

/// `DELETE /api/queues/{vhost}/{name}`.
pub(super) async fn delete_queue(
    State(node): Shared,
    caller: Caller,
    Names((vhost, name)): Pair,
    Query(Conditions { if_unused, if_empty }): Query<Conditions>,
) -> Answered {
    let queue = usable_queue(&node, &caller, (&vhost, &name), Right::Configure)?;
    ask(&node, queue, QueueCommand::Delete { if_unused, if_empty }).await?;
    Ok(done())
}

/// `DELETE /api/queues/{vhost}/{name}/contents`.
pub(super) async fn purge(
    State(node): Shared,
    caller: Caller,
    Names((vhost, name)): Pair,
) -> Answered {
    let queue = usable_queue(&node, &caller, (&vhost, &name), Right::Read)?;
    ask(&node, queue, QueueCommand::Purge).await?;
    Ok(done())
}

/// The queue of this name, if the caller may do this to it.
pub(super) fn usable_queue(
    node: &Node,
    caller: &Caller,
    (vhost, name): (&str, &str),
    right: Right,
) -> Result<QueueId, Failed> {
    let routes = node.directory.routes();
    let found = caller.enter(&routes, vhost)?;
    routes.access().check(&caller.0, vhost, right, Resource::Queue(name))?;
    Ok(found.usable_queue(name, NOBODY)?.id)
}

/// `POST /api/bindings/{vhost}/e/{source}/{q or e}/{destination}`.
pub(super) async fn bind(
    State(node): Shared,
    caller: Caller,
    Names((vhost, source, kind, to)): Names<(String, String, String, String)>,
    Payload(BindingDeclaration { routing_key, arguments }): Payload<BindingDeclaration>,
) -> Answered {
    caller.enter(&node.directory.routes(), &vhost)?;
    let arguments = json::table(&arguments)?;
    let key = path::encode(&properties_key(&routing_key, &arguments));
    let binding = Binding {
        vhost: vhost.into(),
        source: exchange_name(&source).into(),
        destination: destination(&kind, &to)?,
        routing_key: short(&routing_key)?,
        arguments,
    };
    write(&node, &caller, Command::Bind(binding, NOBODY)).await?;
    let location = format!("{}/{key}", path::encode(&to));
    Ok((StatusCode::CREATED, [(header::LOCATION, location)]).into_response())
}

/// `DELETE /api/bindings/{vhost}/e/{source}/{q or e}/{destination}/{properties key}`.
pub(super) async fn unbind(
    State(node): Shared,
    caller: Caller,
    Names((vhost, source, kind, to, key)): Names<(String, String, String, String, String)>,
) -> Answered {
    let found = {
        let routes = node.directory.routes();
        let vhost = caller.enter(&routes, &vhost)?;
        let bindings = between(vhost, &source, &kind, &to)?.into_iter();
        bindings.filter(|(_, shown)| shown.properties_key == key).map(|(found, _)| found).next()
    };
    let binding = found.ok_or_else(Failed::not_found)?;
    write(&node, &caller, Command::Unbind(binding, NOBODY)).await?;
    Ok(done())
}
