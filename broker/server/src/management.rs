//! The management API and the health probes over HTTP, and the metrics on a port of their own.
//!
//! Read-only: topology is changed over AMQP. Everything under `/api` asks for the credentials that
//! AMQP asks for, and keeps guest to loopback likewise. The contract is the crate `broker-api`.

mod carrier;
mod json;
mod node;
mod objects;
mod patience;
mod policies;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use broker_api::Failure;
use broker_core::policy::Rank;
use tokio::net::TcpListener;

use crate::management::patience::{Limited, Peer};
use crate::node::Node;
use crate::tls::Tls;

/// HTTP connections that a listener has at a time; more wait to be accepted.
const MOST_CONNECTIONS: usize = 256;

/// How long a client may take to send a request, or be silent after an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Serves the management API and the probes, over TLS if there is one.
pub(crate) async fn serve(node: Arc<Node>, listener: TcpListener, tls: Option<Arc<Tls>>) {
    let api = Router::new()
        .route("/overview", get(node::overview))
        .route("/whoami", get(node::whoami))
        .route("/connections", get(node::connections))
        .route("/vhosts", get(objects::vhosts))
        .route("/vhosts/{vhost}", get(objects::vhost))
        .route("/queues", get(objects::queues))
        .route("/queues/{vhost}", get(objects::queues_of))
        .route("/queues/{vhost}/{name}", get(objects::queue))
        .route("/queues/{vhost}/{name}/bindings", get(objects::bindings_to_queue))
        .route("/exchanges", get(objects::exchanges))
        .route("/exchanges/{vhost}", get(objects::exchanges_of))
        .route("/exchanges/{vhost}/{name}", get(objects::exchange))
        .route("/exchanges/{vhost}/{name}/bindings/source", get(objects::bindings_from))
        .route("/exchanges/{vhost}/{name}/bindings/destination", get(objects::bindings_to_exchange))
        .route("/bindings", get(objects::bindings))
        .route("/bindings/{vhost}", get(objects::bindings_of))
        .route("/policies", policies::everywhere(Rank::User))
        .route("/policies/{vhost}", policies::in_vhost(Rank::User))
        .route("/policies/{vhost}/{name}", policies::one(Rank::User))
        .route("/operator-policies", policies::everywhere(Rank::Operator))
        .route("/operator-policies/{vhost}", policies::in_vhost(Rank::Operator))
        .route("/operator-policies/{vhost}/{name}", policies::one(Rank::Operator))
        .fallback(async || failure(StatusCode::NOT_FOUND, "not_found", "no such resource"))
        .layer(middleware::from_fn_with_state(Arc::clone(&node), guard));
    let router = Router::new()
        .route("/health/live", get(node::live))
        .route("/health/ready", get(node::ready))
        .route("/metrics", get(node::metrics))
        .nest("/api", api)
        .with_state(node);
    run(listener, tls, router).await;
}

/// Serves the metrics, to anyone.
pub(crate) async fn serve_metrics(node: Arc<Node>, listener: TcpListener) {
    let router = Router::new().route("/metrics", get(node::metrics)).with_state(node);
    run(listener, None, router).await;
}

async fn run(listener: TcpListener, tls: Option<Arc<Tls>>, router: Router) {
    let listener = Limited::new(listener, MOST_CONNECTIONS, PATIENCE).over(tls);
    let service = router.into_make_service_with_connect_info::<Peer>();
    if let Err(error) = axum::serve(listener, service).await {
        tracing::error!(%error, "an HTTP listener failed");
    }
}

/// The user a request was admitted as.
#[derive(Debug, Clone)]
struct User(String);

/// Lets requests with the right credentials pass.
async fn guard(
    State(node): State<Arc<Node>>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some((user, password)) = basic(request.headers()) else {
        return challenge("credentials are needed");
    };
    let claimed = user.clone();
    if !node.check_login(claimed, password, peer.ip()).await {
        return challenge("login failed");
    }
    request.extensions_mut().insert(User(user));
    next.run(request).await
}

/// User and password of the `Basic` scheme (RFC 7617).
fn basic(headers: &HeaderMap) -> Option<(String, Vec<u8>)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = BASE64_STANDARD.decode(encoded.trim()).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let user = String::from_utf8(decoded[..colon].to_vec()).ok()?;
    Some((user, decoded[colon + 1..].to_vec()))
}

fn challenge(reason: &str) -> Response {
    let mut response = failure(StatusCode::UNAUTHORIZED, "not_authorised", reason);
    let realm = header::HeaderValue::from_static("Basic realm=\"Warren management\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, realm);
    response
}

fn failure(status: StatusCode, error: &str, reason: &str) -> Response {
    let body = Failure { error: error.to_owned(), reason: reason.to_owned() };
    (status, Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_credentials_are_read() {
        #[rustfmt::skip]
        let cases = [
            ("Basic Z3Vlc3Q6Z3Vlc3Q=", Some(("guest", "guest"))),
            ("basic Z3Vlc3Q6YTpi",     Some(("guest", "a:b"))),
            ("Bearer Z3Vlc3Q6YTpi",    None),
            ("Basic ###",              None),
            ("Basic",                  None),
        ];
        for (value, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            let expected = expected.map(|(user, pass)| (user.to_owned(), pass.as_bytes().to_vec()));
            assert_eq!(basic(&headers), expected, "{value}");
        }
    }
}
