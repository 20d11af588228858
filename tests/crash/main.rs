//! Nothing confirmed is lost: a real broker is killed at random moments, again and again.
//!
//! Publishers, consumers and one who declares and deletes play against a broker until it is killed
//! with SIGKILL. Started again on the same data it must have kept every promise that it made: a model
//! ([`ledger`]) knows which, and a census of all queues shows. Then the next round begins.
//!
//! `WARREN_CRASH_ROUNDS` asks for more rounds than the usual few. The seed of a run is printed;
//! `WARREN_CRASH_SEED` makes the same choices again, though never at quite the same moments.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failing test says what failed")]

mod census;
mod churn;
mod consuming;
mod dice;
mod ledger;
mod publishing;
mod stage;

use std::{
    env,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use rustix::process::Signal;
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};
use warren_tests::{broker::Broker, patience::SOON};

use crate::{
    churn::Slot,
    dice::Dice,
    publishing::{BRIEF, EVENTS, ORDERS, PURGED},
    stage::Stage,
};

const ROUNDS: u64 = 15;
/// A round lasts less than so many milliseconds.
const LONGEST: u64 = 1_200;
/// The players who consume and who declare have numbers apart from those who publish.
const CONSUMERS: u64 = 100;
const DECLARER: u64 = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_promise_outlives_a_kill() {
    let seed = number("WARREN_CRASH_SEED").unwrap_or_else(now);
    let rounds = number("WARREN_CRASH_ROUNDS").unwrap_or(ROUNDS) as u32;
    println!("WARREN_CRASH_SEED={seed} WARREN_CRASH_ROUNDS={rounds}");
    let mut broker = Broker::start(&["--shards=2"]);
    let stage = Stage::new(broker.uri.clone());
    stage.build().await.unwrap();
    let mut slots = churn::slots();
    for round in 1..=rounds {
        let begun = Instant::now();
        slots = play(&stage, &mut broker, seed, round, slots).await;
        broker.start_again();
        // Some kills hit a broker that has only just come back.
        if Dice::new(seed, round, 0).percent(15) {
            sleep(Dice::new(seed, round, 1).millis(60)).await;
            kill(&mut broker);
            broker.start_again();
        }
        stage.ledger().new_life();
        stage.set_killed(false);
        let census = timeout(SOON * 3, census::take(&stage, &mut slots)).await;
        if !matches!(census, Ok(Ok(()))) {
            stage.ledger().violated(format!("the census failed: {census:?}"));
        }
        let rebuilt = stage.build().await;
        let due: usize = ["orders", "fan-a", "fan-b", "purged", "brief"]
            .map(|queue| stage.ledger().backlog(queue))
            .iter()
            .sum();
        println!("round {round}: {due} messages due, {:?}", begun.elapsed());
        let violations = stage.ledger().violations.join("\n");
        assert!(
            violations.is_empty() && rebuilt.is_ok(),
            "WARREN_CRASH_SEED={seed}, round {round}: {rebuilt:?}\n{violations}\n{}",
            broker.process.output()
        );
    }
}

/// One round: everybody plays until the broker is killed.
async fn play(
    stage: &Stage,
    broker: &mut Broker,
    seed: u64,
    round: u32,
    slots: Vec<Slot>,
) -> Vec<Slot> {
    let dice = |who| Dice::new(seed, round, who);
    let mut players: Vec<JoinHandle<()>> = Vec::new();
    for (who, route) in [ORDERS, ORDERS, EVENTS, EVENTS, BRIEF, PURGED].into_iter().enumerate() {
        let who = who as u64 + 10;
        players.push(tokio::spawn(publishing::play(stage.clone(), who, route, dice(who))));
    }
    for (who, queue) in ["orders", "dead", "fan-a", "fan-b", "expired"].into_iter().enumerate() {
        let who = who as u64 + CONSUMERS;
        players.push(tokio::spawn(consuming::play(stage.clone(), who, queue, dice(who))));
    }
    let declarer = tokio::spawn(churn::play(stage.clone(), DECLARER, dice(DECLARER), slots));
    sleep(dice(2).millis(LONGEST) + Duration::from_millis(20)).await;
    stage.set_killed(true);
    kill(broker);
    for player in players {
        timeout(SOON, player).await.expect("a player stops with the broker").unwrap();
    }
    timeout(SOON, declarer).await.expect("the one who declares stops").unwrap()
}

fn kill(broker: &mut Broker) {
    broker.process.signal(Signal::KILL);
    broker.process.wait(SOON);
}

fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().expect("a number"))
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos() as u64)
}
