//! After a restart: everything in every queue is looked at, given back, and compared with the model.

use std::{collections::BTreeSet, time::Duration};

use futures::StreamExt;
use lapin::{
    Connection, Consumer, Result,
    options::{BasicConsumeOptions, QueueDeclareOptions},
    types::FieldTable,
};
use tokio::time::timeout;
use warren_tests::patience::SOON;

use crate::{
    churn::Slot,
    ledger::{Message, grave, is_grave},
    stage::{DURABLE, Stage},
};

/// A queue whose messages expire while they are counted is empty when it is silent for this long.
const SILENCE: Duration = Duration::from_millis(100);

/// When to stop reading a queue.
enum Until<'a> {
    /// So many have come as were counted.
    Counted,
    Silent,
    /// As many as were counted, and all of these.
    Found(&'a BTreeSet<Message>),
}

/// Checks everything. What was held by nobody's fault goes back when the connection closes.
pub(crate) async fn take(stage: &Stage, slots: &mut [Slot]) -> Result<()> {
    let connection = stage.connect().await?;
    for queue in ["orders", "fan-a", "fan-b", "purged", "brief"] {
        take_family(stage, &connection, queue).await?;
    }
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

async fn read(
    stage: &Stage,
    connection: &Connection,
    queue: &str,
    until: Until<'_>,
) -> Result<BTreeSet<Message>> {
    let channel = connection.create_channel().await?;
    let how = QueueDeclareOptions { passive: true, ..DURABLE };
    let counted = channel.queue_declare(queue.into(), how, FieldTable::default()).await?;
    let left = counted.message_count();
    let how = BasicConsumeOptions::default();
    let none = FieldTable::default();
    let mut consumer = channel.basic_consume(queue.into(), "".into(), how, none).await?;
    let found = read_all(stage, queue, &mut consumer, left, until).await?;
    // What was read goes back to its place before anybody else comes.
    channel.close(200, "seen".into()).await?;
    Ok(found)
}

async fn read_all(
    stage: &Stage,
    queue: &str,
    consumer: &mut Consumer,
    mut left: u32,
    until: Until<'_>,
) -> Result<BTreeSet<Message>> {
    let mut found = BTreeSet::new();
    loop {
        let (enough, patience) = match until {
            Until::Counted => (left == 0, SOON),
            Until::Silent => (false, SILENCE),
            Until::Found(all) => (left == 0 && all.is_subset(&found), SOON / 4),
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
        // Of what died, copies may have been made before the crash and after it.
        if !found.insert(message) && !is_grave(queue) {
            stage.ledger().violated(format!("{queue}: {message:?} is there twice"));
        }
    }
}

async fn next(consumer: &mut Consumer) -> Result<(Vec<u8>, bool)> {
    match consumer.next().await {
        Some(delivery) => delivery.map(|delivery| (delivery.data, delivery.redelivered)),
        None => panic!("the broker ended a subscription"),
    }
}
