//! One consuming connection.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use broker_protocol::{Frame, FrameKind, Method, encode, method::basic};
use hdrhistogram::Histogram;
use warren_tests::client::{self, Client};

use crate::{
    args::{AckMode, Args},
    ledger::Ledger,
    payload::Stamp,
    report,
};

const CHANNEL: u16 = 1;

/// How often an idle consumer looks whether the run is over.
const GLANCE: Duration = Duration::from_millis(50);

/// What the consumers and the one who waits for them share.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub(crate) received: AtomicU64,
    pub(crate) over: AtomicBool,
}

/// What one consumer saw.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) ledger: Ledger,
    pub(crate) received: u64,
    pub(crate) redelivered: u64,
    /// When the last message came.
    pub(crate) last: Option<Instant>,
    /// Nanoseconds from write to arrival.
    pub(crate) latency: Histogram<u64>,
}

/// A consumer that is subscribed.
pub(crate) struct Consumer {
    client: Client,
    ack: AckMode,
    current: Current,
    /// The tag of the last delivery that came in whole.
    whole: u64,
    outcome: Outcome,
    /// Latencies that are all the same, as those of one batch are, and how many.
    run: (u64, u64),
}

/// The delivery whose frames are coming in.
#[derive(Debug, Default)]
struct Current {
    tag: u64,
    /// Bytes of body still to come.
    missing: u64,
    stamp: Option<Stamp>,
}

/// What a frame means to a consumer.
enum Piece {
    Delivery { tag: u64, redelivered: bool },
    Header { size: u64 },
    Body { size: u64, stamp: Option<Stamp> },
    Nothing,
}

// === impl Consumer ===

impl Consumer {
    /// Connects and subscribes.
    pub(crate) fn connect(args: &Args, index: u16) -> Result<Self> {
        let mut client = Client::connect(&args.uri)?;
        client.open_channel(CHANNEL)?;
        if args.prefetch > 0 {
            let qos = basic::Qos { prefetch_count: args.prefetch, ..Default::default() };
            client.send(CHANNEL, qos)?;
            client.wait_for(CHANNEL, "basic.qos-ok")?;
        }
        let no_ack = args.ack == AckMode::Auto;
        for queue in args.queues_of(index, args.consumers) {
            let name = args.queue_name(queue);
            // No answer is wanted, since deliveries may come before it.
            let consume =
                basic::Consume { queue: &name, no_ack, no_wait: true, ..Default::default() };
            client.send(CHANNEL, consume)?;
        }
        let outcome = Outcome {
            ledger: Ledger::default(),
            received: 0,
            redelivered: 0,
            last: None,
            latency: report::histogram(),
        };
        Ok(Self {
            client,
            ack: args.ack,
            current: Current::default(),
            whole: 0,
            outcome,
            run: (0, 0),
        })
    }

    /// Consumes until the run is over.
    pub(crate) fn run(mut self, progress: &Progress, clock: Instant) -> Result<Outcome> {
        while !progress.over.load(Ordering::Relaxed) {
            if !self.client.is_readable(GLANCE)? {
                continue;
            }
            let before = self.outcome.received;
            self.read(clock)?;
            progress.received.fetch_add(self.outcome.received - before, Ordering::Relaxed);
        }
        self.record_run();
        self.client.close()?;
        Ok(self.outcome)
    }

    fn read(&mut self, clock: Instant) -> Result<()> {
        if self.client.fill()? == 0 {
            bail!("the broker closed the socket");
        }
        let now = clock.elapsed().as_nanos() as u64;
        let before = self.outcome.received;
        while let Some(frame) = self.client.frame()? {
            match Piece::of(frame)? {
                Piece::Delivery { tag, redelivered } => {
                    self.current = Current { tag, missing: 0, stamp: None };
                    self.outcome.redelivered += u64::from(redelivered);
                }
                Piece::Header { size } => self.current.missing = size,
                Piece::Body { size, stamp } => self.body(size, stamp, now)?,
                Piece::Nothing => {}
            }
        }
        if self.outcome.received > before {
            self.outcome.last = Some(Instant::now());
            if self.ack == AckMode::Multiple {
                self.acknowledge(true);
            }
            self.client.flush()?;
        }
        Ok(())
    }

    fn body(&mut self, size: u64, stamp: Option<Stamp>, now: u64) -> Result<()> {
        self.current.stamp = self.current.stamp.or(stamp);
        self.current.missing =
            self.current.missing.checked_sub(size).context("more body than announced")?;
        if self.current.missing > 0 {
            return Ok(());
        }
        self.whole = self.current.tag;
        let stamp = self.current.stamp.context("a message that this tool did not write")?;
        self.outcome.ledger.note(stamp.producer, stamp.number);
        self.outcome.received += 1;
        let latency = now.saturating_sub(stamp.written_at);
        if latency != self.run.0 {
            self.record_run();
            self.run.0 = latency;
        }
        self.run.1 += 1;
        if self.ack == AckMode::Each {
            self.acknowledge(false);
        }
        Ok(())
    }

    fn acknowledge(&mut self, multiple: bool) {
        let ack = basic::Ack { delivery_tag: self.whole, multiple };
        encode::method(&mut self.client.output, CHANNEL, ack);
    }

    fn record_run(&mut self) {
        let (latency, count) = std::mem::take(&mut self.run);
        if count > 0 {
            self.outcome.latency.saturating_record_n(latency, count);
        }
    }
}

// === impl Piece ===

impl Piece {
    #[inline]
    fn of(frame: Frame<'_>) -> Result<Self> {
        match frame.kind {
            FrameKind::Body => Ok(Self::Body {
                size: frame.payload.len() as u64,
                stamp: Stamp::read(frame.payload),
            }),
            FrameKind::Header => {
                let size = frame.payload.get(4..).and_then(|rest| rest.first_chunk::<8>());
                let size = size.context("a content header that is too short")?;
                Ok(Self::Header { size: u64::from_be_bytes(*size) })
            }
            FrameKind::Method => match Method::decode(frame.payload)? {
                Method::BasicDeliver(deliver) => Ok(Self::Delivery {
                    tag: deliver.delivery_tag,
                    redelivered: deliver.redelivered,
                }),
                Method::BasicCancel(_) => bail!("the broker cancelled the subscription"),
                other => client::refusal(&other).map_or(Ok(Self::Nothing), Err),
            },
            FrameKind::Heartbeat => Ok(Self::Nothing),
        }
    }
}
