//! The management API and the health probes over HTTP, and the metrics on a port of their own.
//!
//! Everything under `/api` asks for the credentials that AMQP asks for, of a user with one of
//! RabbitMQ's management tags. What changes something is answered once it survives a crash. The
//! contract is the crate `broker-api`.

mod aliveness;
mod asking;
mod bindings;
mod carrier;
mod channels;
mod checks;
mod connections;
mod declaring;
mod definitions;
mod failed;
mod guard;
mod json;
mod limits;
mod messages;
mod nodes;
mod objects;
mod overview;
mod parameters;
mod patience;
mod payload;
mod permissions;
mod policies;
mod properties;
mod shaping;
mod users;
mod vhosts;
mod writing;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware;
use axum::routing::{delete, get, post, put};
use broker_core::policy::Rank;
use tokio::net::TcpListener;

use crate::management::failed::Failed;
use crate::management::patience::{Limited, Peer};
use crate::node::Node;
use crate::tls::Tls;

/// HTTP connections that a listener has at a time; more wait to be accepted.
const MOST_CONNECTIONS: usize = 256;

/// How long a client may take to send a request, or be silent after an answer.
const PATIENCE: Duration = Duration::from_secs(30);

type Routes = Router<Arc<Node>>;

/// Serves the management API and the probes, over TLS if there is one.
pub(crate) async fn serve(node: Arc<Node>, listener: TcpListener, tls: Option<Arc<Tls>>) {
    let local = listener.local_addr().is_ok_and(|address| address.ip().is_loopback());
    let mut api = node_routes()
        .merge(object_routes())
        .merge(access_routes())
        .merge(policy_routes())
        .merge(definition_routes())
        .nest("/health/checks", check_routes())
        .fallback(async || Failed::new(StatusCode::NOT_FOUND, "not_found", "no such resource"))
        .method_not_allowed_fallback(async || {
            let reason = "the resource is there, and this method is not for it";
            Failed::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", reason)
        })
        .layer(middleware::from_fn(shaping::shape))
        .layer(DefaultBodyLimit::max(payload::LARGEST))
        .layer(middleware::from_fn_with_state(Arc::clone(&node), guard::guard));
    if local {
        api = api.layer(middleware::from_fn(guard::only_by_loopback_names));
    }
    let router = Router::new()
        .route("/health/live", get(overview::live))
        .route("/health/ready", get(overview::ready))
        .route("/metrics", get(overview::metrics))
        .nest("/api", api)
        .with_state(node);
    run(listener, tls, router).await;
}

/// Serves the metrics, to anyone.
pub(crate) async fn serve_metrics(node: Arc<Node>, listener: TcpListener) {
    let router = Router::new().route("/metrics", get(overview::metrics)).with_state(node);
    run(listener, None, router).await;
}

/// The node itself and who is connected to it.
fn node_routes() -> Routes {
    Router::new()
        .route("/overview", get(overview::overview))
        .route("/whoami", get(overview::whoami))
        .route("/nodes", get(nodes::nodes))
        .route("/nodes/{name}", get(nodes::node))
        .route("/cluster-name", get(nodes::cluster_name))
        .route("/extensions", get(nodes::extensions))
        .route("/aliveness-test/{vhost}", get(aliveness::aliveness))
        .route("/healthchecks/node", get(aliveness::healthcheck))
        .route("/healthchecks/node/", get(aliveness::healthcheck))
        .route("/healthchecks/node/{name}", get(aliveness::healthcheck_of))
        .route("/channels", get(channels::channels))
        .route("/channels/{name}", get(channels::channel))
        .route("/consumers", get(channels::consumers))
        .route("/consumers/{vhost}", get(channels::consumers_in))
        .route("/vhosts/{vhost}/channels", get(channels::channels_in))
        .route("/vhosts/{vhost}/connections", get(connections::connections_in))
        .route("/connections", get(connections::connections))
        .route("/connections/username/{user}", get(connections::connections_of))
        .route("/connections/{name}/channels", get(channels::channels_on))
        .route(
            "/connections/{name}",
            get(connections::connection_of).delete(connections::close_connection),
        )
}

/// Whether all is well.
fn check_routes() -> Routes {
    Router::new()
        .route("/alarms", get(checks::alarms))
        .route("/local-alarms", get(checks::alarms))
        .route("/port-listener/{port}", get(checks::port_listener))
        .route("/protocol-listener/{protocol}", get(checks::protocol_listener))
        .route("/virtual-hosts", get(checks::virtual_hosts))
        .route("/certificate-expiration/{within}/{unit}", get(checks::certificate_expiration))
}

/// Queues, exchanges and bindings.
fn object_routes() -> Routes {
    let queue = get(objects::queue).put(declaring::declare_queue).delete(declaring::delete_queue);
    let exchange =
        get(objects::exchange).put(declaring::declare_exchange).delete(declaring::delete_exchange);
    let rules = get(bindings::bindings_between).post(declaring::bind);
    let rule = get(bindings::binding).delete(declaring::unbind);
    Router::new()
        .route("/queues", get(objects::queues))
        .route("/queues/{vhost}", get(objects::queues_of))
        .route("/queues/{vhost}/{name}", queue)
        .route("/queues/{vhost}/{name}/contents", delete(declaring::purge))
        .route("/queues/{vhost}/{name}/get", post(messages::get))
        .route("/exchanges/{vhost}/{name}/publish", post(messages::publish))
        .route("/queues/{vhost}/{name}/bindings", get(bindings::bindings_to_queue))
        .route("/exchanges", get(objects::exchanges))
        .route("/exchanges/{vhost}", get(objects::exchanges_of))
        .route("/exchanges/{vhost}/{name}", exchange)
        .route("/exchanges/{vhost}/{name}/bindings/source", get(bindings::bindings_from))
        .route(
            "/exchanges/{vhost}/{name}/bindings/destination",
            get(bindings::bindings_to_exchange),
        )
        .route("/bindings", get(bindings::bindings))
        .route("/bindings/{vhost}", get(bindings::bindings_of))
        .route("/bindings/{vhost}/e/{source}/{kind}/{destination}", rules)
        .route("/bindings/{vhost}/e/{source}/{kind}/{destination}/{key}", rule)
}

/// Vhosts, users, permissions and limits.
fn access_routes() -> Routes {
    let permission = get(permissions::get).put(permissions::set).delete(permissions::clear);
    let topics =
        get(permissions::get_topics).put(permissions::set_topic).delete(permissions::clear_topics);
    Router::new()
        .route("/vhosts", get(vhosts::list))
        .route("/vhosts/{vhost}", get(vhosts::get).put(vhosts::set).delete(vhosts::delete))
        .route("/vhosts/{vhost}/permissions", get(permissions::of_vhost))
        .route("/vhosts/{vhost}/topic-permissions", get(permissions::topics_of_vhost))
        .route("/users", get(users::list))
        .route("/users/without-permissions", get(users::without_permissions))
        .route("/users/bulk-delete", post(users::bulk_delete))
        .route("/users/{user}", get(users::get).put(users::set).delete(users::delete))
        .route("/users/{user}/permissions", get(permissions::of_user))
        .route("/users/{user}/topic-permissions", get(permissions::topics_of_user))
        .route("/permissions", get(permissions::list))
        .route("/permissions/{vhost}/{user}", permission)
        .route("/topic-permissions", get(permissions::topics))
        .route("/topic-permissions/{vhost}/{user}", topics)
        .route("/topic-permissions/{vhost}/{user}/{exchange}", delete(permissions::clear_topic))
        .route("/vhost-limits", get(limits::vhosts))
        .route("/vhost-limits/{vhost}", get(limits::vhost))
        .route(
            "/vhost-limits/{vhost}/{name}",
            put(limits::set_of_vhost).delete(limits::clear_of_vhost),
        )
        .route("/user-limits", get(limits::users))
        .route("/user-limits/{user}", get(limits::user))
        .route("/user-limits/{user}/{name}", put(limits::set_of_user).delete(limits::clear_of_user))
}

/// Policies and operator policies.
fn policy_routes() -> Routes {
    Router::new()
        .route("/policies", policies::everywhere(Rank::User))
        .route("/policies/{vhost}", policies::in_vhost(Rank::User))
        .route("/policies/{vhost}/{name}", policies::one(Rank::User))
        .route("/operator-policies", policies::everywhere(Rank::Operator))
        .route("/operator-policies/{vhost}", policies::in_vhost(Rank::Operator))
        .route("/operator-policies/{vhost}/{name}", policies::one(Rank::Operator))
}

/// All there is as one document, and values of no meaning to the broker.
fn definition_routes() -> Routes {
    let parameter = get(parameters::get).put(parameters::set).delete(parameters::clear);
    Router::new()
        .route("/definitions", get(definitions::export).post(definitions::import))
        .route(
            "/definitions/{vhost}",
            get(definitions::export_vhost).post(definitions::import_vhost),
        )
        .route("/parameters", get(parameters::list))
        .route("/parameters/{component}", get(parameters::of_component))
        .route("/parameters/{component}/{vhost}", get(parameters::of_vhost))
        .route("/global-parameters", get(parameters::globals))
        .route("/global-parameters/{name}", parameter)
}

async fn run(listener: TcpListener, tls: Option<Arc<Tls>>, router: Router) {
    let listener = Limited::new(listener, MOST_CONNECTIONS, PATIENCE).over(tls);
    let service = router.into_make_service_with_connect_info::<Peer>();
    if let Err(error) = axum::serve(listener, service).await {
        tracing::error!(%error, "an HTTP listener failed");
    }
}
