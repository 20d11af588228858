//! Bindings, in the vhosts that the caller may look at.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Json};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use broker_api::{Binding, DestinationType};
use broker_core::name::Name;
use broker_core::topology;
use broker_core::topology::Destination;
use broker_protocol::table::FieldTable;
use broker_protocol::wire::{Field, Writer};
use bytes::BytesMut;
use sha2::{Digest, Sha256};

use crate::management::failed::Failed;
use crate::management::guard::Caller;
use crate::management::json;
use crate::management::payload::{Names, exchange_name};
use crate::management::writing::{Answered, found};
use crate::node::Node;

type Shared = State<Arc<Node>>;
type Pair = Names<(String, String)>;

/// `GET /api/bindings`.
pub(super) async fn bindings(State(node): Shared, caller: Caller) -> Json<Vec<Binding>> {
    let routes = node.directory.routes();
    Json(caller.vhosts(&routes).flat_map(describe_bindings).collect())
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
    let destination = self::destination(kind, destination)?;
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

/// What a path names by `q` or `e` and a name.
pub(super) fn destination(kind: &str, name: &str) -> Result<Destination, Failed> {
    match kind {
        "q" => Ok(Destination::Queue(name.into())),
        "e" => Ok(Destination::Exchange(exchange_name(name).into())),
        _ => Err(Failed::not_found()),
    }
}
