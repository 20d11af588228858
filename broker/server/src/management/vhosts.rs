//! Virtual hosts: looking at them, making, describing and deleting them.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Json};
use broker_api::{Vhost, VhostChange};
use broker_core::access::{self, Permission, Tag};
use broker_core::name::Name;
use broker_core::topology::{self, Command, Routes, VhostProperties};

use crate::management::failed::Failed;
use crate::management::guard::Caller;
use crate::management::payload::{Names, Payload};
use crate::management::writing::{Answered, done, put, settle, write, write_access};
use crate::node::Node;

/// Bytes of a vhost's name, which clients send as a short string.
const LONGEST: usize = 255;

/// `GET /api/vhosts`: those that the caller may look at.
pub(super) async fn list(State(node): State<Arc<Node>>, caller: Caller) -> Json<Vec<Vhost>> {
    let routes = node.directory.routes();
    let seen = routes.vhosts().filter(|vhost| caller.sees(&routes, vhost.name()));
    Json(seen.map(describe).collect())
}

/// `GET /api/vhosts/{vhost}`.
pub(super) async fn get(
    State(node): State<Arc<Node>>,
    caller: Caller,
    Names(name): Names<String>,
) -> Answered {
    let routes = node.directory.routes();
    Ok(Json(describe(caller.look(&routes, &name)?)).into_response())
}

/// `PUT /api/vhosts/{vhost}`. Whoever makes a vhost may do everything in it.
pub(super) async fn set(
    State(node): State<Arc<Node>>,
    caller: Caller,
    Names(name): Names<String>,
    Payload(change): Payload<VhostChange>,
) -> Answered {
    caller.needs(&node.directory.routes(), Tag::Administrator)?;
    let created = create(&node, &caller, &name, change).await?;
    Ok(put(created))
}

/// `DELETE /api/vhosts/{vhost}`: with its queues and their messages; who is in it is cut off.
pub(super) async fn delete(
    State(node): State<Arc<Node>>,
    caller: Caller,
    Names(name): Names<String>,
) -> Answered {
    caller.needs(&node.directory.routes(), Tag::Administrator)?;
    if node.directory.routes().vhost(&name).is_none() {
        return Err(Failed::not_found());
    }
    let changed = node.delete_vhost(&name.as_str().into())?;
    settle(&node, changed).await?;
    tracing::info!(vhost = name, by = %caller.0.name, "vhost deleted");
    Ok(done())
}

/// Makes a vhost if there is none, and says of it what `change` says. Whether it is new.
pub(super) async fn create(
    node: &Arc<Node>,
    caller: &Caller,
    name: &str,
    change: VhostChange,
) -> Result<bool, Failed> {
    let vhost = named(name)?;
    let properties = properties(&node.directory.routes(), name, change)?;
    let created = node.directory.routes().vhost(name).is_none();
    write(node, caller, Command::CreateVhost { vhost: vhost.clone() }).await?;
    if created && !caller.0.unlimited {
        let (user, permission) = (caller.0.name.clone(), Permission::full());
        let permit = access::Command::Permit { user, vhost: vhost.clone(), permission };
        write_access(node, caller, permit).await?;
    }
    write(node, caller, Command::DescribeVhost { vhost, properties }).await?;
    if created {
        tracing::info!(vhost = name, by = %caller.0.name, "vhost created");
    }
    Ok(created)
}

/// The name of a vhost to be.
pub(super) fn named(name: &str) -> Result<Name, Failed> {
    if name.is_empty() || name.len() > LONGEST {
        return Err(Failed::bad_request("a vhost's name has from 1 to 255 bytes"));
    }
    Ok(name.into())
}

pub(super) fn properties(
    routes: &Routes,
    name: &str,
    change: VhostChange,
) -> Result<VhostProperties, Failed> {
    let VhostChange { description, tags, default_queue_type } = change;
    let kind = default_queue_type.as_deref().filter(|kind| !matches!(*kind, "" | "undefined"));
    if let Some(kind) = kind.filter(|kind| !matches!(*kind, "classic" | "quorum")) {
        let reason = format_args!("unknown default_queue_type '{kind}': classic or quorum");
        return Err(Failed::bad_request(reason));
    }
    let mut properties =
        routes.vhost(name).map(|vhost| vhost.properties().clone()).unwrap_or_default();
    if let Some(description) = description {
        properties.description = description.into();
    }
    if let Some(tags) = tags {
        properties.tags = tags.into_iter().map(Name::from).collect();
    }
    if default_queue_type.is_some() {
        properties.default_queue_type = kind.unwrap_or_default().into();
    }
    Ok(properties)
}

pub(super) fn describe(vhost: &topology::Vhost) -> Vhost {
    let VhostProperties { description, tags, default_queue_type } = vhost.properties();
    let kind = if default_queue_type.is_empty() { "classic" } else { default_queue_type };
    Vhost {
        name: vhost.name().to_string(),
        description: description.to_string(),
        tags: tags.iter().map(Name::to_string).collect(),
        default_queue_type: kind.to_owned(),
        tracing: false,
    }
}
