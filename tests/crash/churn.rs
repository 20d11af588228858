//! A player who declares, binds and deletes, and the check of what became of it after a crash.

use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ExchangeKind, Result,
    options::{
        BasicPublishOptions, ExchangeDeclareOptions, ExchangeDeleteOptions, QueueDeclareOptions,
        QueueDeleteOptions,
    },
    types::FieldTable,
};
use tokio::time::sleep;

use crate::{
    dice::Dice,
    stage::{DURABLE, Stage, bind, declare_exchange, is_confirmed, publish},
};

const SLOTS: u64 = 8;

/// What was answered last; none while a change was asked for and not answered.
type Known = Option<bool>;

/// A queue, its binding and an exchange that come and go.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    pub(crate) queue: String,
    exchange: String,
    has_queue: Known,
    has_binding: Known,
    has_exchange: Known,
}

/// Changes things until the broker is gone; returns what must be true then.
pub(crate) async fn play(stage: Stage, who: u64, dice: Dice, mut slots: Vec<Slot>) -> Vec<Slot> {
    let playing = run(&stage, who, dice, &mut slots);
    stage.until_killed("the one who declares", playing).await;
    slots
}

pub(crate) fn slots() -> Vec<Slot> {
    let no = Some(false);
    let slot = |n| Slot {
        queue: format!("churn-{n}"),
        exchange: format!("churn-x-{n}"),
        has_queue: no,
        has_binding: no,
        has_exchange: no,
    };
    (0..SLOTS).map(slot).collect()
}

async fn run(stage: &Stage, who: u64, mut dice: Dice, slots: &mut [Slot]) -> Result<()> {
    let (_connection, channel) = stage.channel().await?;
    loop {
        let slot = &mut slots[dice.below(SLOTS) as usize];
        match dice.below(10) {
            0..2 => slot.declare_queue(&channel).await?,
            2..4 if slot.has_queue == Some(true) => slot.bind(&channel).await?,
            4 if slot.has_binding == Some(true) => slot.unbind(&channel).await?,
            5..8 if slot.has_queue == Some(true) => slot.publish(stage, who, &channel).await?,
            8 if dice.percent(60) => slot.delete_queue(stage, &channel).await?,
            _ => slot.turn_exchange(&channel).await?,
        }
        sleep(dice.millis(3)).await;
    }
}

// === impl Slot ===

impl Slot {
    async fn declare_queue(&mut self, channel: &Channel) -> Result<()> {
        if self.has_queue != Some(true) {
            self.has_queue = None;
        }
        channel.queue_declare(self.queue.as_str().into(), DURABLE, FieldTable::default()).await?;
        self.has_queue = Some(true);
        Ok(())
    }

    async fn bind(&mut self, channel: &Channel) -> Result<()> {
        if self.has_binding != Some(true) {
            self.has_binding = None;
        }
        bind(channel, &self.queue, "churn", &self.queue).await?;
        self.has_binding = Some(true);
        Ok(())
    }

    async fn unbind(&mut self, channel: &Channel) -> Result<()> {
        self.has_binding = None;
        let (queue, key) = (self.queue.as_str().into(), self.queue.as_str().into());
        channel.queue_unbind(queue, "churn".into(), key, FieldTable::default()).await?;
        self.has_binding = Some(false);
        Ok(())
    }

    async fn delete_queue(&mut self, stage: &Stage, channel: &Channel) -> Result<()> {
        stage.ledger().emptying(&self.queue);
        (self.has_queue, self.has_binding) = (None, None);
        channel.queue_delete(self.queue.as_str().into(), QueueDeleteOptions::default()).await?;
        (self.has_queue, self.has_binding) = (Some(false), Some(false));
        stage.ledger().emptied(&self.queue);
        Ok(())
    }

    async fn publish(&self, stage: &Stage, who: u64, channel: &Channel) -> Result<()> {
        let queues = [self.queue.as_str()];
        let message = stage.ledger().send(who, &queues);
        if is_confirmed(publish(channel, ("", &self.queue), message, 10).await?).await? {
            stage.ledger().confirmed(message, &queues);
        }
        Ok(())
    }

    async fn turn_exchange(&mut self, channel: &Channel) -> Result<()> {
        let before = self.has_exchange.take();
        let name = self.exchange.as_str();
        if before == Some(true) {
            channel.exchange_delete(name.into(), ExchangeDeleteOptions::default()).await?;
        } else {
            declare_exchange(channel, name, ExchangeKind::Topic).await?;
        }
        self.has_exchange = Some(before != Some(true));
        Ok(())
    }

    /// Whether the queue is there now; a difference to what was answered is a violation.
    pub(crate) async fn check_queue(&mut self, stage: &Stage, to: &Connection) -> Result<bool> {
        let channel = to.create_channel().await?;
        let how = QueueDeclareOptions { passive: true, ..DURABLE };
        let name = self.queue.as_str().into();
        let there = channel.queue_declare(name, how, FieldTable::default()).await.is_ok();
        settle(stage, &self.queue, &mut self.has_queue, there);
        if !there {
            self.has_binding = self.has_binding.map(|_| false);
        }
        Ok(there)
    }

    /// As [`Slot::check_queue`], for the binding and the exchange. Leaves a transient message behind
    /// where the binding leads.
    pub(crate) async fn check_rest(&mut self, stage: &Stage, to: &Connection) -> Result<()> {
        let channel = to.create_channel().await?;
        let how = ExchangeDeclareOptions { passive: true, ..Default::default() };
        let (name, kind) = (self.exchange.as_str().into(), ExchangeKind::Topic);
        let there = channel.exchange_declare(name, kind, how, FieldTable::default()).await.is_ok();
        settle(stage, &self.exchange, &mut self.has_exchange, there);
        let channel = to.create_channel().await?;
        channel.confirm_select(Default::default()).await?;
        let how = BasicPublishOptions { mandatory: true, ..Default::default() };
        let (key, with) = (self.queue.as_str().into(), BasicProperties::default());
        let sent = channel.basic_publish("churn".into(), key, how, b"probe", with).await?;
        let there = matches!(sent.await?, Confirmation::Ack(None));
        let what = format!("the binding of {}", self.queue);
        settle(stage, &what, &mut self.has_binding, there);
        channel.close(200, "seen".into()).await
    }
}

fn settle(stage: &Stage, what: &str, known: &mut Known, there: bool) {
    if known.is_some_and(|known| known != there) {
        stage.ledger().violated(format!("{what}: known to be there: {known:?}; is: {there}"));
    }
    *known = Some(there);
}
