//! Policies and operator policies.
//!
//! A change is answered once it survives a crash. Queues have then been told, and do what they are
//! asked after the answer under the new policies.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{MethodRouter, get};
use broker_api::Policy as Described;
use broker_core::name::Name;
use broker_core::policy::{ApplyTo, Invalid, Pattern, Policy, Rank};
use broker_core::topology::{Command, Vhost};

use crate::management::{failure, json};
use crate::node::Node;

type Shared = State<Arc<Node>>;

/// `/policies` or `/operator-policies`.
pub(super) fn everywhere(rank: Rank) -> MethodRouter<Arc<Node>> {
    get(async move |State(node): Shared| {
        let routes = node.directory.routes();
        Json(routes.vhosts().flat_map(|vhost| describe_all(vhost, rank)).collect::<Vec<_>>())
    })
}

/// The same of one vhost.
pub(super) fn in_vhost(rank: Rank) -> MethodRouter<Arc<Node>> {
    get(async move |State(node): Shared, Path(vhost): Path<String>| {
        match node.directory.routes().vhost(&vhost) {
            Some(vhost) => Json(describe_all(vhost, rank)).into_response(),
            None => missing(),
        }
    })
}

/// One policy.
pub(super) fn one(rank: Rank) -> MethodRouter<Arc<Node>> {
    type At = Path<(String, String)>;
    get(async move |State(node): Shared, Path((vhost, name)): At| {
        let routes = node.directory.routes();
        let Some(vhost) = routes.vhost(&vhost) else { return missing() };
        match vhost.policies().get(rank, &name.into()) {
            Some(policy) => Json(describe(vhost, policy)).into_response(),
            None => missing(),
        }
    })
    .put(async move |State(node): Shared, Path((vhost, name)): At, body: Bytes| {
        set(&node, rank, vhost.into(), name.into(), &body).await
    })
    .delete(async move |State(node): Shared, Path((vhost, name)): At| {
        delete(&node, rank, vhost.into(), name.into()).await
    })
}

async fn set(node: &Node, rank: Rank, vhost: Name, name: Name, body: &[u8]) -> Response {
    let wanted: Described = match serde_json::from_slice(body) {
        Ok(wanted) => wanted,
        Err(error) => return bad_request(&error.to_string()),
    };
    let policy = match policy(rank, name, &wanted) {
        Ok(policy) => Arc::new(policy),
        Err(invalid) => return bad_request(&format!("Validation failed: {invalid}")),
    };
    let routes = node.directory.routes().clone();
    let Some(found) = routes.vhost(&vhost) else { return missing() };
    let known = found.policies().get(rank, &policy.name).is_some();
    carry_out(
        node,
        Command::SetPolicy { vhost, rank, policy },
        if known { StatusCode::NO_CONTENT } else { StatusCode::CREATED },
    )
    .await
}

async fn delete(node: &Node, rank: Rank, vhost: Name, name: Name) -> Response {
    let routes = node.directory.routes().clone();
    let known =
        routes.vhost(&vhost).is_some_and(|vhost| vhost.policies().get(rank, &name).is_some());
    if !known {
        return missing();
    }
    let delete = Command::DeletePolicy { vhost, rank, name };
    carry_out(node, delete, StatusCode::NO_CONTENT).await
}

async fn carry_out(node: &Node, command: Command, done: StatusCode) -> Response {
    match node.govern(command) {
        Ok(recorded) => {
            node.store.wait(recorded).await;
            done.into_response()
        }
        // The vhost has gone meanwhile.
        Err(_) => missing(),
    }
}

fn policy(rank: Rank, name: Name, wanted: &Described) -> Result<Policy, Invalid> {
    let apply_to = ApplyTo::from_name(&wanted.apply_to)?;
    let pattern = Pattern::new(&wanted.pattern)?;
    let definition = json::table(&wanted.definition);
    Policy::new(rank, name, pattern, apply_to, wanted.priority, definition)
}

fn describe_all(vhost: &Vhost, rank: Rank) -> Vec<Described> {
    vhost.policies().of(rank).map(|policy| describe(vhost, policy)).collect()
}

fn describe(vhost: &Vhost, policy: &Policy) -> Described {
    Described {
        vhost: vhost.name().to_string(),
        name: policy.name.to_string(),
        pattern: policy.pattern.as_str().to_owned(),
        apply_to: policy.apply_to.name().to_owned(),
        definition: json::arguments(policy.definition()),
        priority: policy.priority,
    }
}

fn bad_request(reason: &str) -> Response {
    failure(StatusCode::BAD_REQUEST, "bad_request", reason)
}

fn missing() -> Response {
    failure(StatusCode::NOT_FOUND, "not_found", "Object Not Found")
}
