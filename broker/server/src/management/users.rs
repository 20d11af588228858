//! Users: looking at them, making, changing and deleting them. For administrators.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Json};
use broker_api::{BulkDelete, User, UserChange};
use broker_core::access::{self, Password, Tag, UserLimits};
use broker_core::name::Name;

use crate::auth::password;
use crate::management::failed::Failed;
use crate::management::guard::Caller;
use crate::management::limits;
use crate::management::payload::{Names, Payload};
use crate::management::writing::{Answered, done, put, write_access};
use crate::node::Node;

/// `GET /api/users`.
pub(super) async fn list(State(node): State<Arc<Node>>, caller: Caller) -> Answered {
    let routes = node.directory.routes();
    caller.needs(&routes, Tag::Administrator)?;
    let users: Vec<User> = routes.access().users().map(|user| describe(user)).collect();
    Ok(Json(users).into_response())
}

/// `GET /api/users/without-permissions`.
pub(super) async fn without_permissions(State(node): State<Arc<Node>>, caller: Caller) -> Answered {
    let routes = node.directory.routes();
    caller.needs(&routes, Tag::Administrator)?;
    let users = routes.access().users().filter(|user| user.permissions().next().is_none());
    Ok(Json(users.map(|user| describe(user)).collect::<Vec<_>>()).into_response())
}

/// `GET /api/users/{user}`.
pub(super) async fn get(
    State(node): State<Arc<Node>>,
    caller: Caller,
    Names(name): Names<String>,
) -> Answered {
    let routes = node.directory.routes();
    caller.needs(&routes, Tag::Administrator)?;
    let user = routes.access().user(&name).ok_or_else(Failed::not_found)?;
    Ok(Json(describe(user)).into_response())
}

/// `PUT /api/users/{user}`. Without a password and a hash, no password is right any more.
pub(super) async fn set(
    State(node): State<Arc<Node>>,
    caller: Caller,
    Names(name): Names<String>,
    Payload(change): Payload<UserChange>,
) -> Answered {
    caller.needs(&node.directory.routes(), Tag::Administrator)?;
    let created = node.directory.routes().access().user(&name).is_none();
    change_user(&node, &caller, &name, change).await?;
    Ok(put(created))
}

/// `DELETE /api/users/{user}`: it is cut off.
pub(super) async fn delete(
    State(node): State<Arc<Node>>,
    caller: Caller,
    Names(name): Names<String>,
) -> Answered {
    caller.needs(&node.directory.routes(), Tag::Administrator)?;
    if delete_user(&node, &caller, &name).await? { Ok(done()) } else { Err(Failed::not_found()) }
}

/// `POST /api/users/bulk-delete`.
pub(super) async fn bulk_delete(
    State(node): State<Arc<Node>>,
    caller: Caller,
    Payload(BulkDelete { users }): Payload<BulkDelete>,
) -> Answered {
    caller.needs(&node.directory.routes(), Tag::Administrator)?;
    for name in users {
        delete_user(&node, &caller, &name).await?;
    }
    Ok(done())
}

/// Makes a user, or changes the one there is.
pub(super) async fn change_user(
    node: &Arc<Node>,
    caller: &Caller,
    name: &str,
    change: UserChange,
) -> Result<(), Failed> {
    let name = named(name)?;
    let tags = change.tags.ok_or_else(|| Failed::bad_request("tags_not_present"))?;
    let password = match (change.password, change.password_hash) {
        (Some(_), Some(_)) => {
            let reason = "both_password_and_password_hash_are_provided";
            return Err(Failed::bad_request(reason));
        }
        (Some(secret), None) if secret.is_empty() => None,
        (Some(secret), None) => {
            let hash = node.hash_password(secret.into_bytes()).await;
            Some(hash.ok_or_else(Failed::unavailable)?)
        }
        (None, Some(hash)) => imported(&hash, change.hashing_algorithm.as_deref())?,
        (None, None) => None,
    };
    let tags = tags.into_iter().map(Name::from).collect();
    let command = access::Command::SetUser { name: name.clone(), password, tags };
    if write_access(node, caller, command).await? {
        tracing::info!(user = %name, by = %caller.0.name, "user set");
    }
    Ok(())
}

/// The name of a user to be.
pub(super) fn named(name: &str) -> Result<Name, Failed> {
    if name.is_empty() || name.len() > 255 {
        return Err(Failed::bad_request("a user's name has from 1 to 255 bytes"));
    }
    Ok(name.into())
}

pub(super) fn imported(hash: &str, method: Option<&str>) -> Result<Option<Password>, Failed> {
    if hash.is_empty() {
        return Ok(None);
    }
    password::import(hash, method).map(Some).map_err(Failed::bad_request)
}

async fn delete_user(node: &Node, caller: &Caller, name: &str) -> Result<bool, Failed> {
    let command = access::Command::DeleteUser { name: name.into() };
    if !write_access(node, caller, command).await? {
        return Ok(false);
    }
    tracing::info!(user = name, by = %caller.0.name, "user deleted");
    if node.authenticator.named_by_directory().as_deref() != Some(name) {
        let is_its = |user: Option<&String>| user.is_some_and(|user| user == name);
        let reason = format!("user '{name}' is deleted");
        node.registry.close(&reason, |profile| is_its(profile.user.get()));
    }
    Ok(true)
}

/// The user as the API shows it.
pub(super) fn describe(user: &access::User) -> User {
    let (hash, method) = password::export(user.password.as_ref());
    let UserLimits { max_connections, max_channels } = user.limits;
    User {
        name: user.name.to_string(),
        password_hash: hash.to_owned(),
        hashing_algorithm: method.to_owned(),
        tags: user.tags.iter().map(Name::to_string).collect(),
        limits: limits::values([
            (limits::MAX_CONNECTIONS, max_connections),
            (limits::MAX_CHANNELS, max_channels),
        ]),
    }
}
