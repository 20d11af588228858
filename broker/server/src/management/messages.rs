//! Publishing a message and getting some, for a look and a try.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use broker_api::{Count, GetRequest, Message as Shown, PublishRequest, Published};
use broker_core::access::{Resource, Right, Tag};
use broker_core::id::QueueId;
use broker_core::message::Message;
use broker_core::queue::Command;
use broker_core::routing::Targets;
use broker_core::topology::{ExchangeKind, Routes};
use broker_protocol::content::ContentHeader;
use broker_session::PublishId;

use crate::link::Reply;
use crate::management::asking::{self, ask};
use crate::management::declaring::usable_queue;
use crate::management::failed::Failed;
use crate::management::guard::Caller;
use crate::management::payload::{Names, Payload, exchange_name};
use crate::management::properties;
use crate::management::writing::Answered;
use crate::node::Node;
use crate::shard::work::{Batch, Work};

/// Messages that one request gets, at most.
const MOST: u64 = 10_000;

/// Bytes of bodies that one request gets, at most by one message more.
const MOST_BYTES: usize = 32 << 20;

/// What becomes of messages that were got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Requeue,
    Acknowledge,
    Reject,
}

/// `POST /api/exchanges/{vhost}/{name}/publish`. Answered once the message survives a crash, where it
/// is to.
pub(super) async fn publish(
    State(node): State<Arc<Node>>,
    caller: Caller,
    Names((vhost, exchange)): Names<(String, String)>,
    Payload(request): Payload<PublishRequest>,
) -> Answered {
    if let Some(shortage) = node.shortage() {
        return Err(Failed::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", shortage));
    }
    let exchange = exchange_name(&exchange);
    let properties = properties::read(&request.properties)?;
    let body = decoded(&request)?;
    if body.len() as u64 > node.session.max_body {
        return Err(Failed::bad_request("the payload is larger than a message may be"));
    }
    check_user(&node.directory.routes(), &caller, properties.user_id)?;
    let message = Message::build(exchange, &request.routing_key, &properties, &body)
        .ok_or_else(|| Failed::bad_request("the routing key is longer than 255 bytes"))?;
    let mut targets = Targets::new();
    {
        let routes = node.directory.routes();
        let found = caller.enter(&routes, &vhost)?;
        let access = routes.access();
        access.check(&caller.0, &vhost, Right::Write, Resource::Exchange(exchange))?;
        if found.exchange(exchange).is_some_and(|found| found.kind == ExchangeKind::Topic) {
            let topic = (exchange, request.routing_key.as_str());
            access.check_topic(&caller.0, &vhost, topic, Right::Write)?;
        }
        found.route(&message, &mut targets)?;
    }
    let routed = hand_over(&node, &message, &targets).await?;
    Ok(Json(Published { routed }).into_response())
}

/// Hands a message to its queues; whether there are any and all of them took it.
pub(super) async fn hand_over(
    node: &Node,
    message: &Message,
    targets: &Targets,
) -> Result<bool, Failed> {
    let (link, settled) = asking::settled(node, targets.queues().len());
    node.metrics.received.inc();
    let message = message.without_blind_copies().unwrap_or_else(|| message.clone());
    for (index, &queue) in targets.queues().iter().enumerate() {
        let mut batch = Batch { link: Some(link.clone()), ..Batch::default() };
        let id = PublishId::without_channel(index as u64 + 1);
        batch.publish_once(queue, message.clone(), targets.keys(index), Some(id));
        node.to_owner(queue, Work::Batch(batch));
    }
    drop(link);
    if targets.queues().is_empty() {
        node.metrics.unroutable_returned.inc();
        return Ok(false);
    }
    node.metrics.routed.inc();
    settled.await
}

/// `POST /api/queues/{vhost}/{name}/get`.
pub(super) async fn get(
    State(node): State<Arc<Node>>,
    caller: Caller,
    Names((vhost, name)): Names<(String, String)>,
    Payload(request): Payload<GetRequest>,
) -> Answered {
    let queue = usable_queue(&node, &caller, (&vhost, &name), Right::Read)?;
    let then = match request.ackmode.as_str() {
        "ack_requeue_true" | "reject_requeue_true" => Then::Requeue,
        "ack_requeue_false" => Then::Acknowledge,
        "reject_requeue_false" => Then::Reject,
        other => return Err(Failed::bad_request(format_args!("unknown ackmode '{other}'"))),
    };
    if !matches!(request.encoding.as_str(), "auto" | "base64") {
        return Err(Failed::bad_request(format_args!("unknown encoding '{}'", request.encoding)));
    }
    let count = request.count.get().ok_or_else(|| Failed::bad_request("count is no number"))?;
    // A client that goes away must not keep messages from others.
    let taking = tokio::spawn(take(Arc::clone(&node), queue, count.min(MOST), then));
    let taken = taking.await.map_err(|_| Failed::unavailable())??;
    let shown: Result<Vec<_>, _> = taken.iter().map(|reply| show(reply, &request)).collect();
    Ok(Json(shown?).into_response())
}

/// Takes messages, then puts them back or not.
async fn take(
    node: Arc<Node>,
    queue: QueueId,
    count: u64,
    then: Then,
) -> Result<Vec<Reply>, Failed> {
    let (mut taken, mut ids) = (Vec::new(), Vec::new());
    let mut bytes = 0;
    let mut failed = None;
    for _ in 0..count {
        if bytes > MOST_BYTES {
            break;
        }
        match ask(&node, queue, Command::Get { no_ack: false }).await {
            Ok(reply) => {
                let Reply::Got { id, message, .. } = &reply else { break };
                ids.push(*id);
                bytes += message.body().len();
                taken.push(reply);
            }
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    let mut batch = Batch::default();
    batch.command(
        queue,
        match then {
            Then::Requeue => Command::Requeue { ids },
            Then::Acknowledge => Command::Ack { ids },
            Then::Reject => Command::Reject { ids },
        },
    );
    node.to_owner(queue, Work::Batch(batch));
    failed.map_or(Ok(taken), Err)
}

fn show(reply: &Reply, request: &GetRequest) -> Result<Shown, Failed> {
    let Reply::Got { redelivered, message, remaining, .. } = reply else {
        return Err(Failed::unavailable());
    };
    let header = ContentHeader::trusted(message.header());
    let properties = header.and_then(|header| header.properties.to_properties());
    let properties = properties.map_err(Failed::bad_request)?;
    let body = message.body();
    let cut = request.truncate.as_ref().and_then(Count::get);
    let cut = cut.and_then(|cut| usize::try_from(cut).ok()).unwrap_or(usize::MAX);
    let shown = &body[..body.len().min(cut)];
    let (payload, payload_encoding) = match std::str::from_utf8(shown) {
        Ok(text) if request.encoding == "auto" => (text.to_owned(), "string"),
        _ => (BASE64_STANDARD.encode(shown), "base64"),
    };
    Ok(Shown {
        payload_bytes: body.len() as u64,
        redelivered: *redelivered,
        exchange: message.exchange().to_owned(),
        routing_key: message.routing_key().to_owned(),
        message_count: *remaining,
        properties: properties::show(&properties),
        payload,
        payload_encoding: payload_encoding.to_owned(),
    })
}

fn decoded(request: &PublishRequest) -> Result<Vec<u8>, Failed> {
    match request.payload_encoding.as_str() {
        "string" => Ok(request.payload.clone().into_bytes()),
        "base64" => BASE64_STANDARD
            .decode(&request.payload)
            .map_err(|_| Failed::bad_request("the payload is not base64")),
        other => Err(Failed::bad_request(format_args!("unsupported payload_encoding '{other}'"))),
    }
}

/// The property `user_id` must tell the truth, except an impersonator's.
fn check_user(routes: &Routes, caller: &Caller, claimed: Option<&str>) -> Result<(), Failed> {
    let user = &caller.0.name;
    match claimed {
        Some(claimed)
            if *user != claimed && !routes.access().bears(&caller.0, Tag::Impersonator) =>
        {
            Err(Failed::bad_request(format_args!(
                "406 PRECONDITION_FAILED - user_id property set to '{claimed}' but authenticated \
                 user was '{user}'"
            )))
        }
        _ => Ok(()),
    }
}
