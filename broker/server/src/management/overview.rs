//! The node at a glance: overview, who asks, probes, metrics.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use broker_api::{Health, HealthStatus, ObjectTotals, Overview, QueueTotals, WhoAmI};
use broker_core::access::Tag;
use broker_core::name::Name;

use crate::grant;
use crate::management::guard::Caller;
use crate::management::nodes;
use crate::metrics::Resources;
use crate::node::Node;

/// `GET /api/overview`.
pub(super) async fn overview(State(node): State<Arc<Node>>) -> Json<Overview> {
    let (object_totals, queue_totals) = totals(&node).await;
    let identity = node.identity.clone();
    Json(Overview {
        node: identity.node,
        cluster_name: identity.cluster,
        product_name: "Warren".to_owned(),
        product_version: env!("CARGO_PKG_VERSION").to_owned(),
        management_version: identity.rabbitmq_version.to_owned(),
        rabbitmq_version: identity.rabbitmq_version.to_owned(),
        rates_mode: "none".to_owned(),
        exchange_types: nodes::exchange_types(),
        contexts: nodes::contexts(&node),
        epoch: identity.epoch,
        node_id: identity.node_id,
        started_at: identity.started.0,
        object_totals,
        queue_totals,
        message_stats: node.metrics.message_stats(),
        listeners: identity.listeners,
    })
}

/// `GET /api/whoami`.
pub(super) async fn whoami(State(node): State<Arc<Node>>, Caller(actor): Caller) -> Json<WhoAmI> {
    let routes = node.directory.routes();
    let user = routes.access().user(&actor.name).filter(|_| !actor.unlimited);
    let tags = match user {
        Some(user) => user.tags.iter().map(Name::to_string).collect(),
        None => vec![Tag::Administrator.name().to_owned()],
    };
    Json(WhoAmI { name: actor.name.to_string(), tags })
}

/// `GET /health/live`: the process answers.
pub(super) async fn live() -> Json<Health> {
    Json(Health { status: HealthStatus::Ok, reason: None })
}

/// `GET /health/ready`: clients are served.
pub(super) async fn ready(State(node): State<Arc<Node>>) -> Response {
    if node.is_stopping() {
        let reason = Some("the broker is stopping".to_owned());
        let health = Health { status: HealthStatus::Failed, reason };
        return (StatusCode::SERVICE_UNAVAILABLE, Json(health)).into_response();
    }
    Json(Health { status: HealthStatus::Ok, reason: None }).into_response()
}

/// `GET /metrics`.
pub(super) async fn metrics(State(node): State<Arc<Node>>) -> Response {
    let (objects, queues) = totals(&node).await;
    let resources = Resources {
        resident: grant::resident(),
        watermark: node.memory.watermark(),
        alarm: node.memory.is_above(),
    };
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], node.metrics.text(&objects, &queues, resources))
        .into_response()
}

async fn totals(node: &Node) -> (ObjectTotals, QueueTotals) {
    let mut counts = node.survey().await;
    let routes = node.directory.routes();
    for delays in routes.vhosts().flat_map(|vhost| vhost.delays().keys()) {
        counts.remove(delays);
    }
    let profiles = node.registry.all();
    let channels = profiles.iter().map(|profile| profile.channels.load(Ordering::Relaxed)).sum();
    let objects = ObjectTotals {
        connections: profiles.len() as u64,
        channels,
        exchanges: routes.vhosts().map(|vhost| vhost.exchanges().len() as u64).sum(),
        queues: counts.len() as u64,
        consumers: counts.values().map(|counts| u64::from(counts.consumers)).sum(),
    };
    let ready = counts.values().map(|counts| counts.ready).sum();
    let unacked = counts.values().map(|counts| counts.unacked).sum();
    let queues = QueueTotals {
        messages: ready + unacked,
        messages_ready: ready,
        messages_unacknowledged: unacked,
    };
    (objects, queues)
}
