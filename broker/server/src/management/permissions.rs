//! Permissions of users in vhosts, and on the topics of exchanges. For administrators.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Json};
use broker_api::{Permission, PermissionChange, TopicPermission, TopicPermissionChange};
use broker_core::access::{self, Access, Command, Tag, User};
use broker_core::name::Name;
use broker_core::pattern::Pattern;
use broker_core::topology::Routes;

use crate::management::failed::Failed;
use crate::management::guard::Caller;
use crate::management::payload::{Names, Payload};
use crate::management::writing::{Answered, done, put, write_access};
use crate::node::Node;

type Shared = State<Arc<Node>>;
type Pair = Names<(String, String)>;

/// `GET /api/permissions`.
pub(super) async fn list(State(node): Shared, caller: Caller) -> Answered {
    shown(&node, &caller, |access| Some(all(access)))
}

/// `GET /api/vhosts/{vhost}/permissions`.
pub(super) async fn of_vhost(
    State(node): Shared,
    caller: Caller,
    Names(vhost): Names<String>,
) -> Answered {
    let exists = node.directory.routes().vhost(&vhost).is_some();
    let here =
        |access: &Access| all(access).into_iter().filter(|p| p.vhost == vhost).collect::<Vec<_>>();
    shown(&node, &caller, |access| exists.then(|| here(access)))
}

/// `GET /api/users/{user}/permissions`.
pub(super) async fn of_user(
    State(node): Shared,
    caller: Caller,
    Names(user): Names<String>,
) -> Answered {
    shown(&node, &caller, |access| access.user(&user).map(|user| permissions(user)))
}

/// `GET /api/permissions/{vhost}/{user}`.
pub(super) async fn get(
    State(node): Shared,
    caller: Caller,
    Names((vhost, user)): Pair,
) -> Answered {
    shown(&node, &caller, |access| {
        let permission = access.permission(&vhost, &user)?;
        Some(describe(&user, &vhost, permission))
    })
}

/// `PUT /api/permissions/{vhost}/{user}`.
pub(super) async fn set(
    State(node): Shared,
    caller: Caller,
    Names((vhost, user)): Pair,
    Payload(change): Payload<PermissionChange>,
) -> Answered {
    let created = node.directory.routes().access().permission(&vhost, &user).is_none();
    permit(&node, &caller, (&vhost, &user), &change).await?;
    Ok(put(created))
}

/// `DELETE /api/permissions/{vhost}/{user}`.
pub(super) async fn clear(
    State(node): Shared,
    caller: Caller,
    Names((vhost, user)): Pair,
) -> Answered {
    caller.needs(&node.directory.routes(), Tag::Administrator)?;
    let command = Command::Forbid { user: user.into(), vhost: vhost.into() };
    if write_access(&node, &caller, command).await? { Ok(done()) } else { Err(Failed::not_found()) }
}

/// `GET /api/topic-permissions`.
pub(super) async fn topics(State(node): Shared, caller: Caller) -> Answered {
    shown(&node, &caller, |access| Some(all_topics(access)))
}

/// `GET /api/vhosts/{vhost}/topic-permissions`.
pub(super) async fn topics_of_vhost(
    State(node): Shared,
    caller: Caller,
    Names(vhost): Names<String>,
) -> Answered {
    let exists = node.directory.routes().vhost(&vhost).is_some();
    let here = |access: &Access| {
        all_topics(access).into_iter().filter(|t| t.vhost == vhost).collect::<Vec<_>>()
    };
    shown(&node, &caller, |access| exists.then(|| here(access)))
}

/// `GET /api/users/{user}/topic-permissions`.
pub(super) async fn topics_of_user(
    State(node): Shared,
    caller: Caller,
    Names(user): Names<String>,
) -> Answered {
    shown(&node, &caller, |access| access.user(&user).map(|user| topics_in(user, user.vhosts())))
}

/// `GET /api/topic-permissions/{vhost}/{user}`.
pub(super) async fn get_topics(
    State(node): Shared,
    caller: Caller,
    Names((vhost, user)): Pair,
) -> Answered {
    shown(&node, &caller, |access| {
        let topics = topics_in(access.user(&user)?, [&vhost.as_str().into()]);
        (!topics.is_empty()).then_some(topics)
    })
}

/// `PUT /api/topic-permissions/{vhost}/{user}`.
pub(super) async fn set_topic(
    State(node): Shared,
    caller: Caller,
    Names((vhost, user)): Pair,
    Payload(change): Payload<TopicPermissionChange>,
) -> Answered {
    let known = node.directory.routes().access().user(&user).cloned();
    let created = known.is_none_or(|user| user.topic(&vhost, &change.exchange).is_none());
    permit_topic(&node, &caller, (&vhost, &user), &change).await?;
    Ok(put(created))
}

/// `DELETE /api/topic-permissions/{vhost}/{user}`: those on all its exchanges.
pub(super) async fn clear_topics(
    State(node): Shared,
    caller: Caller,
    Names((vhost, user)): Pair,
) -> Answered {
    forget(&node, &caller, (&vhost, &user), None).await
}

/// `DELETE /api/topic-permissions/{vhost}/{user}/{exchange}`.
pub(super) async fn clear_topic(
    State(node): Shared,
    caller: Caller,
    Names((vhost, user, exchange)): Names<(String, String, String)>,
) -> Answered {
    forget(&node, &caller, (&vhost, &user), Some(exchange.into())).await
}

/// Permits a user something in a vhost.
pub(super) async fn permit(
    node: &Node,
    caller: &Caller,
    (vhost, user): (&str, &str),
    change: &PermissionChange,
) -> Result<(), Failed> {
    check(node, caller, vhost, user)?;
    let permission = read(change)?;
    let command = Command::Permit { user: user.into(), vhost: vhost.into(), permission };
    write_access(node, caller, command).await.map(drop)
}

/// The permission that is described.
pub(super) fn read(change: &PermissionChange) -> Result<access::Permission, Failed> {
    let pattern =
        |name, text: &str| Pattern::new(text).map_err(|reason| invalid(name, text, reason));
    Ok(access::Permission {
        configure: pattern("configure", &change.configure)?,
        write: pattern("write", &change.write)?,
        read: pattern("read", &change.read)?,
    })
}

/// Limits the routing keys that a user may use on an exchange.
pub(super) async fn permit_topic(
    node: &Node,
    caller: &Caller,
    (vhost, user): (&str, &str),
    change: &TopicPermissionChange,
) -> Result<(), Failed> {
    check(node, caller, vhost, user)?;
    let TopicPermissionChange { exchange, write, read } = change;
    let permission = read_topic((write, read), user, vhost)?;
    let (user, vhost, exchange) = (user.into(), vhost.into(), exchange.as_str().into());
    let command = Command::PermitTopic { user, vhost, exchange, permission };
    write_access(node, caller, command).await.map(drop)
}

/// The patterns (write, read) that are described.
pub(super) fn read_topic(
    (write, read): (&str, &str),
    user: &str,
    vhost: &str,
) -> Result<access::TopicPermission, Failed> {
    access::TopicPermission::new((write, read), user, vhost)
        .map_err(|(name, reason)| invalid(name, if name == "write" { write } else { read }, reason))
}

async fn forget(
    node: &Node,
    caller: &Caller,
    (vhost, user): (&str, &str),
    exchange: Option<Name>,
) -> Answered {
    caller.needs(&node.directory.routes(), Tag::Administrator)?;
    let command = Command::ForgetTopic { user: user.into(), vhost: vhost.into(), exchange };
    if write_access(node, caller, command).await? { Ok(done()) } else { Err(Failed::not_found()) }
}

/// Refuses to permit anything by whoever may not, in a vhost that is not there, or to nobody.
fn check(node: &Node, caller: &Caller, vhost: &str, user: &str) -> Result<(), Failed> {
    let routes = node.directory.routes();
    caller.needs(&routes, Tag::Administrator)?;
    exist(&routes, vhost, user)
}

/// Refuses a permission in a vhost or of a user that is not there.
pub(super) fn exist(routes: &Routes, vhost: &str, user: &str) -> Result<(), Failed> {
    if routes.vhost(vhost).is_none() {
        return Err(Failed::not_found());
    }
    if routes.access().user(user).is_none() {
        return Err(Failed::bad_request(format_args!("no such user '{user}'")));
    }
    Ok(())
}

fn invalid(name: &str, text: &str, reason: impl std::fmt::Display) -> Failed {
    Failed::bad_request(format_args!("invalid regular expression '{text}' for {name}: {reason}"))
}

fn shown<T: serde::Serialize>(
    node: &Node,
    caller: &Caller,
    what: impl FnOnce(&Access) -> Option<T>,
) -> Answered {
    let routes = node.directory.routes();
    caller.needs(&routes, Tag::Administrator)?;
    let what = what(routes.access()).ok_or_else(Failed::not_found)?;
    Ok(Json(what).into_response())
}

/// All permissions, by user and vhost.
pub(super) fn all(access: &Access) -> Vec<Permission> {
    access.users().flat_map(|user| permissions(user)).collect()
}

/// All topic permissions, by user, vhost and exchange.
pub(super) fn all_topics(access: &Access) -> Vec<TopicPermission> {
    access.users().flat_map(|user| topics_in(user, user.vhosts())).collect()
}

fn permissions(user: &User) -> Vec<Permission> {
    user.permissions().map(|(vhost, p)| describe(&user.name, vhost, p)).collect()
}

fn describe(user: &str, vhost: &str, permission: &access::Permission) -> Permission {
    let access::Permission { configure, write, read } = permission;
    Permission {
        user: user.to_owned(),
        vhost: vhost.to_owned(),
        configure: configure.as_str().to_owned(),
        write: write.as_str().to_owned(),
        read: read.as_str().to_owned(),
    }
}

fn topics_in<'a>(user: &User, vhosts: impl IntoIterator<Item = &'a Name>) -> Vec<TopicPermission> {
    let in_vhost = |vhost: &'a Name| {
        user.topics(vhost).map(move |(exchange, topic)| TopicPermission {
            user: user.name.to_string(),
            vhost: vhost.to_string(),
            exchange: exchange.to_string(),
            write: topic.write.as_str().to_owned(),
            read: topic.read.as_str().to_owned(),
        })
    };
    vhosts.into_iter().flat_map(in_vhost).collect()
}
