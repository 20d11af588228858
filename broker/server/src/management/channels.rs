//! Channels and consumers, asked of the connections that have them at the moment of the question.
//!
//! Nobody counts anything for these lists: a connection that is never asked about pays nothing.
//! Who may look at everything sees all of them, others their own, as in RabbitMQ.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Json};
use broker_api::{
    Arguments, Channel, ChannelDetails, ChannelStats, ConnectionDetails, Consumer, QueueName,
};
use broker_core::id::{ConnectionId, ConsumerId, QueueId};
use broker_core::topology::QueueRecord;
use broker_session::{ChannelReport, ConsumerReport};
use hashbrown::{HashMap, HashSet};
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::time::timeout_at;

use crate::link::Event;
use crate::management::connections::{named, sees};
use crate::management::failed::Failed;
use crate::management::guard::Caller;
use crate::management::payload::Names;
use crate::management::writing::Answered;
use crate::node::Node;
use crate::registry::Profile;
use crate::shard::work::Subscriber;

/// How long connections may take to answer; who does not is left out.
const PATIENCE: Duration = Duration::from_secs(5);

type Shared = State<Arc<Node>>;

/// A connection and what it said of its channels.
type Asked = (Arc<Profile>, Vec<ChannelReport>);

/// `GET /api/channels`.
pub(super) async fn channels(State(node): Shared, caller: Caller) -> Json<Vec<Channel>> {
    Json(channels_of(&node, seen(&node, &caller, |_| true)).await)
}

/// `GET /api/vhosts/{vhost}/channels`.
pub(super) async fn channels_in(
    State(node): Shared,
    caller: Caller,
    Names(vhost): Names<String>,
) -> Answered {
    caller.look(&node.directory.routes(), &vhost)?;
    let profiles = seen(&node, &caller, |profile| profile.vhost.get() == Some(&vhost));
    Ok(Json(channels_of(&node, profiles).await).into_response())
}

/// `GET /api/connections/{name}/channels`.
pub(super) async fn channels_on(
    State(node): Shared,
    caller: Caller,
    Names(connection): Names<String>,
) -> Answered {
    let profile = named(&node, &caller, &connection)?;
    Ok(Json(channels_of(&node, vec![profile]).await).into_response())
}

/// `GET /api/channels/{name}`, with its consumers.
pub(super) async fn channel(
    State(node): Shared,
    caller: Caller,
    Names(name): Names<String>,
) -> Answered {
    let (connection, number) = name.rsplit_once(" (").ok_or_else(Failed::not_found)?;
    let number = number.strip_suffix(')').and_then(|number| number.parse::<u16>().ok());
    let asked = ask(vec![named(&node, &caller, connection)?]).await;
    let found = asked.iter().find_map(|(profile, reports)| {
        Some((profile, reports.iter().find(|report| Some(report.number) == number)?))
    });
    let (profile, report) = found.ok_or_else(Failed::not_found)?;
    let shown = Shown::new(&node, node.subscribers(None).await);
    let mut channel = describe(&node, profile, report);
    let consumers = report.consumers.iter();
    channel.consumer_details =
        Some(consumers.filter_map(|consumer| shown.consumer(profile, report, consumer)).collect());
    Ok(Json(channel).into_response())
}

/// `GET /api/consumers`.
pub(super) async fn consumers(State(node): Shared, caller: Caller) -> Json<Vec<Consumer>> {
    let profiles = seen(&node, &caller, |_| true);
    Json(consumers_of(&node, profiles, node.subscribers(None).await).await)
}

/// `GET /api/consumers/{vhost}`.
pub(super) async fn consumers_in(
    State(node): Shared,
    caller: Caller,
    Names(vhost): Names<String>,
) -> Answered {
    caller.look(&node.directory.routes(), &vhost)?;
    let profiles = seen(&node, &caller, |profile| profile.vhost.get() == Some(&vhost));
    let consumers = consumers_of(&node, profiles, node.subscribers(None).await).await;
    Ok(Json(consumers).into_response())
}

/// The consumers of one queue. Only the connections that they are of are asked.
pub(super) async fn consumers_on(node: &Node, queue: QueueId) -> Vec<Consumer> {
    let subscribers = node.subscribers(Some(queue)).await;
    let theirs: HashSet<ConnectionId> = subscribers.iter().map(|s| s.connection).collect();
    if theirs.is_empty() {
        return Vec::new();
    }
    let mut profiles = node.registry.all();
    profiles.retain(|profile| theirs.contains(&profile.link.connection()));
    consumers_of(node, profiles, subscribers).await
}

/// The connections that the caller may look at and `which` picks.
fn seen(node: &Node, caller: &Caller, which: impl Fn(&Profile) -> bool) -> Vec<Arc<Profile>> {
    let routes = node.directory.routes();
    let mut profiles = node.registry.all();
    profiles.retain(|profile| which(profile) && sees(&routes, caller, profile));
    profiles
}

/// Asks connections for their channels, all at once.
async fn ask(profiles: Vec<Arc<Profile>>) -> Vec<Asked> {
    let asked: Vec<_> = profiles
        .into_iter()
        .map(|profile| {
            let (sender, answer) = oneshot::channel();
            profile.link.send(Event::Report(sender));
            (profile, answer)
        })
        .collect();
    let end = tokio::time::Instant::now() + PATIENCE;
    let mut answers = Vec::with_capacity(asked.len());
    for (profile, answer) in asked {
        // A connection that ends meanwhile has no channels any more.
        if let Ok(Ok(reports)) = timeout_at(end, answer).await {
            answers.push((profile, reports));
        }
    }
    answers
}

async fn channels_of(node: &Node, profiles: Vec<Arc<Profile>>) -> Vec<Channel> {
    let asked = ask(profiles).await;
    let channels = asked.iter().flat_map(|(profile, reports)| {
        reports.iter().map(move |report| describe(node, profile, report))
    });
    channels.collect()
}

async fn consumers_of(
    node: &Node,
    profiles: Vec<Arc<Profile>>,
    subscribers: Vec<Subscriber>,
) -> Vec<Consumer> {
    let asked = ask(profiles).await;
    let shown = Shown::new(node, subscribers);
    let mut consumers = Vec::new();
    for (profile, reports) in &asked {
        for report in reports {
            let theirs = report.consumers.iter();
            consumers.extend(theirs.filter_map(|one| shown.consumer(profile, report, one)));
        }
    }
    consumers
}

fn describe(node: &Node, profile: &Profile, report: &ChannelReport) -> Channel {
    let user = profile.user.get().cloned().unwrap_or_default();
    let state = if profile.blocked.load(Ordering::Relaxed) { "flow" } else { "running" };
    let unconfirmed = report.unconfirmed as u64;
    let in_confirm_mode = |count: u64| report.confirm.then_some(count);
    Channel {
        name: channel_name(profile, report),
        number: report.number,
        node: node.identity.node.clone(),
        vhost: profile.vhost.get().cloned().unwrap_or_default(),
        user: user.clone(),
        user_who_performed_action: user,
        connection_details: ConnectionDetails {
            name: profile.name(),
            peer_host: profile.peer.ip().to_string(),
            peer_port: profile.peer.port(),
        },
        state: state.to_owned(),
        confirm: report.confirm,
        transactional: report.transactional,
        prefetch_count: report.prefetch,
        global_prefetch_count: report.shared_prefetch,
        consumer_count: report.consumer_count as u64,
        messages_unacknowledged: report.unacked as u64,
        messages_unconfirmed: unconfirmed,
        messages_uncommitted: report.uncommitted as u64,
        acks_uncommitted: report.acks_uncommitted as u64,
        message_stats: ChannelStats {
            publish: in_confirm_mode(report.published),
            confirm: in_confirm_mode(report.published.saturating_sub(unconfirmed)),
            deliver_get: report.delivered,
        },
        consumer_details: None,
    }
}

fn channel_name(profile: &Profile, report: &ChannelReport) -> String {
    format!("{} ({})", profile.name(), report.number)
}

/// What it takes to show consumers: what their queues know of them, and how these are called.
struct Shown<'a> {
    node: &'a Node,
    subscribers: HashMap<ConsumerId, Subscriber>,
    queues: HashMap<QueueId, QueueName>,
}

// === impl Shown ===

impl<'a> Shown<'a> {
    fn new(node: &'a Node, subscribers: Vec<Subscriber>) -> Self {
        let wanted: HashSet<QueueId> = subscribers.iter().map(|s| s.queue).collect();
        let routes = node.directory.routes();
        let queues = routes.vhosts().flat_map(|vhost| vhost.queues());
        let name = |queue: &QueueRecord| QueueName {
            name: queue.settings.name.to_string(),
            vhost: queue.settings.vhost.to_string(),
        };
        let queues = queues.filter(|queue| wanted.contains(&queue.id));
        let queues = queues.map(|queue| (queue.id, name(queue))).collect();
        let subscribers = subscribers.into_iter().map(|s| (s.consumer, s)).collect();
        Self { node, subscribers, queues }
    }

    /// One consumer; none if it or its queue has gone between the questions.
    fn consumer(
        &self,
        profile: &Profile,
        report: &ChannelReport,
        consumer: &ConsumerReport,
    ) -> Option<Consumer> {
        let subscriber = self.subscribers.get(&consumer.id)?;
        let status = match (subscriber.single, subscriber.active) {
            (false, _) => "up",
            (true, true) => "single_active",
            (true, false) => "waiting",
        };
        Some(Consumer {
            consumer_tag: consumer.tag.to_string(),
            queue: self.queues.get(&consumer.queue)?.clone(),
            channel_details: ChannelDetails {
                name: channel_name(profile, report),
                number: report.number,
                user: profile.user.get().cloned().unwrap_or_default(),
                connection_name: profile.name(),
                peer_host: profile.peer.ip().to_string(),
                peer_port: profile.peer.port(),
                node: self.node.identity.node.clone(),
            },
            ack_required: !consumer.no_ack,
            exclusive: subscriber.exclusive,
            prefetch_count: consumer.prefetch,
            active: subscriber.active,
            activity_status: status.to_owned(),
            arguments: arguments(subscriber.priority, consumer.timeout),
        })
    }
}

/// What a consumer came with, as far as the broker has kept it: what means something to it.
fn arguments(priority: i32, timeout: Option<u64>) -> Arguments {
    let priority = (priority != 0).then(|| ("x-priority".to_owned(), Value::from(priority)));
    let timeout = timeout.map(|ms| ("x-consumer-timeout".to_owned(), Value::from(ms)));
    priority.into_iter().chain(timeout).collect()
}
