//! One publishing connection.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use broker_protocol::{
    FrameKind, Method, Properties,
    encode::PublishTemplate,
    method::{basic, confirm},
    properties::PERSISTENT,
};
use hdrhistogram::Histogram;
use warren_tests::client::{self, Client};

use crate::{
    args::Args,
    pace::{Pace, Permit},
    payload::Stamp,
    report,
    window::Window,
};

/// How many bytes are written at once at most.
const BATCH: usize = 64 * 1024;

/// Bytes of frames and names around a message, roughly.
const AROUND: usize = 64;

const CHANNEL: u16 = 1;

/// What one producer did.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) written: u64,
    /// How many the broker took responsibility for; all that were written, without confirms.
    pub(crate) accepted: u64,
    pub(crate) nacked: u64,
    /// From the start to the broker's word, on closing, that it has read everything.
    pub(crate) elapsed: Duration,
    pub(crate) confirm_latency: Histogram<u64>,
}

/// A producer that is connected and waits for the start.
pub(crate) struct Producer {
    client: Client,
    index: u16,
    templates: Vec<PublishTemplate>,
    message: Vec<u8>,
    /// The window's size; 0 without confirms.
    confirms: usize,
    window: Window,
    written: u64,
    batch: u64,
}

// === impl Producer ===

impl Producer {
    /// Connects, and turns confirms on if they are wanted.
    pub(crate) fn connect(args: &Args, index: u16) -> Result<Self> {
        let mut client = Client::connect(&args.uri)?;
        client.open_channel(CHANNEL)?;
        if args.confirms > 0 {
            client.send(CHANNEL, confirm::Select { no_wait: false })?;
            client.wait_for(CHANNEL, "confirm.select-ok")?;
        }
        let properties = Properties {
            delivery_mode: args.persistent.then_some(PERSISTENT),
            ..Default::default()
        };
        let template = |queue| {
            let name = args.queue_name(queue);
            let publish = basic::Publish { routing_key: &name, ..Default::default() };
            PublishTemplate::new(CHANNEL, client.frame_max, publish, &properties)
        };
        let templates = args.queues_of(index, args.producers).into_iter().map(template).collect();
        Ok(Self {
            client,
            index,
            templates,
            message: vec![0; args.size],
            confirms: args.confirms,
            window: Window::new(report::histogram()),
            written: 0,
            batch: (BATCH / (args.size + AROUND)).max(1) as u64,
        })
    }

    /// Publishes until the pace says it is over, and every publish is confirmed.
    pub(crate) fn run(mut self, pace: &Pace, clock: Instant) -> Result<Outcome> {
        let began = Instant::now();
        loop {
            match pace.permit(Instant::now(), self.written) {
                Permit::Done => break,
                Permit::Wait(pause) if self.window.open() > 0 => {
                    if self.client.is_readable(pause)? {
                        self.read_confirms(clock)?;
                    }
                }
                Permit::Wait(pause) => thread::sleep(pause),
                Permit::Write(permitted) => match permitted.min(self.batch).min(self.room()) {
                    0 => self.read_confirms(clock)?,
                    count => self.write(count, clock)?,
                },
            }
        }
        while self.window.open() > 0 {
            self.read_confirms(clock)?;
        }
        self.client.close()?;
        let elapsed = began.elapsed();
        Ok(Outcome {
            written: self.written,
            accepted: if self.confirms > 0 { self.window.acked } else { self.written },
            nacked: self.window.nacked,
            elapsed,
            confirm_latency: self.window.latency,
        })
    }

    /// How many publishes the window has room for.
    fn room(&self) -> u64 {
        match self.confirms {
            0 => u64::MAX,
            size => size.saturating_sub(self.window.open()) as u64,
        }
    }

    fn write(&mut self, count: u64, clock: Instant) -> Result<()> {
        let now = clock.elapsed().as_nanos() as u64;
        for _ in 0..count {
            let number = self.written;
            Stamp { producer: self.index, number, written_at: now }.write(&mut self.message);
            let queue = number as usize % self.templates.len();
            self.templates[queue].write(&mut self.client.output, &self.message);
            self.written += 1;
            if self.confirms > 0 {
                self.window.push(now);
            }
        }
        if let Err(error) = self.client.flush() {
            // The broker's reason lies in what it sent before it closed.
            self.read_confirms(clock)?;
            return Err(error.into());
        }
        Ok(())
    }

    fn read_confirms(&mut self, clock: Instant) -> Result<()> {
        if self.client.fill()? == 0 {
            bail!("the broker closed the socket");
        }
        let now = clock.elapsed().as_nanos() as u64;
        while let Some(frame) = self.client.frame()? {
            if frame.kind != FrameKind::Method {
                continue;
            }
            let known = match Method::decode(frame.payload)? {
                Method::BasicAck(ack) => {
                    self.window.settle(ack.delivery_tag, ack.multiple, true, now)
                }
                Method::BasicNack(nack) => {
                    self.window.settle(nack.delivery_tag, nack.multiple, false, now)
                }
                other => client::refusal(&other).map_or(Ok(true), Err)?,
            };
            if !known {
                bail!("the broker confirmed what was never published");
            }
        }
        Ok(())
    }
}
