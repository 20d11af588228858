//! Connections: those that the caller may see, and closing them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Json};
use broker_api::Connection;
use broker_core::access::Tag;
use broker_core::id::ConnectionId;
use broker_core::topology::Routes;
use tokio::time::{sleep, timeout};

use crate::link::Event;
use crate::management::failed::Failed;
use crate::management::guard::Caller;
use crate::management::json;
use crate::management::payload::Names;
use crate::management::writing::{Answered, done};
use crate::node::Node;
use crate::registry::Profile;

/// How long to wait for a client to agree that its connection is closed.
const GOODBYE: Duration = Duration::from_secs(1);

/// `GET /api/connections`.
pub(super) async fn connections(
    State(node): State<Arc<Node>>,
    caller: Caller,
) -> Json<Vec<Connection>> {
    let all = node.registry.all();
    let routes = node.directory.routes();
    let seen = all.iter().filter(|profile| sees(&routes, &caller, profile));
    Json(seen.map(|profile| connection(&node, profile)).collect())
}

/// `GET /api/vhosts/{vhost}/connections`.
pub(super) async fn connections_in(
    State(node): State<Arc<Node>>,
    caller: Caller,
    Names(vhost): Names<String>,
) -> Answered {
    let all = node.registry.all();
    let routes = node.directory.routes();
    caller.look(&routes, &vhost)?;
    let theirs = all.iter().filter(|profile| profile.vhost.get() == Some(&vhost));
    let seen = theirs.filter(|profile| sees(&routes, &caller, profile));
    Ok(Json(seen.map(|profile| connection(&node, profile)).collect::<Vec<_>>()).into_response())
}

/// `GET /api/connections/username/{user}`.
pub(super) async fn connections_of(
    State(node): State<Arc<Node>>,
    caller: Caller,
    Names(user): Names<String>,
) -> Json<Vec<Connection>> {
    let all = node.registry.all();
    let routes = node.directory.routes();
    let theirs = all.iter().filter(|profile| profile.user.get() == Some(&user));
    let seen = theirs.filter(|profile| sees(&routes, &caller, profile));
    Json(seen.map(|profile| connection(&node, profile)).collect())
}

/// `GET /api/connections/{name}`.
pub(super) async fn connection_of(
    State(node): State<Arc<Node>>,
    caller: Caller,
    Names(name): Names<String>,
) -> Answered {
    let profile = named(&node, &caller, &name)?;
    Ok(Json(connection(&node, &profile)).into_response())
}

/// `DELETE /api/connections/{name}`: closed with 320, and the reason that the header `X-Reason` gives.
/// Those of others only administrators may close, as in RabbitMQ.
pub(super) async fn close_connection(
    State(node): State<Arc<Node>>,
    caller: Caller,
    Names(name): Names<String>,
    headers: HeaderMap,
) -> Answered {
    let profile = named(&node, &caller, &name)?;
    if !is_of(&caller, &profile) {
        caller.needs(&node.directory.routes(), Tag::Administrator)?;
    }
    let reason = headers.get("x-reason").and_then(|reason| reason.to_str().ok());
    let reason = reason.unwrap_or("Closed via management plugin");
    tracing::info!(connection = name, by = %caller.0.name, reason, "connection closed");
    // Whoever looks afterwards does not find it, however slow its client is to agree.
    profile.dismissed.store(true, Ordering::Relaxed);
    profile.link.send(Event::Close(reason.into()));
    let _ = timeout(GOODBYE, gone(&node, profile.link.connection())).await;
    Ok(done())
}

async fn gone(node: &Node, connection: ConnectionId) {
    while node.registry.holds(connection) {
        sleep(Duration::from_millis(5)).await;
    }
}

pub(super) fn named(node: &Node, caller: &Caller, name: &str) -> Result<Arc<Profile>, Failed> {
    let found = node.registry.all().into_iter().find(|profile| profile.name() == name);
    let routes = node.directory.routes();
    found.filter(|profile| sees(&routes, caller, profile)).ok_or_else(Failed::not_found)
}

/// Its own connections everybody may see, all of them who may look at everything.
pub(super) fn sees(routes: &Routes, caller: &Caller, profile: &Profile) -> bool {
    !profile.dismissed.load(Ordering::Relaxed)
        && (routes.access().bears(&caller.0, Tag::Monitoring) || is_of(caller, profile))
}

fn is_of(caller: &Caller, profile: &Profile) -> bool {
    profile.user.get().is_some_and(|user| caller.0.name == **user)
}

fn connection(node: &Node, profile: &Profile) -> Connection {
    let text = |value: Option<&String>| value.cloned().unwrap_or_default();
    let state = match profile.vhost.get() {
        None => "starting",
        Some(_) if profile.blocked.load(Ordering::Relaxed) => "blocked",
        Some(_) => "running",
    };
    let limits = profile.limits.get().copied().unwrap_or_default();
    let name = profile.client.get().and_then(|client| client.get("connection_name"));
    let tls = profile.tls.get();
    let certificate = tls.and_then(|tls| tls.peer.clone());
    Connection {
        name: profile.name(),
        node: node.identity.node.clone(),
        user: text(profile.user.get()),
        vhost: text(profile.vhost.get()),
        state: state.to_owned(),
        host: profile.local.ip().to_string(),
        port: profile.local.port(),
        protocol: "AMQP 0-9-1".to_owned(),
        kind: "network".to_owned(),
        user_provided_name: name.and_then(|name| name.as_str()).map(str::to_owned),
        user_who_performed_action: text(profile.user.get()),
        frame_max: limits.frame_max,
        channel_max: limits.channel_max,
        timeout: limits.heartbeat,
        peer_host: profile.peer.ip().to_string(),
        peer_port: profile.peer.port(),
        channels: profile.channels.load(Ordering::Relaxed),
        recv_oct: profile.received.load(Ordering::Relaxed),
        send_oct: profile.sent.load(Ordering::Relaxed),
        connected_at: profile.since.0,
        ssl: tls.is_some(),
        ssl_protocol: tls.map(|tls| tls.version.to_owned()),
        ssl_cipher: tls.map(|tls| tls.cipher_suite.clone()),
        peer_cert_subject: certificate.as_ref().map(|peer| peer.subject.clone()),
        peer_cert_issuer: certificate.as_ref().map(|peer| peer.issuer.clone()),
        peer_cert_validity: certificate.map(|peer| peer.validity),
        client_properties: profile.client.get().map(json::arguments).unwrap_or_default(),
    }
}
