//! Players who publish, and one who also purges.

use std::collections::VecDeque;

use futures::FutureExt;
use lapin::{
    BasicProperties, Channel, Confirmation, PublisherConfirm, Result,
    options::QueuePurgeOptions,
    types::{AMQPValue, FieldTable},
};
use tokio::time::sleep;

use crate::{
    dice::Dice,
    ledger::{
        Message,
        delays::{Due, now},
    },
    stage::{LIFE, Stage, publish_with},
};

/// Messages that may wait in a queue before its publishers rest.
const ENOUGH: usize = 500;

/// Messages that are sent again after a crash, where that does no harm.
const AGAIN: u64 = 300;

/// How long messages are held back where they are, in ms, by their lanes: not, for a moment, until the
/// next round, for several rounds.
const DELAYS: [u64; 8] = [0, 15, 15, 120, 120, 600, 600, 4_000];

/// Where a publisher publishes, and which queues that leads to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Route {
    pub(crate) exchange: &'static str,
    pub(crate) key: &'static str,
    pub(crate) queues: &'static [&'static str],
}

pub(crate) const ORDERS: Route = Route { exchange: "direct", key: "orders", queues: &["orders"] };
pub(crate) const EVENTS: Route =
    Route { exchange: "topic", key: "event.new", queues: &["fan-a", "fan-b"] };
pub(crate) const RANKED: Route = Route { exchange: "direct", key: "ranked", queues: &["ranked"] };
pub(crate) const CAPPED: Route = Route { exchange: "direct", key: "capped", queues: &["capped"] };
pub(crate) const REFUSING: Route =
    Route { exchange: "direct", key: "refusing", queues: &["refusing"] };
pub(crate) const ONCE: Route = Route { exchange: "direct", key: "once", queues: &["once"] };
pub(crate) const BRIEF: Route = Route { exchange: "direct", key: "brief", queues: &["brief"] };
pub(crate) const DELAYED: Route = Route { exchange: "later", key: "delayed", queues: &["delayed"] };
pub(crate) const PURGED: Route = Route { exchange: "", key: "purged", queues: &["purged"] };

/// Messages whose confirm has not come.
type Waiting = VecDeque<(Message, PublisherConfirm)>;

/// Publishes until the broker is gone.
pub(crate) async fn play(stage: Stage, who: u64, route: Route, dice: Dice) {
    let mut waiting = Waiting::new();
    let playing = run(&stage, who, route, dice, &mut waiting);
    stage.until_killed(&format!("publisher {who}"), playing).await;
    // Confirms that had come already count, though the broker has gone since.
    for (message, confirm) in waiting {
        if let Some(Ok(Confirmation::Ack(_))) = confirm.now_or_never() {
            stage.ledger().confirmed(message, route.queues);
        }
    }
}

async fn run(
    stage: &Stage,
    who: u64,
    route: Route,
    mut dice: Dice,
    waiting: &mut Waiting,
) -> Result<()> {
    let (_connection, channel) = stage.channel().await?;
    stage.is_ready();
    if route.key == "once" {
        let again = stage.ledger().send_again(who, route.key, AGAIN);
        for message in again {
            let confirm = send(&channel, route, message, &mut dice).await?;
            waiting.push_back((message, confirm));
        }
    }
    let window = 1 + dice.below(200) as usize;
    loop {
        let rests = route.queues.iter().any(|queue| stage.ledger().backlog(queue) > ENOUGH);
        let burst = if rests { 0 } else { dice.below(40) };
        for _ in 0..burst {
            let message = stage.ledger().send(who, route.queues);
            let life = (route.key == "brief").then_some(LIFE as u64);
            if let Some(time) = delay(route.key, message).or(life) {
                stage.ledger().delaying(message, Due::after(time, now()));
            }
            // The second copy's confirm, too, is a promise about the first.
            let copies = if route.key == "once" && dice.percent(10) { 2 } else { 1 };
            for _ in 0..copies {
                let confirm = send(&channel, route, message, &mut dice).await?;
                waiting.push_back((message, confirm));
            }
        }
        while waiting.len() > window || burst == 0 && !waiting.is_empty() {
            let Some((message, confirm)) = waiting.pop_front() else { break };
            match confirm.await? {
                Confirmation::Ack(_) => stage.ledger().confirmed(message, route.queues),
                Confirmation::Nack(_) if route.key == "refusing" => {
                    stage.ledger().refused(message, route.queues);
                }
                other => stage.ledger().violated(format!("{message:?} got {other:?}")),
            }
        }
        if route.key == "purged" && dice.percent(4) {
            purge(stage, &channel).await?;
        }
        sleep(dice.millis(4)).await;
    }
}

async fn send(
    channel: &Channel,
    route: Route,
    message: Message,
    dice: &mut Dice,
) -> Result<PublisherConfirm> {
    let (to, body) = ((route.exchange, route.key), message.to_body(padding(dice)));
    publish_with(channel, to, &body, properties(route.key, message, dice)).await
}

/// Empties the queue. Everything this publisher sent before is then in it, or gone.
async fn purge(stage: &Stage, channel: &Channel) -> Result<()> {
    stage.ledger().emptying("purged");
    channel.queue_purge("purged".into(), QueuePurgeOptions::default()).await?;
    stage.ledger().emptied("purged");
    Ok(())
}

/// How long the message is to be held back, if it is.
fn delay(key: &str, message: Message) -> Option<u64> {
    let delay = DELAYS[usize::from(message.lane(key))];
    (key == "delayed" && delay > 0).then_some(delay)
}

fn properties(key: &str, message: Message, dice: &mut Dice) -> BasicProperties {
    let properties = BasicProperties::default();
    match key {
        "ranked" => properties.with_priority(message.priority(key)),
        "once" => {
            let key = AMQPValue::LongString(format!("{message:?}").into());
            let mut headers = FieldTable::default();
            headers.insert("x-deduplication-header".into(), key);
            properties.with_headers(headers)
        }
        "delayed" => {
            let Some(delay) = delay(key, message) else { return properties };
            let mut headers = FieldTable::default();
            headers.insert("x-delay".into(), AMQPValue::LongLongInt(delay as i64));
            properties.with_headers(headers)
        }
        // At times less than the queue gives, at times more.
        "brief" if dice.percent(30) => {
            properties.with_expiration(dice.below(400).to_string().into())
        }
        _ => properties,
    }
}

/// Mostly small, at times several frames and several pages.
fn padding(dice: &mut Dice) -> usize {
    if dice.percent(1) { dice.below(300_000) as usize } else { dice.below(300) as usize }
}
