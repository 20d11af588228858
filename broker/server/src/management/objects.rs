//! Vhosts, queues, exchanges and bindings.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use broker_api::{Binding, DestinationType, Exchange, Queue, Vhost};
use broker_core::id::QueueId;
use broker_core::name::Name;
use broker_core::policy::Policy;
use broker_core::queue::Counts;
use broker_core::topology;
use broker_core::topology::{Destination, QueueRecord};
use hashbrown::HashMap;
use serde::Serialize;

use crate::management::{failure, json};
use crate::node::Node;

type Shared = State<Arc<Node>>;

/// `GET /api/vhosts`.
pub(super) async fn vhosts(State(node): Shared) -> Json<Vec<Vhost>> {
    let routes = node.directory.routes();
    Json(routes.vhosts().map(describe_vhost).collect())
}

/// `GET /api/vhosts/{vhost}`.
pub(super) async fn vhost(State(node): Shared, Path(name): Path<String>) -> Response {
    found(node.directory.routes().vhost(&name).map(describe_vhost))
}

/// `GET /api/queues`.
pub(super) async fn queues(State(node): Shared) -> Json<Vec<Queue>> {
    let counts = node.survey().await;
    let routes = node.directory.routes();
    let queues = routes.vhosts().flat_map(topology::Vhost::queues);
    Json(queues.map(|queue| describe_queue(&node, queue, &counts)).collect())
}

/// `GET /api/queues/{vhost}`.
pub(super) async fn queues_of(State(node): Shared, Path(vhost): Path<String>) -> Response {
    let counts = node.survey().await;
    let routes = node.directory.routes();
    found(routes.vhost(&vhost).map(|vhost| {
        let queues = vhost.queues().into_iter();
        queues.map(|queue| describe_queue(&node, queue, &counts)).collect::<Vec<_>>()
    }))
}

/// `GET /api/queues/{vhost}/{name}`.
pub(super) async fn queue(
    State(node): Shared,
    Path((vhost, name)): Path<(String, String)>,
) -> Response {
    let counts = node.survey().await;
    let routes = node.directory.routes();
    let queue = routes.vhost(&vhost).and_then(|vhost| vhost.queue(&name));
    found(queue.map(|queue| describe_queue(&node, queue, &counts)))
}

/// `GET /api/exchanges`.
pub(super) async fn exchanges(State(node): Shared) -> Json<Vec<Exchange>> {
    let routes = node.directory.routes();
    Json(routes.vhosts().flat_map(describe_exchanges).collect())
}

/// `GET /api/exchanges/{vhost}`.
pub(super) async fn exchanges_of(State(node): Shared, Path(vhost): Path<String>) -> Response {
    found(node.directory.routes().vhost(&vhost).map(describe_exchanges))
}

/// `GET /api/exchanges/{vhost}/{name}`; the default exchange is `amq.default`.
pub(super) async fn exchange(
    State(node): Shared,
    Path((vhost, name)): Path<(String, String)>,
) -> Response {
    let routes = node.directory.routes();
    let vhost = routes.vhost(&vhost);
    let name = exchange_name(&name);
    found(vhost.and_then(|vhost| Some(describe_exchange(vhost, vhost.exchange(name)?))))
}

/// `GET /api/bindings`.
pub(super) async fn bindings(State(node): Shared) -> Json<Vec<Binding>> {
    let routes = node.directory.routes();
    Json(routes.vhosts().flat_map(describe_bindings).collect())
}

/// `GET /api/bindings/{vhost}`.
pub(super) async fn bindings_of(State(node): Shared, Path(vhost): Path<String>) -> Response {
    found(node.directory.routes().vhost(&vhost).map(describe_bindings))
}

/// `GET /api/queues/{vhost}/{name}/bindings`.
pub(super) async fn bindings_to_queue(
    State(node): Shared,
    Path((vhost, name)): Path<(String, String)>,
) -> Response {
    let routes = node.directory.routes();
    found(routes.vhost(&vhost).and_then(|vhost| {
        let queue = vhost.queue(&name)?.settings.name.clone();
        let implied = implied(vhost.name(), &queue);
        let destination = Destination::Queue(queue);
        let explicit = vhost.bindings_to(&destination).map(|binding| describe_binding(binding));
        Some(std::iter::once(implied).chain(explicit).collect::<Vec<_>>())
    }))
}

/// `GET /api/exchanges/{vhost}/{name}/bindings/source`.
pub(super) async fn bindings_from(
    State(node): Shared,
    Path((vhost, name)): Path<(String, String)>,
) -> Response {
    let routes = node.directory.routes();
    found(routes.vhost(&vhost).and_then(|vhost| {
        let source = vhost.exchange(exchange_name(&name))?.name.clone();
        let bindings = vhost.bindings_from(&source).map(|binding| describe_binding(binding));
        Some(bindings.collect::<Vec<_>>())
    }))
}

/// `GET /api/exchanges/{vhost}/{name}/bindings/destination`.
pub(super) async fn bindings_to_exchange(
    State(node): Shared,
    Path((vhost, name)): Path<(String, String)>,
) -> Response {
    let routes = node.directory.routes();
    found(routes.vhost(&vhost).and_then(|vhost| {
        let exchange = vhost.exchange(exchange_name(&name))?.name.clone();
        let destination = Destination::Exchange(exchange);
        let bindings = vhost.bindings_to(&destination).map(|binding| describe_binding(binding));
        Some(bindings.collect::<Vec<_>>())
    }))
}

fn found<T: Serialize>(object: Option<T>) -> Response {
    match object {
        Some(object) => Json(object).into_response(),
        None => failure(StatusCode::NOT_FOUND, "not_found", "Object Not Found"),
    }
}

fn exchange_name(name: &str) -> &str {
    if name == "amq.default" { "" } else { name }
}

fn describe_vhost(vhost: &topology::Vhost) -> Vhost {
    Vhost { name: vhost.name().to_string(), description: String::new() }
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
        consumers: counts.consumers.into(),
        incarnation: queue.id.0,
    }
}

fn describe_exchanges(vhost: &topology::Vhost) -> Vec<Exchange> {
    let exchanges = vhost.exchanges();
    exchanges.into_iter().map(|exchange| describe_exchange(vhost, exchange)).collect()
}

fn describe_exchange(vhost: &topology::Vhost, exchange: &topology::Exchange) -> Exchange {
    Exchange {
        name: exchange.name.to_string(),
        vhost: vhost.name().to_string(),
        kind: exchange.kind.name().to_owned(),
        durable: exchange.durable,
        auto_delete: exchange.auto_delete,
        internal: exchange.internal,
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
    }
}

fn describe_binding(binding: &topology::Binding) -> Binding {
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
    }
}
