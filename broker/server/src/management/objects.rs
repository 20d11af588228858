//! Queues, exchanges and bindings, in the vhosts that the caller may look at.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Json};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use broker_api::{Binding, DestinationType, Exchange, Queue};
use broker_core::id::QueueId;
use broker_core::name::Name;
use broker_core::policy::Policy;
use broker_core::queue::Counts;
use broker_core::topology;
use broker_core::topology::{Destination, QueueRecord, Routes};
use broker_protocol::table::FieldTable;
use broker_protocol::wire::{Field, Writer};
use bytes::BytesMut;
use hashbrown::HashMap;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::management::channels::consumers_on;
use crate::management::failed::Failed;
use crate::management::guard::Caller;
use crate::management::json;
use crate::management::payload::Names;
use crate::management::writing::Answered;
use crate::node::Node;

type Shared = State<Arc<Node>>;
type Pair = Names<(String, String)>;

/// `GET /api/queues`.
pub(super) async fn queues(State(node): Shared, caller: Caller) -> Json<Vec<Queue>> {
    let counts = node.survey().await;
    let routes = node.directory.routes();
    let queues = seen(&routes, &caller).flat_map(topology::Vhost::queues);
    Json(queues.map(|queue| describe_queue(&node, queue, &counts)).collect())
}

/// `GET /api/queues/{vhost}`.
pub(super) async fn queues_of(
    State(node): Shared,
    caller: Caller,
    Names(vhost): Names<String>,
) -> Answered {
    let counts = node.survey().await;
    let routes = node.directory.routes();
    let queues = caller.look(&routes, &vhost)?.queues().into_iter();
    let queues = queues.map(|queue| describe_queue(&node, queue, &counts));
    Ok(Json(queues.collect::<Vec<_>>()).into_response())
}

/// `GET /api/queues/{vhost}/{name}`.
pub(super) async fn queue(
    State(node): Shared,
    caller: Caller,
    Names((vhost, name)): Pair,
) -> Answered {
    let counts = node.survey().await;
    let found = {
        let routes = node.directory.routes();
        let queue = caller.look(&routes, &vhost)?.queue(&name);
        queue.map(|queue| (queue.id, describe_queue(&node, queue, &counts)))
    };
    let (id, mut shown) = found.ok_or_else(Failed::not_found)?;
    shown.consumer_details = Some(consumers_on(&node, id).await);
    Ok(Json(shown).into_response())
}

/// `GET /api/exchanges`.
pub(super) async fn exchanges(State(node): Shared, caller: Caller) -> Json<Vec<Exchange>> {
    let counts = node.survey_delays().await;
    let routes = node.directory.routes();
    let exchanges = seen(&routes, &caller).flat_map(|vhost| describe_exchanges(vhost, &counts));
    Json(exchanges.collect())
}

/// `GET /api/exchanges/{vhost}`.
pub(super) async fn exchanges_of(
    State(node): Shared,
    caller: Caller,
    Names(vhost): Names<String>,
) -> Answered {
    let counts = node.survey_delays().await;
    let routes = node.directory.routes();
    Ok(Json(describe_exchanges(caller.look(&routes, &vhost)?, &counts)).into_response())
}

/// `GET /api/exchanges/{vhost}/{name}`; the default exchange is `amq.default`.
pub(super) async fn exchange(
    State(node): Shared,
    caller: Caller,
    Names((vhost, name)): Pair,
) -> Answered {
    let counts = node.survey_delays().await;
    let routes = node.directory.routes();
    let vhost = caller.look(&routes, &vhost)?;
    let exchange = vhost.exchange(exchange_name(&name));
    found(exchange.map(|exchange| describe_exchange(vhost, exchange, &counts)))
}

/// `GET /api/bindings`.
pub(super) async fn bindings(State(node): Shared, caller: Caller) -> Json<Vec<Binding>> {
    let routes = node.directory.routes();
    Json(seen(&routes, &caller).flat_map(describe_bindings).collect())
}

/// `GET /api/bindings/{vhost}`.
pub(super) async fn bindings_of(
    State(node): Shared,
    caller: Caller,
    Names(vhost): Names<String>,
) -> Answered {
    let routes = node.directory.routes();
    Ok(Json(describe_bindings(caller.look(&routes, &vhost)?)).into_response())
}

/// `GET /api/bindings/{vhost}/e/{source}/{q or e}/{destination}`.
pub(super) async fn bindings_between(
    State(node): Shared,
    caller: Caller,
    Names((vhost, source, kind, destination)): Names<(String, String, String, String)>,
) -> Answered {
    let routes = node.directory.routes();
    let vhost = caller.look(&routes, &vhost)?;
    let bindings = between(vhost, &source, &kind, &destination)?;
    Ok(Json(bindings.into_iter().map(|(_, shown)| shown).collect::<Vec<_>>()).into_response())
}

/// `GET /api/bindings/{vhost}/e/{source}/{q or e}/{destination}/{properties key}`.
pub(super) async fn binding(
    State(node): Shared,
    caller: Caller,
    Names((vhost, source, kind, destination, key)): Names<(String, String, String, String, String)>,
) -> Answered {
    let routes = node.directory.routes();
    let vhost = caller.look(&routes, &vhost)?;
    let bindings = between(vhost, &source, &kind, &destination)?.into_iter();
    found(bindings.map(|(_, shown)| shown).find(|shown| shown.properties_key == key))
}

/// The bindings from one to the other, as they are and as the API shows them.
pub(super) fn between(
    vhost: &topology::Vhost,
    source: &str,
    kind: &str,
    destination: &str,
) -> Result<Vec<(topology::Binding, Binding)>, Failed> {
    let source = Name::new(exchange_name(source));
    let destination = super::declaring::destination(kind, destination)?;
    let bindings = vhost.bindings_from(&source).filter(|b| b.destination == destination);
    Ok(bindings.map(|b| (topology::Binding::clone(b), describe_binding(b))).collect())
}

/// `GET /api/queues/{vhost}/{name}/bindings`.
pub(super) async fn bindings_to_queue(
    State(node): Shared,
    caller: Caller,
    Names((vhost, name)): Pair,
) -> Answered {
    let routes = node.directory.routes();
    let vhost = caller.look(&routes, &vhost)?;
    found(vhost.queue(&name).map(|queue| {
        let queue = queue.settings.name.clone();
        let implied = implied(vhost.name(), &queue);
        let destination = Destination::Queue(queue);
        let explicit = vhost.bindings_to(&destination).map(|binding| describe_binding(binding));
        std::iter::once(implied).chain(explicit).collect::<Vec<_>>()
    }))
}

/// `GET /api/exchanges/{vhost}/{name}/bindings/source`.
pub(super) async fn bindings_from(
    State(node): Shared,
    caller: Caller,
    Names((vhost, name)): Pair,
) -> Answered {
    let routes = node.directory.routes();
    let vhost = caller.look(&routes, &vhost)?;
    found(vhost.exchange(exchange_name(&name)).map(|source| {
        let bindings = vhost.bindings_from(&source.name);
        bindings.map(|binding| describe_binding(binding)).collect::<Vec<_>>()
    }))
}

/// `GET /api/exchanges/{vhost}/{name}/bindings/destination`.
pub(super) async fn bindings_to_exchange(
    State(node): Shared,
    caller: Caller,
    Names((vhost, name)): Pair,
) -> Answered {
    let routes = node.directory.routes();
    let vhost = caller.look(&routes, &vhost)?;
    found(vhost.exchange(exchange_name(&name)).map(|exchange| {
        let destination = Destination::Exchange(exchange.name.clone());
        let bindings = vhost.bindings_to(&destination);
        bindings.map(|binding| describe_binding(binding)).collect::<Vec<_>>()
    }))
}

/// The vhosts that the caller may look at.
fn seen<'a>(routes: &'a Routes, caller: &'a Caller) -> impl Iterator<Item = &'a topology::Vhost> {
    routes.vhosts().filter(|vhost| caller.sees(routes, vhost.name()))
}

fn found<T: Serialize>(object: Option<T>) -> Answered {
    object.map(|object| Json(object).into_response()).ok_or_else(Failed::not_found)
}

pub(super) fn exchange_name(name: &str) -> &str {
    if name == "amq.default" { "" } else { name }
}

fn describe_queue(node: &Node, queue: &QueueRecord, counts: &HashMap<QueueId, Counts>) -> Queue {
    let counts = counts.get(&queue.id).copied().unwrap_or_default();
    let settings = &queue.settings;
    let leader = node.identity.node.clone();
    let kind = queue.arguments.get("x-queue-type").and_then(|value| value.as_str());
    Queue {
        name: settings.name.to_string(),
        vhost: settings.vhost.to_string(),
        durable: settings.durable,
        auto_delete: settings.auto_delete,
        exclusive: queue.owner.is_some(),
        arguments: json::arguments(&queue.arguments),
        policy: policy_name(queue.governed.policy.as_deref()),
        operator_policy: policy_name(queue.governed.operator.as_deref()),
        effective_policy_definition: json::arguments(&queue.governed.definition()),
        kind: kind.unwrap_or("classic").to_owned(),
        members: vec![leader.clone()],
        online: vec![leader.clone()],
        node: leader.clone(),
        leader,
        state: "running".to_owned(),
        messages: counts.ready + counts.unacked,
        messages_ready: counts.ready,
        messages_unacknowledged: counts.unacked,
        message_bytes: counts.ready_bytes + counts.unacked_bytes,
        message_bytes_ready: counts.ready_bytes,
        message_bytes_unacknowledged: counts.unacked_bytes,
        messages_deduplicated: counts.duplicates,
        deduplication_keys: counts.keys,
        consumers: counts.consumers.into(),
        consumer_details: None,
        incarnation: queue.id.0,
    }
}

fn describe_exchanges(vhost: &topology::Vhost, counts: &HashMap<QueueId, Counts>) -> Vec<Exchange> {
    let exchanges = vhost.exchanges();
    exchanges.into_iter().map(|exchange| describe_exchange(vhost, exchange, counts)).collect()
}

fn describe_exchange(
    vhost: &topology::Vhost,
    exchange: &topology::Exchange,
    counts: &HashMap<QueueId, Counts>,
) -> Exchange {
    let delayed = exchange.delays.and_then(|id| counts.get(&id));
    Exchange {
        name: exchange.name.to_string(),
        vhost: vhost.name().to_string(),
        kind: exchange.kind.name().to_owned(),
        durable: exchange.durable,
        auto_delete: exchange.auto_delete,
        internal: exchange.internal,
        messages_delayed: delayed.map_or(0, |counts| counts.ready),
        arguments: json::arguments(&exchange.arguments),
        policy: policy_name(exchange.governed.policy.as_deref()),
        operator_policy: policy_name(exchange.governed.operator.as_deref()),
        effective_policy_definition: json::arguments(&exchange.governed.definition()),
    }
}

fn policy_name(policy: Option<&Policy>) -> Option<String> {
    policy.map(|policy| policy.name.to_string())
}

fn describe_bindings(vhost: &topology::Vhost) -> Vec<Binding> {
    let queues = vhost.queues().into_iter();
    let implied = queues.map(|queue| implied(vhost.name(), &queue.settings.name));
    implied.chain(vhost.bindings().map(|binding| describe_binding(binding))).collect()
}

/// Every queue is bound to the default exchange under its own name.
fn implied(vhost: &Name, queue: &Name) -> Binding {
    Binding {
        source: String::new(),
        vhost: vhost.to_string(),
        destination: queue.to_string(),
        destination_type: DestinationType::Queue,
        routing_key: queue.to_string(),
        arguments: broker_api::Arguments::new(),
        properties_key: properties_key(queue, &FieldTable::new()),
    }
}

pub(super) fn describe_binding(binding: &topology::Binding) -> Binding {
    let (destination, destination_type) = match &binding.destination {
        Destination::Queue(name) => (name, DestinationType::Queue),
        Destination::Exchange(name) => (name, DestinationType::Exchange),
    };
    Binding {
        source: binding.source.to_string(),
        vhost: binding.vhost.to_string(),
        destination: destination.to_string(),
        destination_type,
        routing_key: binding.routing_key.to_string(),
        arguments: json::arguments(&binding.arguments),
        properties_key: properties_key(&binding.routing_key, &binding.arguments),
    }
}

/// The routing key, and a digest of the arguments if there are any, as RabbitMQ puts them together.
pub(super) fn properties_key(routing_key: &str, arguments: &FieldTable) -> String {
    let key = routing_key.replace('~', "%7E");
    if arguments.is_empty() {
        return if key.is_empty() { "~".to_owned() } else { key };
    }
    let mut bytes = BytesMut::new();
    arguments.clone().sorted().write(&mut Writer::new(&mut bytes));
    let digest = Sha256::digest(&bytes);
    format!("{key}~{}", BASE64_URL_SAFE_NO_PAD.encode(&digest[..12]))
}
