//! How a request changes something: the change is carried out, and answered once it is durable.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use broker_core::access;
use broker_core::topology::{Command, Outcome, permits};
use serde::Serialize;

use crate::directory::Changed;
use crate::management::failed::Failed;
use crate::management::guard::Caller;
use crate::node::Node;

/// What a handler gives back.
pub(crate) type Answered = Result<Response, Failed>;

/// Carries out a change that the caller may make, and waits until it survives a crash. Whether the
/// caller bears the tag that is needed is the handler's to check.
pub(crate) async fn write(
    node: &Node,
    caller: &Caller,
    command: Command,
) -> Result<Outcome, Failed> {
    let permitted = {
        let routes = node.directory.routes();
        permits(&routes, &caller.0, &command)
    };
    permitted?;
    settle(node, node.directory.change(command, |_| {})?).await
}

/// The same for users and permissions; whether anything has changed.
pub(crate) async fn write_access(
    node: &Node,
    caller: &Caller,
    command: access::Command,
) -> Result<bool, Failed> {
    let outcome = write(node, caller, Command::Access(command)).await?;
    Ok(matches!(outcome, Outcome::Done { changed: true }))
}

/// Waits until a change survives a crash.
pub(crate) async fn settle(node: &Node, changed: Changed) -> Result<Outcome, Failed> {
    node.store.wait(changed.recorded).await;
    if node.store.is_durable(changed.recorded) {
        Ok(changed.outcome)
    } else {
        Err(Failed::unavailable())
    }
}

/// The answer to `PUT`: 201 for what is new, 204 for what was there.
pub(crate) fn put(created: bool) -> Response {
    let status = if created { StatusCode::CREATED } else { StatusCode::NO_CONTENT };
    status.into_response()
}

/// The answer to a change that brings nothing back: 204.
pub(crate) fn done() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// What was asked for, or 404.
pub(crate) fn found<T: Serialize>(object: Option<T>) -> Answered {
    object.map(|object| Json(object).into_response()).ok_or_else(Failed::not_found)
}
