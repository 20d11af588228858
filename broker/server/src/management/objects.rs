//! Queues and exchanges, in the vhosts that the caller may look at.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Json};
use broker_api::{Exchange, Queue};
use broker_core::id::QueueId;
use broker_core::policy::Policy;
use broker_core::queue::Counts;
use broker_core::topology;
use broker_core::topology::QueueRecord;
use hashbrown::HashMap;

use crate::management::channels::consumers_on;
use crate::management::failed::Failed;
use crate::management::guard::Caller;
use crate::management::json;
use crate::management::payload::{Names, exchange_name};
use crate::management::writing::{Answered, found};
use crate::node::Node;

type Shared = State<Arc<Node>>;
type Pair = Names<(String, String)>;

/// `GET /api/queues`.
pub(super) async fn queues(State(node): Shared, caller: Caller) -> Json<Vec<Queue>> {
    let counts = node.survey().await;
    let routes = node.directory.routes();
    let queues = caller.vhosts(&routes).flat_map(topology::Vhost::queues);
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
    let exchanges = caller.vhosts(&routes).flat_map(|vhost| describe_exchanges(vhost, &counts));
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
