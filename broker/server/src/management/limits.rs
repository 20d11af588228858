//! Limits of vhosts and users.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Json};
use broker_api::{LimitChange, LimitValues, UserLimits, VhostLimits};
use broker_core::access::{self, Tag};
use broker_core::topology::{self, Command, Routes};

use crate::management::failed::Failed;
use crate::management::guard::Caller;
use crate::management::payload::{Names, Payload};
use crate::management::writing::{Answered, done, write, write_access};
use crate::node::Node;

pub(super) const MAX_CONNECTIONS: &str = "max-connections";
pub(super) const MAX_CHANNELS: &str = "max-channels";
const MAX_QUEUES: &str = "max-queues";

/// The limits that a vhost can have.
pub(super) const OF_VHOSTS: [&str; 2] = [MAX_CONNECTIONS, MAX_QUEUES];

/// The limits that a user can have.
pub(super) const OF_USERS: [&str; 2] = [MAX_CONNECTIONS, MAX_CHANNELS];

/// `GET /api/vhost-limits`: of the vhosts that the caller may look at.
pub(super) async fn vhosts(State(node): State<Arc<Node>>, caller: Caller) -> Answered {
    let routes = node.directory.routes();
    let seen = routes.vhosts().filter(|vhost| caller.sees(&routes, vhost.name()));
    Ok(Json(seen.filter_map(of_vhost).collect::<Vec<_>>()).into_response())
}

/// `GET /api/vhost-limits/{vhost}`.
pub(super) async fn vhost(
    State(node): State<Arc<Node>>,
    caller: Caller,
    Names(name): Names<String>,
) -> Answered {
    let routes = node.directory.routes();
    let limits = of_vhost(caller.look(&routes, &name)?);
    Ok(Json(limits.into_iter().collect::<Vec<_>>()).into_response())
}

/// `PUT /api/vhost-limits/{vhost}/{name}`.
pub(super) async fn set_of_vhost(
    State(node): State<Arc<Node>>,
    caller: Caller,
    Names((vhost, name)): Names<(String, String)>,
    Payload(LimitChange { value }): Payload<LimitChange>,
) -> Answered {
    limit_vhost(&node, &caller, (&vhost, &name), limit(value)?).await
}

/// `DELETE /api/vhost-limits/{vhost}/{name}`.
pub(super) async fn clear_of_vhost(
    State(node): State<Arc<Node>>,
    caller: Caller,
    Names((vhost, name)): Names<(String, String)>,
) -> Answered {
    limit_vhost(&node, &caller, (&vhost, &name), None).await
}

/// `GET /api/user-limits`.
pub(super) async fn users(State(node): State<Arc<Node>>, caller: Caller) -> Answered {
    let routes = node.directory.routes();
    caller.needs(&routes, Tag::Administrator)?;
    let limits = routes.access().users().filter_map(|user| of_user(user));
    Ok(Json(limits.collect::<Vec<_>>()).into_response())
}

/// `GET /api/user-limits/{user}`.
pub(super) async fn user(
    State(node): State<Arc<Node>>,
    caller: Caller,
    Names(name): Names<String>,
) -> Answered {
    let routes = node.directory.routes();
    caller.needs(&routes, Tag::Administrator)?;
    let user = routes.access().user(&name).ok_or_else(Failed::not_found)?;
    Ok(Json(of_user(user).into_iter().collect::<Vec<_>>()).into_response())
}

/// `PUT /api/user-limits/{user}/{name}`.
pub(super) async fn set_of_user(
    State(node): State<Arc<Node>>,
    caller: Caller,
    Names((user, name)): Names<(String, String)>,
    Payload(LimitChange { value }): Payload<LimitChange>,
) -> Answered {
    limit_user(&node, &caller, (&user, &name), limit(value)?).await
}

/// `DELETE /api/user-limits/{user}/{name}`.
pub(super) async fn clear_of_user(
    State(node): State<Arc<Node>>,
    caller: Caller,
    Names((user, name)): Names<(String, String)>,
) -> Answered {
    limit_user(&node, &caller, (&user, &name), None).await
}

/// Changes one limit of a vhost.
async fn limit_vhost(
    node: &Node,
    caller: &Caller,
    (vhost, name): (&str, &str),
    limit: Option<u32>,
) -> Answered {
    caller.needs(&node.directory.routes(), Tag::Administrator)?;
    let mut limits = with_vhost(&node.directory.routes(), vhost)?;
    match name {
        MAX_CONNECTIONS => limits.max_connections = limit,
        MAX_QUEUES => limits.max_queues = limit,
        _ => return Err(unknown(name, [MAX_CONNECTIONS, MAX_QUEUES])),
    }
    write(node, caller, Command::LimitVhost { vhost: vhost.into(), limits }).await?;
    Ok(done())
}

/// Changes all limits of a vhost that are given.
pub(super) async fn limit_vhost_to(
    node: &Node,
    caller: &Caller,
    vhost: &str,
    values: &LimitValues,
) -> Result<(), Failed> {
    for (name, value) in values {
        limit_vhost(node, caller, (vhost, name), limit(*value)?).await?;
    }
    Ok(())
}

/// Changes all limits of a user that are given.
pub(super) async fn limit_user_to(
    node: &Node,
    caller: &Caller,
    user: &str,
    values: &LimitValues,
) -> Result<(), Failed> {
    for (name, value) in values {
        limit_user(node, caller, (user, name), limit(*value)?).await?;
    }
    Ok(())
}

/// Changes one limit of a user.
async fn limit_user(
    node: &Node,
    caller: &Caller,
    (name, what): (&str, &str),
    limit: Option<u32>,
) -> Answered {
    caller.needs(&node.directory.routes(), Tag::Administrator)?;
    let user = node.directory.routes().access().user(name).cloned();
    let mut limits = user.ok_or_else(Failed::not_found)?.limits;
    match what {
        MAX_CONNECTIONS => limits.max_connections = limit,
        MAX_CHANNELS => limits.max_channels = limit,
        _ => return Err(unknown(what, OF_USERS)),
    }
    write_access(node, caller, access::Command::LimitUser { name: name.into(), limits }).await?;
    Ok(done())
}

fn with_vhost(routes: &Routes, vhost: &str) -> Result<topology::VhostLimits, Failed> {
    routes.vhost(vhost).map(topology::Vhost::limits).ok_or_else(Failed::not_found)
}

/// A limit as it is kept; a negative one does not limit.
pub(super) fn limit(value: i64) -> Result<Option<u32>, Failed> {
    if value < 0 {
        return Ok(None);
    }
    let limit = u32::try_from(value);
    limit.map(Some).map_err(|_| Failed::bad_request(format_args!("{value} is not a limit")))
}

pub(super) fn unknown(name: &str, known: [&str; 2]) -> Failed {
    let [first, second] = known;
    Failed::bad_request(format_args!("unrecognised limit '{name}': there are {first} and {second}"))
}

/// The limits of a vhost, if it has any.
pub(super) fn of_vhost(vhost: &topology::Vhost) -> Option<VhostLimits> {
    let topology::VhostLimits { max_connections, max_queues } = vhost.limits();
    let value = values([(MAX_CONNECTIONS, max_connections), (MAX_QUEUES, max_queues)]);
    (!value.is_empty()).then(|| VhostLimits { vhost: vhost.name().to_string(), value })
}

fn of_user(user: &access::User) -> Option<UserLimits> {
    let access::UserLimits { max_connections, max_channels } = user.limits;
    let value = values([(MAX_CONNECTIONS, max_connections), (MAX_CHANNELS, max_channels)]);
    (!value.is_empty()).then(|| UserLimits { user: user.name.to_string(), value })
}

pub(super) fn values(limits: [(&str, Option<u32>); 2]) -> LimitValues {
    limits.into_iter().filter_map(|(name, limit)| Some((name.to_owned(), limit?.into()))).collect()
}
