//! `GET /api/health/checks/…`: one question each, answered with 200 or, with the reason, 503.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use broker_api::{Health, HealthStatus};
use broker_core::time::Timestamp;

use crate::clock;
use crate::management::failed::Failed;
use crate::node::Node;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// `alarms`, `local-alarms`: nothing keeps publishers from publishing.
pub(super) async fn alarms(State(node): State<Arc<Node>>) -> Response {
    let reason = |shortage| format!("resource alarm(s) in effect: {shortage}");
    verdict(node.shortage().map(reason))
}

/// `port-listener/{port}`: something listens there.
pub(super) async fn port_listener(
    State(node): State<Arc<Node>>,
    Path(port): Path<u16>,
) -> Response {
    let found = node.identity.listeners.iter().any(|listener| listener.port == port);
    verdict((!found).then(|| format!("no active listener on port {port}")))
}

/// `protocol-listener/{protocol}`: it is listened for, under RabbitMQ's names or those of the overview.
pub(super) async fn protocol_listener(
    State(node): State<Arc<Node>>,
    Path(protocol): Path<String>,
) -> Response {
    let wanted = match protocol.as_str() {
        "amqp091" | "amqp0.9.1" | "amqp0-9-1" => "amqp",
        "amqps" | "amqp/ssl" => "amqp/ssl",
        "prometheus" | "http/prometheus" => "http/prometheus",
        other => other,
    };
    let found = node.identity.listeners.iter().any(|listener| listener.protocol == wanted);
    verdict((!found).then(|| format!("no active listener for protocol {protocol}")))
}

/// `virtual-hosts`: all of them are served. One that could not be would have kept the node from starting.
pub(super) async fn virtual_hosts() -> Response {
    verdict(None)
}

/// `certificate-expiration/{within}/{unit}`: the broker's certificate for TLS, if it has one, holds
/// for so many days, weeks, months or years yet.
pub(super) async fn certificate_expiration(
    State(node): State<Arc<Node>>,
    Path((within, unit)): Path<(u32, String)>,
) -> Result<Response, Failed> {
    let days = match unit.as_str() {
        "days" => 1,
        "weeks" => 7,
        "months" => 30,
        "years" => 365,
        _ => {
            let reason = "the unit is days, weeks, months or years";
            return Err(Failed::new(StatusCode::BAD_REQUEST, "bad_request", reason));
        }
    };
    let end = clock::now().after(u64::from(within) * days * DAY_MS);
    let expires = node.tls.as_ref().and_then(|tls| tls.expires());
    let ends = expires.filter(|expires: &Timestamp| *expires <= end);
    let text = format!("the certificate for TLS expires within {within} {unit}");
    Ok(verdict(ends.map(|_| text)))
}

fn verdict(failed: Option<String>) -> Response {
    match failed {
        None => Json(Health { status: HealthStatus::Ok, reason: None }).into_response(),
        reason => {
            let health = Health { status: HealthStatus::Failed, reason };
            (StatusCode::SERVICE_UNAVAILABLE, Json(health)).into_response()
        }
    }
}
