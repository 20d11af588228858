//! After a restart: everything in every queue is looked at, given back, and compared with the model.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use futures::StreamExt;
use lapin::{
    Channel, Connection, Consumer, Result,
    options::{BasicConsumeOptions, QueueDeclareOptions},
    types::FieldTable,
};
use tokio::time::timeout;
use warren_tests::patience::SOON;

use crate::{
    churn::Slot,
    consuming::MOST_PREFETCHED,
    ledger::{Message, delays::now, grave, may_repeat},
    stage::{DURABLE, REFUSING, Stage},
    tokens,
};

/// A queue whose messages expire while they are counted is empty when it is silent for this long.
const SILENCE: Duration = Duration::from_millis(100);

/// The queues that messages are published to and that stay.
#[rustfmt::skip]
pub(crate) const FAMILIES: [&str; 10] = [
    "orders", "fan-a", "fan-b", "purged", "ranked", "capped", "refusing", "once", "brief", "delayed",
];

/// When to stop reading a queue.
enum Until<'a> {
    /// So many have come as were counted.
    Counted,
    Silent,
    /// As many as were counted, and all of these.
    Found(&'a BTreeSet<Message>),
    /// As `Found`, and then for a while whatever else may come.
    Passed(&'a BTreeSet<Message>),
}

/// Checks everything. What was held by nobody's fault goes back when the connection closes.
pub(crate) async fn take(stage: &Stage, slots: &mut [Slot]) -> Result<()> {
    let connection = stage.connect().await?;
    for queue in FAMILIES {
        take_family(stage, &connection, queue).await?;
    }
    take_tokens(stage, &connection).await?;
    for slot in &mut *slots {
        if slot.check_queue(stage, &connection).await? {
            take_family(stage, &connection, &slot.queue).await?;
        } else {
            stage.ledger().reconcile(&slot.queue, &BTreeSet::new(), &BTreeSet::new(), true);
        }
    }
    for slot in slots {
        slot.check_rest(stage, &connection).await?;
    }
    // Every channel was closed, or had been by the broker: nothing is left to go wrong.
    let _ = connection.close(200, "seen".into()).await;
    Ok(())
}

async fn take_family(stage: &Stage, connection: &Connection, queue: &str) -> Result<()> {
    if queue == "delayed" {
        let now = now();
        let due = stage.ledger().overdue(queue, now);
        let found = read(stage, connection, queue, Until::Passed(&due)).await?;
        stage.ledger().reconcile_delayed(queue, &found, now);
        return Ok(());
    }
    let expires = queue == "brief";
    let until = if expires { Until::Silent } else { Until::Counted };
    let source = read(stage, connection, queue, until).await?;
    let mut dead = BTreeSet::new();
    if let Some(grave) = grave(queue) {
        let mut missing = stage.ledger().due(queue);
        missing.retain(|message| !source.contains(message));
        dead = read(stage, connection, grave, Until::Found(&missing)).await?;
    }
    stage.ledger().reconcile(queue, &source, &dead, !expires);
    Ok(())
}

/// Compares the token queues with what transactions must have left in them.
async fn take_tokens(stage: &Stage, connection: &Connection) -> Result<()> {
    let mut found = Vec::new();
    for queue in tokens::QUEUES {
        let (channel, mut consumer, left) = open(connection, queue).await?;
        for _ in 0..left {
            let Ok(next) = timeout(SOON, next(&mut consumer)).await else { break };
            found.push((next?.0, queue));
        }
        channel.close(200, "seen".into()).await?;
    }
    stage.tokens().reconcile(&found);
    Ok(())
}

async fn read(
    stage: &Stage,
    connection: &Connection,
    queue: &str,
    until: Until<'_>,
) -> Result<BTreeSet<Message>> {
    let (channel, mut consumer, left) = open(connection, queue).await?;
    if queue == "refusing" && left as usize > REFUSING as usize + MOST_PREFETCHED {
        stage.ledger().violated(format!("{queue}: {left} messages wait in a full queue"));
    }
    let found = read_all(stage, queue, &mut consumer, left, until).await?;
    // What was read goes back to its place before anybody else comes.
    channel.close(200, "seen".into()).await?;
    Ok(found)
}

/// Subscribes to a queue; also says how many messages wait in it.
async fn open(connection: &Connection, queue: &str) -> Result<(Channel, Consumer, u32)> {
    let channel = connection.create_channel().await?;
    let how = QueueDeclareOptions { passive: true, ..DURABLE };
    let counted = channel.queue_declare(queue.into(), how, FieldTable::default()).await?;
    let left = counted.message_count();
    let how = BasicConsumeOptions::default();
    let none = FieldTable::default();
    let consumer = channel.basic_consume(queue.into(), "".into(), how, none).await?;
    Ok((channel, consumer, left))
}

async fn read_all(
    stage: &Stage,
    queue: &str,
    consumer: &mut Consumer,
    mut left: u32,
    until: Until<'_>,
) -> Result<BTreeSet<Message>> {
    let mut found = BTreeSet::new();
    let mut line = Line::default();
    let mut all_found = None;
    loop {
        let is_all = |all: &BTreeSet<_>| left == 0 && all.is_subset(&found);
        let (enough, patience) = match until {
            Until::Counted => (left == 0, SOON),
            Until::Silent => (false, SILENCE),
            Until::Found(all) => (is_all(all), SOON / 4),
            Until::Passed(all) if is_all(all) => {
                let since = all_found.get_or_insert_with(Instant::now).elapsed();
                (since >= SILENCE, SILENCE.saturating_sub(since))
            }
            Until::Passed(_) => (false, SOON / 4),
        };
        if enough {
            return Ok(found);
        }
        let Ok(next) = timeout(patience, next(consumer)).await else {
            if matches!(until, Until::Counted) {
                stage.ledger().violated(format!("{queue}: {left} were counted and do not come"));
            }
            return Ok(found);
        };
        let (body, redelivered) = next?;
        left = left.saturating_sub(1);
        if body == b"probe" {
            continue;
        }
        let Some(message) = Message::from_body(&body) else {
            stage.ledger().violated(format!("{queue}: a damaged body"));
            continue;
        };
        stage.ledger().observed(queue, message, redelivered);
        if let Some(wrong) = line.next(queue, message) {
            stage.ledger().violated(format!("{queue}: {message:?} {wrong}"));
        }
        // Of what died, copies may have been made before the crash and after it.
        if !found.insert(message) && !may_repeat(queue) {
            stage.ledger().violated(format!("{queue}: {message:?} is there twice"));
        }
    }
}

/// The order in which a queue hands out what waits in it.
#[derive(Default)]
struct Line {
    priority: Option<u8>,
    /// The last number of each publisher, at each priority.
    last: BTreeMap<(u64, u8), u64>,
}

impl Line {
    /// Takes note of the next message; says what is wrong if it should have come earlier.
    fn next(&mut self, queue: &str, message: Message) -> Option<String> {
        if may_repeat(queue) {
            return None;
        }
        let priority = message.priority(queue);
        let before = self.priority.replace(priority);
        let last = self.last.insert((message.publisher, priority), message.number);
        if before.is_some_and(|before| before < priority) {
            return Some("comes after one of a lower priority".to_owned());
        }
        last.filter(|last| *last > message.number).map(|last| format!("waits behind number {last}"))
    }
}

async fn next(consumer: &mut Consumer) -> Result<(Vec<u8>, bool)> {
    match consumer.next().await {
        Some(delivery) => delivery.map(|delivery| (delivery.data, delivery.redelivered)),
        None => panic!("the broker ended a subscription"),
    }
}
