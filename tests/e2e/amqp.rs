//! An application: publishes with confirms and fetches, over AMQP.

use std::time::Duration;

use broker_protocol::{
    FrameKind, Method, Properties, content, encode,
    method::{basic, confirm, exchange, queue},
    properties::PERSISTENT,
};
use bytes::BytesMut;
use warren_tests::{client::Client, patience::until, uri::Uri};

/// One connection with one channel in confirm mode.
pub(crate) struct Application {
    client: Client,
}

// === impl Application ===

impl Application {
    pub(crate) fn connect(uri: &Uri) -> Self {
        let limit = Duration::from_secs(30);
        let mut client = until("a connection", limit, || Client::connect(uri));
        client.open_channel(1).unwrap();
        client.send(1, confirm::Select { no_wait: false }).unwrap();
        client.wait_for(1, "confirm.select-ok").unwrap();
        Self { client }
    }

    /// Publishes and waits for the confirm.
    pub(crate) fn publish(&mut self, exchange: &str, routing_key: &str, body: &str) {
        let properties = Properties { delivery_mode: Some(PERSISTENT), ..Default::default() };
        let mut header = BytesMut::new();
        content::encode(&mut header, body.len() as u64, &properties);
        let publish = basic::Publish { exchange, routing_key, ..Default::default() };
        encode::method(&mut self.client.output, 1, publish);
        encode::header(&mut self.client.output, 1, &header);
        encode::body(&mut self.client.output, 1, body.as_bytes(), 4096);
        self.client.flush().unwrap();
        self.client.wait_for(1, "basic.ack").unwrap();
    }

    /// The bodies of everything in a queue.
    pub(crate) fn drain(&mut self, queue: &str) -> Vec<String> {
        let mut bodies = Vec::new();
        while let Some(body) = self.get(queue) {
            bodies.push(body);
        }
        bodies
    }

    fn get(&mut self, queue: &str) -> Option<String> {
        self.client.send(1, basic::Get { queue, no_ack: true }).unwrap();
        let found = self.client.wait(1, |method| match method {
            Method::BasicGetOk(_) => Some(true),
            Method::BasicGetEmpty(_) => Some(false),
            _ => None,
        });
        found.unwrap().then(|| self.body())
    }

    /// The body of a message that lies in one frame.
    fn body(&mut self) -> String {
        loop {
            while let Some(frame) = self.client.frame().unwrap() {
                if frame.kind == FrameKind::Body {
                    return String::from_utf8_lossy(frame.payload).into_owned();
                }
            }
            assert!(self.client.fill().unwrap() > 0, "the broker closed the socket");
        }
    }
}

/// Declares a durable queue.
pub(crate) fn declare_queue(uri: &Uri, queue: &str) {
    let mut client = Client::connect(uri).unwrap();
    client.open_channel(1).unwrap();
    client.send(1, queue::Declare { queue, durable: true, ..Default::default() }).unwrap();
    client.wait_for(1, "queue.declare-ok").unwrap();
}

/// Deletes a queue, whatever is in it.
pub(crate) fn delete_queue(uri: &Uri, queue: &str) {
    let mut client = Client::connect(uri).unwrap();
    client.open_channel(1).unwrap();
    client.send(1, queue::Delete { queue, ..Default::default() }).unwrap();
    client.wait_for(1, "queue.delete-ok").unwrap();
}

/// Whether the broker has a queue of that name.
pub(crate) fn has_queue(uri: &Uri, queue: &str) -> bool {
    let mut client = Client::connect(uri).unwrap();
    client.open_channel(1).unwrap();
    client.send(1, queue::Declare { queue, passive: true, ..Default::default() }).unwrap();
    client.wait_for(1, "queue.declare-ok").is_ok()
}

/// Whether the broker has an exchange of that name.
pub(crate) fn has_exchange(uri: &Uri, exchange: &str) -> bool {
    let mut client = Client::connect(uri).unwrap();
    client.open_channel(1).unwrap();
    let declare =
        exchange::Declare { exchange, kind: "direct", passive: true, ..Default::default() };
    client.send(1, declare).unwrap();
    client.wait_for(1, "exchange.declare-ok").is_ok()
}
