//! Players who consume: they acknowledge, requeue, reject, or keep what they get.

use std::collections::BTreeMap;

use futures::StreamExt;
use lapin::{
    Channel, Result,
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions, BasicRejectOptions},
    types::FieldTable,
};

use crate::{
    dice::Dice,
    ledger::{Message, is_grave},
    stage::{Stage, is_confirmed, publish},
};

/// How many messages one player keeps unsettled at most.
const MOST_HELD: usize = 40;
/// After about so many deliveries comes a fence.
const FENCE: u64 = 40;

/// A player at one queue.
struct Player<'a> {
    stage: &'a Stage,
    queue: &'static str,
    channel: Channel,
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
    let prefetch = 60 + dice.below(200) as u16;
    channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
    let (how, none) = (BasicConsumeOptions::default(), FieldTable::default());
    let mut consumer = channel.basic_consume(queue.into(), "".into(), how, none).await?;
    let mut player =
        Player { stage, queue, channel, held: BTreeMap::new(), acknowledged: Vec::new() };
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

    /// Publishes to the queue itself: once that is confirmed, what was sent before is on disk.
    async fn fence(&mut self, who: u64) -> Result<()> {
        if is_grave(self.queue) {
            return Ok(());
        }
        let queues = [self.queue];
        let message = self.stage.ledger().send(who, &queues);
        let confirm = publish(&self.channel, ("", self.queue), message, 0).await?;
        if is_confirmed(confirm).await? {
            let mut ledger = self.stage.ledger();
            ledger.confirmed(message, &queues);
            for message in self.acknowledged.drain(..) {
                ledger.acknowledged(self.queue, message);
            }
        }
        Ok(())
    }
}
