//! What to run: the command line.

use clap::{Parser, ValueEnum};
use warren_tests::uri::Uri;

use crate::payload;

/// How consumers acknowledge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AckMode {
    /// Deliveries count as acknowledged once sent.
    Auto,
    /// One acknowledgement a message.
    Each,
    /// One acknowledgement for all that came in one read.
    Multiple,
}

/// Publishes and consumes through an AMQP broker, and prints rates, latencies, loss and duplicates.
///
/// Ends with 0 when every message arrived once, 1 when one was lost or came twice, 2 on an error.
#[derive(Debug, Clone, Parser)]
#[command(name = "warren-load", version)]
pub(crate) struct Args {
    /// The broker.
    #[arg(long, env = "WARREN_LOAD_URI", default_value = "amqp://guest:guest@127.0.0.1:5672")]
    pub(crate) uri: Uri,
    /// Publishing connections; 0 only consumes.
    #[arg(long, default_value_t = 1)]
    pub(crate) producers: u16,
    /// Consuming connections; 0 only publishes and leaves the queues behind.
    #[arg(long, default_value_t = 1)]
    pub(crate) consumers: u16,
    /// Queues, spread over producers and consumers.
    #[arg(long, default_value_t = 1)]
    pub(crate) queues: u16,
    /// First part of the queues' names.
    #[arg(long, default_value = "warren-load")]
    pub(crate) queue: String,
    /// A queue argument, as in `x-queue-type=quorum`; may be repeated.
    #[arg(long = "argument", value_name = "NAME=VALUE")]
    pub(crate) arguments: Vec<String>,
    /// Keep the queues at the end, and what is in them at the beginning.
    #[arg(long)]
    pub(crate) keep: bool,
    /// Bytes a message.
    #[arg(long, default_value_t = payload::MIN_SIZE, value_parser = at_least_a_stamp)]
    pub(crate) size: usize,
    /// Durable queues and persistent messages.
    #[arg(long)]
    pub(crate) persistent: bool,
    /// Publishes that may await a confirm, for each producer; 0 asks for no confirms.
    #[arg(long, default_value_t = 0)]
    pub(crate) confirms: usize,
    /// Messages a consumer may hold unacknowledged; 0 is no limit.
    #[arg(long, default_value_t = 0)]
    pub(crate) prefetch: u16,
    /// How consumers acknowledge.
    #[arg(long, value_enum, default_value_t = AckMode::Auto)]
    pub(crate) ack: AckMode,
    /// Messages a second, for each producer; 0 is as fast as it goes.
    #[arg(long, default_value_t = 0)]
    pub(crate) rate: u64,
    /// How long to publish, in seconds; ignored with --count.
    #[arg(long, default_value_t = 10.0)]
    pub(crate) duration: f64,
    /// How many messages to publish, for each producer.
    #[arg(long)]
    pub(crate) count: Option<u64>,
    /// How long to wait, without a delivery, for messages that are still missing, in seconds.
    #[arg(long, default_value_t = 10.0)]
    pub(crate) patience: f64,
    /// Print one line of JSON instead of text.
    #[arg(long)]
    pub(crate) json: bool,
}

// === impl Args ===

impl Args {
    /// The name of one queue.
    pub(crate) fn queue_name(&self, index: u16) -> String {
        format!("{}-{index}", self.queue)
    }

    /// The queues that worker `index` of `workers` serves: at least one, and every queue has one.
    pub(crate) fn queues_of(&self, index: u16, workers: u16) -> Vec<u16> {
        if workers >= self.queues {
            vec![index % self.queues.max(1)]
        } else {
            (index..self.queues).step_by(usize::from(workers)).collect()
        }
    }
}

fn at_least_a_stamp(text: &str) -> Result<usize, String> {
    let size: usize = text.parse().map_err(|_| "not a number".to_owned())?;
    if size < payload::MIN_SIZE {
        return Err(format!("a message needs {} bytes for its number", payload::MIN_SIZE));
    }
    Ok(size)
}
