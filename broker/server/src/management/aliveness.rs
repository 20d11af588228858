//! Older health checks: does the node do what it is for?

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Json};
use broker_api::{Health, HealthStatus, QueueDeclaration};
use broker_core::access::{Resource, Right};
use broker_core::message::Message;
use broker_core::queue::Command;
use broker_core::routing::Targets;
use broker_protocol::properties::Properties;

use crate::management::asking::ask;
use crate::management::declaring::{make_queue, usable_queue};
use crate::management::failed::Failed;
use crate::management::guard::Caller;
use crate::management::messages::hand_over;
use crate::management::payload::Names;
use crate::management::writing::Answered;
use crate::node::Node;

type Shared = State<Arc<Node>>;

/// The queue of [`aliveness`], which stays, as RabbitMQ's does.
const ALIVENESS: &str = "aliveness-test";

/// `GET /api/healthchecks/node`, and with the node's name: nothing keeps publishers from publishing.
/// Whether all is well is in the answer and not in its status, as in RabbitMQ.
pub(super) async fn healthcheck(State(node): Shared) -> Json<Health> {
    let reason = node.shortage().map(str::to_owned);
    let status = if reason.is_some() { HealthStatus::Failed } else { HealthStatus::Ok };
    Json(Health { status, reason })
}

/// The same, asked of a node by its name.
pub(super) async fn healthcheck_of(State(node): Shared, Names(name): Names<String>) -> Answered {
    if name != node.identity.node {
        return Err(Failed::not_found());
    }
    Ok(healthcheck(State(node)).await.into_response())
}

/// `GET /api/aliveness-test/{vhost}`: declares a queue, publishes to it and gets from it.
pub(super) async fn aliveness(
    State(node): Shared,
    caller: Caller,
    Names(vhost): Names<String>,
) -> Answered {
    caller.enter(&node.directory.routes(), &vhost)?;
    let place = (&*vhost, ALIVENESS);
    let wanted =
        QueueDeclaration { durable: false, auto_delete: false, arguments: Default::default() };
    make_queue(&node, &caller, place, wanted).await?;
    let queue = usable_queue(&node, &caller, place, Right::Read)?;
    let message = Message::build("", ALIVENESS, &Properties::default(), b"test_message")
        .ok_or_else(Failed::unavailable)?;
    let mut targets = Targets::new();
    {
        let routes = node.directory.routes();
        let access = routes.access();
        access.check(&caller.0, &vhost, Right::Write, Resource::Exchange(""))?;
        caller.enter(&routes, &vhost)?.route(&message, &mut targets)?;
    }
    hand_over(&node, &message, &targets).await?;
    ask(&node, queue, Command::Get { no_ack: true }).await?;
    Ok(Json(Health { status: HealthStatus::Ok, reason: None }).into_response())
}
