//! Nothing confirmed is lost: a real broker is killed at random moments, again and again.
//!
//! Publishers, consumers, movers of tokens in transactions and one who declares and deletes play against a broker until it is killed
//! with SIGKILL. Started again on the same data it must have kept every promise that it made: a model
//! ([`ledger`]) knows which, and a census of all queues shows. Then the next round begins.
//!
//! `WARREN_CRASH_ROUNDS` asks for more rounds than the usual few, `WARREN_CRASH_FLAGS` gives the broker
//! further flags. The seed of a run is printed; `WARREN_CRASH_SEED` makes the same choices again,
//! though never at quite the same moments.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failing test says what failed")]

mod census;
mod churn;
mod consuming;
mod dice;
mod ledger;
mod moving;
mod publishing;
mod stage;
mod tokens;

use std::{
    env, fs,
    time::{Instant, SystemTime, UNIX_EPOCH},
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
    publishing::{BRIEF, CAPPED, DELAYED, EVENTS, ONCE, ORDERS, PURGED, RANKED, REFUSING},
    stage::Stage,
};

const ROUNDS: u64 = 12;
/// A round lasts less than so many milliseconds.
const LONGEST: u64 = 1_200;
/// A start takes less than so many milliseconds, mostly.
const START: u64 = 120;
/// A log of few and small files, so that they are used again all the time.
const FLAGS: [&str; 3] = ["--shards=2", "--log-budget=4MiB", "--max-message-size=400KiB"];
/// Players have numbers that say what they do.
const PUBLISHERS: u64 = 10;
const CONSUMERS: u64 = 100;
const DECLARER: u64 = 200;
const MOVERS: u64 = 300;
/// The queues with a consumer.
#[rustfmt::skip]
const CONSUMED: [&str; 11] = [
    "orders", "dead", "fan-a", "fan-b", "expired", "spilled", "capped", "refusing", "ranked", "once",
    "delayed",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_promise_outlives_a_kill() {
    let seed = number("WARREN_CRASH_SEED").unwrap_or_else(now);
    let rounds = number("WARREN_CRASH_ROUNDS").unwrap_or(ROUNDS) as u32;
    let more = env::var("WARREN_CRASH_FLAGS").unwrap_or_default();
    println!("WARREN_CRASH_SEED={seed} WARREN_CRASH_ROUNDS={rounds} WARREN_CRASH_FLAGS='{more}'");
    let flags: Vec<&str> = FLAGS.into_iter().chain(more.split_whitespace()).collect();
    let mut broker = Broker::start(&flags);
    let stage = Stage::new(broker.uri.clone());
    stage.build().await.unwrap();
    let mut slots = churn::slots();
    for round in 1..=rounds {
        let begun = Instant::now();
        slots = play(&stage, &mut broker, seed, round, slots).await;
        come_back(&mut broker, &stage, Dice::new(seed, round, 0)).await;
        let census = timeout(SOON * 3, census::take(&stage, &mut slots)).await;
        if !matches!(census, Ok(Ok(()))) {
            stage.ledger().violated(format!("the census failed: {census:?}"));
        }
        let rebuilt = stage.build().await;
        println!("round {round}: {}, {:?}", standing(&stage, &broker), begun.elapsed());
        let mut violations = stage.ledger().violations.clone();
        violations.append(&mut stage.tokens().violations);
        assert!(
            violations.is_empty() && rebuilt.is_ok(),
            "WARREN_CRASH_SEED={seed}, round {round}: {rebuilt:?}\n{}\n{}",
            violations.join("\n"),
            broker.process.output()
        );
    }
}

/// Starts the broker again; at times it is killed while it starts, or when it has only just come back.
async fn come_back(broker: &mut Broker, stage: &Stage, mut dice: Dice) {
    while dice.percent(40) {
        if dice.percent(70) {
            broker.launch_again();
            sleep(dice.millis(START)).await;
        } else {
            broker.start_again();
            sleep(dice.millis(60)).await;
        }
        healthy(stage, broker);
        kill(broker);
    }
    broker.start_again();
    healthy(stage, broker);
    stage.ledger().new_life();
    stage.set_killed(false);
}

/// A killed process has damaged nothing.
fn healthy(stage: &Stage, broker: &Broker) {
    let output = broker.process.output();
    for bad in ["ERROR", "panicked", "damaged"] {
        if let Some(line) = output.lines().find(|line| line.contains(bad)) {
            stage.ledger().violated(format!("the broker said: {line}"));
        }
    }
}

/// How things are, in words.
fn standing(stage: &Stage, broker: &Broker) -> String {
    let due: usize = census::FAMILIES.map(|queue| stage.ledger().backlog(queue)).iter().sum();
    let files = fs::read_dir(broker.data_dir().join("log")).into_iter().flatten().flatten();
    let names = files.map(|file| file.file_name().to_string_lossy().into_owned());
    let oldest = names.filter(|name| name.ends_with(".log")).min().unwrap_or_default();
    let tokens = stage.tokens();
    let ([absent, whole], committed) = (tokens.in_doubt, tokens.committed);
    let count = tokens.count();
    format!(
        "{due} messages due, {count} tokens, {committed} transactions ({absent} absent and {whole} \
         whole of those in doubt), log from {oldest}"
    )
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
    let players = players(stage, dice);
    let declarer = tokio::spawn(churn::play(stage.clone(), DECLARER, dice(DECLARER), slots));
    if dice(4).percent(85) {
        let ready = timeout(SOON, stage.all_ready(players.len())).await;
        ready.expect("the players can begin");
    }
    sleep(dice(2).millis(LONGEST)).await;
    stage.set_killed(true);
    if dice(3).percent(8) {
        // What an orderly end leaves behind must be as good.
        broker.process.stop(SOON);
    } else {
        kill(broker);
    }
    stage.ledger().killed();
    healthy(stage, broker);
    for player in players {
        timeout(SOON, player).await.expect("a player stops with the broker").unwrap();
    }
    timeout(SOON, declarer).await.expect("the one who declares stops").unwrap()
}

fn players(stage: &Stage, dice: impl Fn(u64) -> Dice) -> Vec<JoinHandle<()>> {
    let mut players = Vec::new();
    #[rustfmt::skip]
    let routes = [
        ORDERS, ORDERS, EVENTS, EVENTS, BRIEF, PURGED, RANKED, RANKED, CAPPED, REFUSING, ONCE, DELAYED,
        DELAYED,
    ];
    for (who, route) in (PUBLISHERS..).zip(routes) {
        players.push(tokio::spawn(publishing::play(stage.clone(), who, route, dice(who))));
    }
    for (who, queue) in (CONSUMERS..).zip(CONSUMED) {
        players.push(tokio::spawn(consuming::play(stage.clone(), who, queue, dice(who))));
    }
    for who in MOVERS..MOVERS + 3 {
        players.push(tokio::spawn(moving::play(stage.clone(), who, dice(who))));
    }
    players
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
