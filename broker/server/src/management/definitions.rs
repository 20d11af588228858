//! All that was ever made, as one document, and back.
//!
//! What a document says is added to what there is, kind by kind, in an order in which each finds what
//! it refers to. It is tried out on a copy first, and what would be refused is refused before anything changes.

mod importing;
mod reading;
mod rehearsal;

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Json};
use broker_api::{
    Definitions, ExchangeDeclaration, ExchangeDefinition, QueueDeclaration, QueueDefinition,
    VhostChange, VhostDefinition,
};
use broker_core::access::{Actor, Tag};
use broker_core::name::Name;
use broker_core::policy::Rank;
use broker_core::topology::{Destination, Exchange, QueueRecord, Vhost};

use crate::management::bindings::describe_binding;
use crate::management::failed::Failed;
use crate::management::guard::Caller;
use crate::management::payload::{Names, Payload};
use crate::management::writing::{Answered, done};
use crate::management::{json, parameters, permissions, policies, users};
use crate::node::Node;

/// The version of RabbitMQ that reads what is exported.
const READABLE_BY: &str = "3.13.7";

/// `GET /api/definitions`.
pub(super) async fn export(State(node): State<Arc<Node>>, caller: Caller) -> Answered {
    let routes = node.directory.routes();
    caller.needs(&routes, Tag::Administrator)?;
    let mut definitions = Definitions {
        users: routes.access().users().map(|user| users::describe(user)).collect(),
        vhosts: routes.vhosts().map(define_vhost).collect(),
        permissions: permissions::all(routes.access()),
        topic_permissions: permissions::all_topics(routes.access()),
        global_parameters: parameters::all_globals(routes.access()),
        ..begun()
    };
    routes.vhosts().for_each(|vhost| fill(&mut definitions, vhost));
    Ok(Json(definitions).into_response())
}

/// `GET /api/definitions/{vhost}`: what is in it, without its name.
pub(super) async fn export_vhost(
    State(node): State<Arc<Node>>,
    caller: Caller,
    Names(name): Names<String>,
) -> Answered {
    let routes = node.directory.routes();
    caller.needs(&routes, Tag::Policymaker)?;
    let mut definitions = begun();
    fill(&mut definitions, caller.look(&routes, &name)?);
    definitions.queues.iter_mut().for_each(|queue| queue.vhost.clear());
    definitions.exchanges.iter_mut().for_each(|exchange| exchange.vhost.clear());
    definitions.bindings.iter_mut().for_each(|binding| binding.vhost.clear());
    definitions.policies.iter_mut().for_each(|policy| policy.vhost.clear());
    definitions.parameters.iter_mut().for_each(|parameter| parameter.vhost.clear());
    Ok(Json(definitions).into_response())
}

/// `POST /api/definitions`. For administrators, whatever their permissions are.
pub(super) async fn import(
    State(node): State<Arc<Node>>,
    caller: Caller,
    Payload(definitions): Payload<Definitions>,
) -> Answered {
    caller.needs(&node.directory.routes(), Tag::Administrator)?;
    importing::everything(node, above(&caller), definitions).await?;
    Ok(done())
}

/// `POST /api/definitions/{vhost}`: only what is within a vhost.
pub(super) async fn import_vhost(
    State(node): State<Arc<Node>>,
    caller: Caller,
    Names(name): Names<String>,
    Payload(definitions): Payload<Definitions>,
) -> Answered {
    caller.needs(&node.directory.routes(), Tag::Administrator)?;
    if node.directory.routes().vhost(&name).is_none() {
        return Err(Failed::not_found());
    }
    importing::into_vhost(node, above(&caller), &name, definitions).await?;
    Ok(done())
}

/// Whoever imports does not need permissions in the vhosts concerned.
fn above(caller: &Caller) -> Caller {
    Caller(Actor { name: caller.0.name.clone(), unlimited: true })
}

fn begun() -> Definitions {
    Definitions {
        product_name: "Warren".to_owned(),
        product_version: env!("CARGO_PKG_VERSION").to_owned(),
        rabbitmq_version: READABLE_BY.to_owned(),
        ..Definitions::default()
    }
}

fn define_vhost(vhost: &Vhost) -> VhostDefinition {
    let properties = vhost.properties();
    let kind = &properties.default_queue_type;
    VhostDefinition {
        name: vhost.name().to_string(),
        properties: VhostChange {
            description: Some(properties.description.to_string()),
            tags: Some(properties.tags.iter().map(Name::to_string).collect()),
            default_queue_type: (!kind.is_empty()).then(|| kind.to_string()),
        },
        ..VhostDefinition::default()
    }
}

/// Adds what is in a vhost and outlives its users.
fn fill(definitions: &mut Definitions, vhost: &Vhost) {
    let name = vhost.name();
    definitions.parameters.extend(parameters::of(vhost));
    definitions.policies.extend(policies::describe_all(vhost, Rank::User));
    let exchanges = vhost.exchanges().into_iter().filter(|exchange| is_made(exchange));
    definitions.exchanges.extend(exchanges.map(|exchange| define_exchange(name, exchange)));
    let queues = vhost.queues().into_iter().filter(|queue| queue.settings.durable);
    definitions.queues.extend(queues.map(|queue| define_queue(queue)));
    let lasts = |destination: &Destination| match destination {
        Destination::Queue(name) => vhost.queue(name).is_some_and(|queue| queue.settings.durable),
        Destination::Exchange(_) => true,
    };
    let bindings = vhost.bindings().filter(|binding| lasts(&binding.destination));
    definitions.bindings.extend(bindings.map(|binding| describe_binding(binding)));
}

/// Whether somebody made the exchange: the others come with their vhost.
fn is_made(exchange: &Exchange) -> bool {
    !exchange.name.is_empty() && !exchange.name.starts_with("amq.")
}

fn define_exchange(vhost: &str, exchange: &Exchange) -> ExchangeDefinition {
    ExchangeDefinition {
        name: exchange.name.to_string(),
        vhost: vhost.to_owned(),
        declaration: ExchangeDeclaration {
            kind: exchange.kind.name().to_owned(),
            durable: exchange.durable,
            auto_delete: exchange.auto_delete,
            internal: exchange.internal,
            arguments: json::arguments(&exchange.arguments),
        },
    }
}

fn define_queue(queue: &QueueRecord) -> QueueDefinition {
    QueueDefinition {
        name: queue.settings.name.to_string(),
        vhost: queue.settings.vhost.to_string(),
        declaration: QueueDeclaration {
            durable: queue.settings.durable,
            auto_delete: queue.settings.auto_delete,
            arguments: json::arguments(&queue.arguments),
        },
    }
}
