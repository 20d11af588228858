//! A bare AMQP client: blocking, one socket, frames in and out as the caller wants them.
//!
//! It does no more than a test or a load generator needs, so that what it measures is the broker.

use std::{
    io::{self, Write},
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail};
use broker_protocol::{
    FieldTable, Frame, FrameKind, Method, encode,
    frame::PROTOCOL_HEADER,
    method::{channel, connection},
};
use bytes::BytesMut;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::{inbox::Inbox, uri::Uri};

/// How long a broker may take to answer before a test gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// One connection, open and tuned.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    inbox: Inbox,
    /// What the next [`Client::flush`] sends.
    pub output: BytesMut,
    /// The negotiated limit of a frame, in bytes.
    pub frame_max: u32,
}

// === impl Client ===

impl Client {
    /// Connects, logs in and opens the virtual host. Heartbeats are off.
    ///
    /// # Errors
    ///
    /// When the broker is not there, refuses, or does not answer in time.
    pub fn connect(uri: &Uri) -> Result<Self> {
        Self::connect_with(uri, &[])
    }

    /// As [`Client::connect`], for a client that says it has these capabilities.
    ///
    /// # Errors
    ///
    /// As for [`Client::connect`].
    pub fn connect_with(uri: &Uri, capabilities: &[&str]) -> Result<Self> {
        let mut client = Self::greet(uri)?;
        let capabilities: FieldTable = capabilities.iter().map(|name| (*name, true)).collect();
        let response = format!("\0{}\0{}", uri.user, uri.password);
        client.send(
            0,
            connection::StartOk {
                mechanism: "PLAIN",
                response: response.as_bytes(),
                locale: "en_US",
                client_properties: [("capabilities", capabilities)].into_iter().collect(),
            },
        )?;
        let tune = client.wait(0, |method| match method {
            Method::ConnectionTune(tune) => Some(tune.clone()),
            _ => None,
        })?;
        client.frame_max = tune.frame_max;
        client.send(0, connection::TuneOk { heartbeat: 0, ..tune_ok(&tune) })?;
        client.send(0, connection::Open { virtual_host: &uri.vhost })?;
        client.wait_for(0, "connection.open-ok")?;
        Ok(client)
    }

    /// Connects and reads the broker's greeting, but says no more than the protocol header.
    ///
    /// # Errors
    ///
    /// When the broker is not there or does not answer in time.
    pub fn greet(uri: &Uri) -> Result<Self> {
        let mut client = Self::dial(uri)?;
        client.output.extend_from_slice(&PROTOCOL_HEADER);
        client.flush()?;
        client.wait_for(0, "connection.start")?;
        Ok(client)
    }

    /// Connects and says nothing at all.
    ///
    /// # Errors
    ///
    /// When nothing listens there.
    pub fn dial(uri: &Uri) -> Result<Self> {
        let address = uri.address();
        let place = address.to_socket_addrs()?.next().context("no such address")?;
        let stream = TcpStream::connect_timeout(&place, PATIENCE)
            .with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream, inbox: Inbox::default(), output: BytesMut::new(), frame_max: 4096 })
    }

    /// The socket, for what goes on below AMQP.
    pub const fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Opens a channel.
    ///
    /// # Errors
    ///
    /// When the broker refuses or is gone.
    pub fn open_channel(&mut self, channel: u16) -> Result<()> {
        self.send(channel, channel::Open {})?;
        self.wait_for(channel, "channel.open-ok")
    }

    /// Sends one method at once.
    ///
    /// # Errors
    ///
    /// When the broker is gone.
    pub fn send<'a>(&mut self, channel: u16, method: impl Into<Method<'a>>) -> io::Result<()> {
        encode::method(&mut self.output, channel, method);
        self.flush()
    }

    /// Sends what [`Client::output`] holds.
    ///
    /// # Errors
    ///
    /// When the broker is gone.
    pub fn flush(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.output)?;
        self.output.clear();
        Ok(())
    }

    /// Reads once from the socket; see [`Inbox::fill`].
    ///
    /// # Errors
    ///
    /// As the socket says; `WouldBlock` when the read timeout passes.
    pub fn fill(&mut self) -> io::Result<usize> {
        self.inbox.fill(&mut self.stream)
    }

    /// Waits until the broker has sent something, for `patience` at most.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn is_readable(&self, patience: Duration) -> io::Result<bool> {
        let timeout = Timespec {
            tv_sec: patience.as_secs() as i64,
            tv_nsec: i64::from(patience.subsec_nanos()),
        };
        let mut socket = [PollFd::new(&self.stream, PollFlags::IN)];
        Ok(poll(&mut socket, Some(&timeout))? > 0)
    }

    /// The next frame among those that were read.
    ///
    /// # Errors
    ///
    /// When the broker sent what is no frame.
    #[inline]
    pub fn frame(&mut self) -> Result<Option<Frame<'_>>> {
        Ok(self.inbox.frame()?)
    }

    /// Waits for the method called `name` on `channel` and drops what comes before it.
    ///
    /// # Errors
    ///
    /// When the channel or the connection is closed instead, with the broker's reason.
    pub fn wait_for(&mut self, channel: u16, name: &str) -> Result<()> {
        self.wait(channel, |method| (method.name() == name).then_some(()))
            .with_context(|| format!("while waiting for {name}"))
    }

    /// Waits for a method on `channel` that `pick` takes and drops what comes before it.
    ///
    /// # Errors
    ///
    /// When the channel or the connection is closed instead, with the broker's reason.
    pub fn wait<T>(&mut self, channel: u16, pick: impl Fn(&Method<'_>) -> Option<T>) -> Result<T> {
        loop {
            while let Some(frame) = self.inbox.frame()? {
                if frame.kind != FrameKind::Method {
                    continue;
                }
                let method = Method::decode(frame.payload)?;
                if frame.channel == channel
                    && let Some(picked) = pick(&method)
                {
                    return Ok(picked);
                }
                refusal(&method).map_or(Ok(()), Err)?;
            }
            if self.fill()? == 0 {
                bail!("the broker closed the socket");
            }
        }
    }

    /// Closes the connection and waits for the broker's word that it has read everything.
    ///
    /// # Errors
    ///
    /// When the broker is gone, or closes for a reason of its own.
    pub fn close(mut self) -> Result<()> {
        let bye = connection::Close { reply_code: 200, reply_text: "bye", ..Default::default() };
        self.send(0, bye)?;
        self.wait_for(0, "connection.close-ok")
    }
}

/// What a closing method says, as an error.
pub fn refusal(method: &Method<'_>) -> Option<anyhow::Error> {
    match method {
        Method::ConnectionClose(close) => {
            Some(anyhow!("connection closed: {} {}", close.reply_code, close.reply_text))
        }
        Method::ChannelClose(close) => {
            Some(anyhow!("channel closed: {} {}", close.reply_code, close.reply_text))
        }
        _ => None,
    }
}

fn tune_ok(tune: &connection::Tune) -> connection::TuneOk {
    connection::TuneOk {
        channel_max: tune.channel_max,
        frame_max: tune.frame_max,
        heartbeat: tune.heartbeat,
    }
}
