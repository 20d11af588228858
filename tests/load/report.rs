//! What a run found, for people and for programs.

use std::{
    fs,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use serde_json::json;

use crate::{args::Args, consumer, ledger::Ledger, producer};

/// The percentiles that are printed.
const PERCENTILES: [f64; 4] = [50.0, 90.0, 99.0, 99.9];

/// The longest latency that is told apart, in nanoseconds: ten minutes.
const LONGEST: u64 = 600_000_000_000;

/// The findings of one run.
#[derive(Debug)]
pub(crate) struct Report {
    what: String,
    written: u64,
    accepted: u64,
    nacked: u64,
    received: u64,
    lost: u64,
    duplicated: u64,
    redelivered: u64,
    publishing: Duration,
    consuming: Duration,
    latency: Histogram<u64>,
    confirm_latency: Histogram<u64>,
    cpu: Duration,
    wall: Duration,
}

/// An empty histogram of nanoseconds with two significant digits.
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST, 2).expect("these bounds are valid")
}

// === impl Report ===

impl Report {
    /// Sums up what the workers did since `began`.
    pub(crate) fn new(
        args: &Args,
        began: Instant,
        produced: &[producer::Outcome],
        consumed: &[consumer::Outcome],
    ) -> Self {
        let mut ledger = Ledger::default();
        let (mut latency, mut confirm_latency) = (histogram(), histogram());
        for outcome in consumed {
            ledger.merge(&outcome.ledger);
            latency += &outcome.latency;
        }
        for outcome in produced {
            confirm_latency += &outcome.confirm_latency;
        }
        let accepted = produced.iter().map(|outcome| outcome.accepted).sum::<u64>();
        let checked = !produced.is_empty() && !consumed.is_empty();
        let lost = if checked { accepted.saturating_sub(ledger.distinct()) } else { 0 };
        let last = consumed.iter().filter_map(|outcome| outcome.last).max();
        Self {
            what: describe(args),
            written: produced.iter().map(|outcome| outcome.written).sum(),
            accepted,
            nacked: produced.iter().map(|outcome| outcome.nacked).sum(),
            received: consumed.iter().map(|outcome| outcome.received).sum(),
            lost,
            duplicated: ledger.duplicates,
            redelivered: consumed.iter().map(|outcome| outcome.redelivered).sum(),
            publishing: produced.iter().map(|outcome| outcome.elapsed).max().unwrap_or_default(),
            consuming: last.map(|last| last.duration_since(began)).unwrap_or_default(),
            latency,
            confirm_latency,
            cpu: own_cpu(),
            wall: began.elapsed(),
        }
    }

    /// Whether nothing was lost, and nothing came twice without being marked as redelivered.
    pub(crate) const fn is_sound(&self) -> bool {
        self.lost == 0 && self.duplicated <= self.redelivered
    }

    /// Prints the findings on standard output.
    #[allow(clippy::print_stdout)]
    pub(crate) fn print(&self, json: bool) {
        println!("{}", if json { self.json() } else { self.text() });
    }

    fn text(&self) -> String {
        let mut lines = vec![
            format!("warren-load: {}", self.what),
            line("published", self.written, self.publishing),
            line("consumed", self.received, self.consuming),
        ];
        for (name, histogram) in [("latency", &self.latency), ("confirms", &self.confirm_latency)] {
            if !histogram.is_empty() {
                lines.push(format!("  {name:<10}{}", percentiles(histogram)));
            }
        }
        lines.push(format!(
            "  {:<10}{} lost, {} duplicated, {} redelivered, {} refused",
            "checked", self.lost, self.duplicated, self.redelivered, self.nacked
        ));
        lines.push(format!(
            "  {:<10}{:.2} s of CPU in {:.2} s",
            "own cost",
            self.cpu.as_secs_f64(),
            self.wall.as_secs_f64()
        ));
        lines.join("\n")
    }

    fn json(&self) -> String {
        json!({
            "what": self.what,
            "published": self.written,
            "published_per_second": rate(self.written, self.publishing).round(),
            "accepted": self.accepted,
            "refused": self.nacked,
            "consumed": self.received,
            "consumed_per_second": rate(self.received, self.consuming).round(),
            "lost": self.lost,
            "duplicated": self.duplicated,
            "redelivered": self.redelivered,
            "latency_ms": milliseconds(&self.latency),
            "confirm_ms": milliseconds(&self.confirm_latency),
            "own_cpu_seconds": self.cpu.as_secs_f64(),
            "seconds": self.wall.as_secs_f64(),
        })
        .to_string()
    }
}

fn describe(args: &Args) -> String {
    let ack = format!("{:?}", args.ack).to_lowercase();
    let kind = if args.persistent { "persistent" } else { "transient" };
    let confirms = match args.confirms {
        0 => "no confirms".to_owned(),
        window => format!("{window} confirms open"),
    };
    format!(
        "{} producers, {} consumers, {} queues, {} B {kind}, {confirms}, ack {ack}, prefetch {}",
        args.producers, args.consumers, args.queues, args.size, args.prefetch
    )
}

fn rate(count: u64, elapsed: Duration) -> f64 {
    if elapsed.is_zero() { 0.0 } else { count as f64 / elapsed.as_secs_f64() }
}

fn line(name: &str, count: u64, elapsed: Duration) -> String {
    format!("  {name:<10}{count:>12} messages {:>12.0} msg/s", rate(count, elapsed))
}

fn percentiles(histogram: &Histogram<u64>) -> String {
    let at = |percentile| histogram.value_at_percentile(percentile) as f64 / 1e6;
    let mut parts: Vec<_> = PERCENTILES
        .iter()
        .map(|percentile| format!("p{percentile} {:.3}", at(*percentile)))
        .collect();
    parts.push(format!("max {:.3} ms", histogram.max() as f64 / 1e6));
    parts.join("  ")
}

fn milliseconds(histogram: &Histogram<u64>) -> serde_json::Value {
    let at = |percentile| histogram.value_at_percentile(percentile) as f64 / 1e6;
    let mut values: serde_json::Map<_, _> =
        PERCENTILES.iter().map(|one| (format!("p{one}"), at(*one).into())).collect();
    values.insert("max".into(), (histogram.max() as f64 / 1e6).into());
    values.into()
}

/// CPU time of this process so far, as Linux tells it in hundredths of a second.
fn own_cpu() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 =
        after_name.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}
