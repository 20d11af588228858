//! Players who consume: they acknowledge, requeue, reject, or keep what they get.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use lapin::{
    BasicProperties, Channel, Result,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicQosOptions, BasicRejectOptions,
        QueuePurgeOptions,
    },
    types::FieldTable,
};
use tokio::time::sleep;

use crate::{
    dice::Dice,
    ledger::{Message, is_grave},
    stage::{Stage, is_confirmed, publish_with},
};

/// How many messages one player keeps unsettled at most.
const MOST_HELD: usize = 40;
/// How many messages a slow player has at most.
pub(crate) const MOST_PREFETCHED: usize = MOST_HELD + 5;
/// After about so many deliveries comes a fence.
const FENCE: u64 = 40;
/// After about so many deliveries comes a purge, where one comes at all.
const PURGE: u64 = 400;

/// A player at one queue.
struct Player<'a> {
    stage: &'a Stage,
    queue: &'static str,
    channel: Channel,
    /// What was rejected for good.
    rejected: BTreeSet<Message>,
    /// By delivery tag.
    held: BTreeMap<u64, Message>,
    /// Acknowledged since the last fence.
    acknowledged: Vec<Message>,
}

/// Consumes until the broker is gone.
pub(crate) async fn play(stage: Stage, who: u64, queue: &'static str, dice: Dice) {
    let playing = run(&stage, who, queue, dice);
    stage.until_killed(&format!("the consumer of {queue}"), playing).await;
}

async fn run(stage: &Stage, who: u64, queue: &'static str, mut dice: Dice) -> Result<()> {
    let (_connection, channel) = stage.channel().await?;
    let is_slow = matches!(queue, "capped" | "refusing" | "ranked");
    let prefetch = if is_slow { MOST_PREFETCHED as u16 } else { 60 + dice.below(200) as u16 };
    channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
    let (how, none) = (BasicConsumeOptions::default(), FieldTable::default());
    let mut consumer = channel.basic_consume(queue.into(), "".into(), how, none).await?;
    let mut player = Player {
        stage,
        queue,
        channel,
        rejected: BTreeSet::new(),
        held: BTreeMap::new(),
        acknowledged: Vec::new(),
    };
    stage.is_ready();
    while let Some(delivery) = consumer.next().await {
        let delivery = delivery?;
        let Some(message) = Message::from_body(&delivery.data) else {
            stage.ledger().violated(format!("{queue}: a damaged body"));
            continue;
        };
        stage.ledger().observed(queue, message, delivery.redelivered);
        player.held.insert(delivery.delivery_tag, message);
        player.settle(&mut dice).await?;
        if dice.below(FENCE) == 0 {
            player.fence(who).await?;
        }
        if queue == "orders" && dice.below(PURGE) == 0 {
            player.purge().await?;
        }
        if is_slow {
            sleep(dice.millis(6)).await;
        }
    }
    Ok(())
}

// === impl Player ===

impl Player<'_> {
    /// Does something with a message that is held, or not.
    async fn settle(&mut self, dice: &mut Dice) -> Result<()> {
        let any = dice.below(self.held.len() as u64) as usize;
        let Some((&tag, &message)) = self.held.iter().nth(any) else { return Ok(()) };
        match dice.below(100) {
            0..5 if self.held.len() < MOST_HELD => Ok(()),
            5..15 => {
                self.held.remove(&tag);
                self.reject(tag, true).await
            }
            15..25 if self.queue == "orders" => {
                self.held.remove(&tag);
                self.stage.ledger().rejecting(self.queue, message);
                self.rejected.insert(message);
                self.reject(tag, false).await
            }
            25..35 => {
                let later = self.held.split_off(&(tag + 1));
                let all = std::mem::replace(&mut self.held, later);
                self.acknowledge(tag, true, all.into_values().collect()).await
            }
            _ => {
                self.held.remove(&tag);
                self.acknowledge(tag, false, vec![message]).await
            }
        }
    }

    async fn acknowledge(&mut self, tag: u64, multiple: bool, all: Vec<Message>) -> Result<()> {
        for message in &all {
            self.stage.ledger().acknowledging(self.queue, *message);
        }
        self.acknowledged.extend(all);
        self.channel.basic_ack(tag, BasicAckOptions { multiple }).await
    }

    async fn reject(&self, tag: u64, requeue: bool) -> Result<()> {
        self.channel.basic_reject(tag, BasicRejectOptions { requeue }).await
    }

    /// Empties the queue, but not of what consumers hold, nor of what is on its way to its grave.
    async fn purge(&mut self) -> Result<()> {
        let held: BTreeSet<_> = self.held.values().copied().collect();
        let spared = |message: &Message| held.contains(message) || self.rejected.contains(message);
        self.stage.ledger().emptying_but(self.queue, false, spared);
        self.channel.queue_purge(self.queue.into(), QueuePurgeOptions::default()).await?;
        self.stage.ledger().emptying_but(self.queue, true, spared);
        Ok(())
    }

    /// Publishes to the queue itself: once that is confirmed, what was sent before is on disk.
    async fn fence(&mut self, who: u64) -> Result<()> {
        // Nobody publishes to a grave.
        if is_grave(self.queue) {
            return Ok(());
        }
        let queues = [self.queue];
        let message = self.stage.ledger().send(who, &queues);
        let with = BasicProperties::default().with_priority(message.priority(self.queue));
        let to = ("", self.queue);
        let confirm = publish_with(&self.channel, to, &message.to_body(0), with).await?;
        let confirmed = is_confirmed(confirm).await?;
        let mut ledger = self.stage.ledger();
        if confirmed {
            ledger.confirmed(message, &queues);
            for message in self.acknowledged.drain(..) {
                ledger.acknowledged(self.queue, message);
            }
        } else {
            ledger.refused(message, &queues);
        }
        Ok(())
    }
}
