//! Players who move tokens from queue to queue, in transactions.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use lapin::{
    BasicProperties, Channel, Result,
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions},
    types::FieldTable,
};
use tokio::time::{sleep, timeout};
use warren_tests::patience::A_WHILE;

use crate::{
    dice::Dice,
    stage::{Stage, publish_with},
    tokens::{Moves, QUEUES, Token},
};

/// Tokens that all players together keep in the queues, about.
const ENOUGH: usize = 400;
/// How many one player holds at most.
const MOST_HELD: u16 = 60;

/// A player with a transactional channel.
struct Player<'a> {
    stage: &'a Stage,
    channel: Channel,
    /// By delivery tag, with where each came from.
    held: BTreeMap<u64, (&'static str, Token)>,
}

/// What a transaction sends.
#[derive(Default)]
struct Plan {
    moves: Moves,
    acknowledged: Vec<u64>,
    published: Vec<(&'static str, Token)>,
}

/// Moves tokens until the broker is gone.
pub(crate) async fn play(stage: Stage, who: u64, dice: Dice) {
    let playing = run(&stage, dice);
    stage.until_killed(&format!("mover {who}"), playing).await;
}

async fn run(stage: &Stage, mut dice: Dice) -> Result<()> {
    let connection = stage.connect().await?;
    let channel = connection.create_channel().await?;
    channel.basic_qos(MOST_HELD / 2, BasicQosOptions::default()).await?;
    channel.tx_select().await?;
    let mut sources = Vec::new();
    for _ in 0..2 {
        let queue = QUEUES[dice.below(QUEUES.len() as u64) as usize];
        let (how, none) = (BasicConsumeOptions::default(), FieldTable::default());
        let consumer = channel.basic_consume(queue.into(), "".into(), how, none).await?;
        sources.push(consumer.map(move |delivery| (queue, delivery)));
    }
    let mut arriving = stream::select_all(sources);
    let mut player = Player { stage, channel, held: BTreeMap::new() };
    stage.is_ready();
    loop {
        let enough = 1 + dice.below(u64::from(MOST_HELD) / 2) as usize;
        while player.held.len() < enough {
            let Ok(Some((queue, delivery))) = timeout(A_WHILE / 30, arriving.next()).await else {
                break;
            };
            let delivery = delivery?;
            let token = stage.tokens().observed(queue, &delivery.data);
            player.held.extend(token.map(|token| (delivery.delivery_tag, (queue, token))));
        }
        let plan = player.plan(&mut dice);
        player.transact(plan, &mut dice).await?;
        sleep(dice.millis(3)).await;
    }
}

// === impl Player ===

impl Player<'_> {
    /// Some of what is held goes elsewhere, some goes for good, and new ones come.
    fn plan(&self, dice: &mut Dice) -> Plan {
        let mut plan = Plan::default();
        let mut tokens = self.stage.tokens();
        for (tag, (queue, token)) in &self.held {
            if dice.percent(30) || !tokens.is_movable(queue, *token) {
                continue;
            }
            plan.acknowledged.push(*tag);
            if dice.percent(15) && tokens.is_settled(queue, *token) {
                plan.moves.insert(token.number, None);
            } else {
                plan.bring(Token { step: token.step + 1, ..*token }, dice);
            }
        }
        for _ in 0..dice.below(12) {
            if tokens.count() < ENOUGH {
                plan.bring(tokens.mint(), dice);
            }
        }
        plan
    }

    async fn transact(&mut self, plan: Plan, dice: &mut Dice) -> Result<()> {
        if plan.moves.is_empty() {
            return Ok(());
        }
        let transaction = self.stage.tokens().begin(plan.moves);
        // At times several log batches long.
        let padding = if dice.percent(8) { 60_000 } else { dice.below(200) };
        for (queue, token) in plan.published {
            let (to, body) = (("", queue), token.to_body(padding as usize));
            publish_with(&self.channel, to, &body, BasicProperties::default()).await?;
        }
        for tag in &plan.acknowledged {
            self.channel.basic_ack(*tag, BasicAckOptions::default()).await?;
        }
        if dice.percent(15) {
            self.channel.tx_rollback().await?;
            self.stage.tokens().forgotten(transaction);
            return Ok(());
        }
        self.stage.tokens().committing(transaction);
        self.channel.tx_commit().await?;
        self.stage.tokens().committed(transaction);
        self.held.retain(|tag, _| !plan.acknowledged.contains(tag));
        Ok(())
    }
}

// === impl Plan ===

impl Plan {
    /// The token goes to some queue.
    fn bring(&mut self, token: Token, dice: &mut Dice) {
        let queue = QUEUES[dice.below(QUEUES.len() as u64) as usize];
        self.moves.insert(token.number, Some((token.step, queue)));
        self.published.push((queue, token));
    }
}
