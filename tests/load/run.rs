//! One run: queues, consumers, producers, and the wait for what is still on its way.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow};
use broker_protocol::{FieldTable, Value, method::queue};
use warren_tests::client::Client;

use crate::{
    args::Args,
    consumer::{self, Consumer, Progress},
    pace::Pace,
    producer::Producer,
    report::Report,
};

const CHANNEL: u16 = 1;

/// Runs what `args` describe.
pub(crate) fn run(args: &Args) -> Result<Report> {
    let mut control = Client::connect(&args.uri)?;
    control.open_channel(CHANNEL)?;
    declare(&mut control, args)?;

    let clock = Instant::now();
    let progress = Arc::new(Progress::default());
    let consumers = start_consumers(args, &progress, clock)?;
    let producers = (0..args.producers)
        .map(|index| Producer::connect(args, index))
        .collect::<Result<Vec<_>>>()?;

    let began = Instant::now();
    let duration = Duration::from_secs_f64(args.duration);
    let running: Vec<_> = producers
        .into_iter()
        .map(|producer| {
            let pace = Pace::new(began, args.rate, args.count, duration);
            thread::spawn(move || producer.run(&pace, clock))
        })
        .collect();
    let produced = join(running)?;

    let written: u64 = produced.iter().map(|outcome| outcome.written).sum();
    if args.consumers > 0 {
        let expected = if args.producers > 0 { written } else { args.count.unwrap_or(u64::MAX) };
        settle(&progress, &consumers, expected, Duration::from_secs_f64(args.patience));
    }
    progress.over.store(true, Ordering::Relaxed);
    let consumed = join(consumers)?;

    if !args.keep && args.consumers > 0 {
        delete(&mut control, args)?;
    }
    control.close()?;
    Ok(Report::new(args, began, &produced, &consumed))
}

fn start_consumers(
    args: &Args,
    progress: &Arc<Progress>,
    clock: Instant,
) -> Result<Vec<JoinHandle<Result<consumer::Outcome>>>> {
    (0..args.consumers)
        .map(|index| {
            let consumer = Consumer::connect(args, index)?;
            let progress = Arc::clone(progress);
            Ok(thread::spawn(move || consumer.run(&progress, clock)))
        })
        .collect()
}

/// Waits until `expected` messages have come, or none has for as long as `patience`.
fn settle(
    progress: &Progress,
    consumers: &[JoinHandle<Result<consumer::Outcome>>],
    expected: u64,
    patience: Duration,
) {
    let seen = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let (mut last, mut since) = (0, Instant::now());
    loop {
        let received = seen(&progress.received);
        if received >= expected || consumers.iter().any(JoinHandle::is_finished) {
            return;
        }
        if received > last {
            (last, since) = (received, Instant::now());
        } else if since.elapsed() > patience {
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

fn join<T>(threads: Vec<JoinHandle<Result<T>>>) -> Result<Vec<T>> {
    threads
        .into_iter()
        .map(|thread| thread.join().map_err(|_| anyhow!("a worker panicked"))?)
        .collect()
}

/// Declares the queues, empty unless this run only consumes or keeps what there is.
fn declare(control: &mut Client, args: &Args) -> Result<()> {
    let arguments: FieldTable =
        args.arguments.iter().map(|text| argument(text)).collect::<Result<_>>()?;
    for index in 0..args.queues {
        let name = args.queue_name(index);
        let declare = queue::Declare {
            queue: &name,
            durable: args.persistent,
            arguments: arguments.clone(),
            ..Default::default()
        };
        control.send(CHANNEL, declare)?;
        control.wait_for(CHANNEL, "queue.declare-ok")?;
        if args.producers > 0 && !args.keep {
            control.send(CHANNEL, queue::Purge { queue: &name, no_wait: false })?;
            control.wait_for(CHANNEL, "queue.purge-ok")?;
        }
    }
    Ok(())
}

fn delete(control: &mut Client, args: &Args) -> Result<()> {
    for index in 0..args.queues {
        let name = args.queue_name(index);
        control.send(CHANNEL, queue::Delete { queue: &name, ..Default::default() })?;
        control.wait_for(CHANNEL, "queue.delete-ok")?;
    }
    Ok(())
}

/// A queue argument as written on the command line: a number where it looks like one.
fn argument(text: &str) -> Result<(String, Value)> {
    let (name, value) = text.split_once('=').with_context(|| format!("{text}: no `=`"))?;
    let value = match (value.parse::<i64>(), value.parse::<bool>()) {
        (Ok(number), _) => Value::I64(number),
        (_, Ok(flag)) => Value::Bool(flag),
        _ => Value::String(value.as_bytes().into()),
    };
    Ok((name.to_owned(), value))
}
