//! A client that minds its own business while others attack.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use broker_protocol::{
    FrameKind, Method, Properties, content, encode,
    method::{basic, queue},
};
use bytes::BytesMut;
use warren_tests::client::Client;

use crate::rig::Rig;

/// How long one message may take while an attack goes on; generous, since the attacker uses the same cores.
const LIMIT: Duration = Duration::from_secs(5);

/// Publishes a message and consumes it, over and over, on one connection.
pub(crate) struct Bystander {
    over: Arc<AtomicBool>,
    thread: JoinHandle<u32>,
}

// === impl Bystander ===

impl Bystander {
    pub(crate) fn start(rig: &Rig) -> Self {
        let mut client = rig.client();
        let name = rig.name("bystander");
        let declare = queue::Declare { queue: &name, exclusive: true, ..Default::default() };
        client.send(1, declare).unwrap();
        client.wait_for(1, "queue.declare-ok").unwrap();
        let consume = basic::Consume { queue: &name, no_ack: true, ..Default::default() };
        client.send(1, consume).unwrap();
        client.wait_for(1, "basic.consume-ok").unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&over);
        let thread = thread::spawn(move || {
            let mut rounds = 0;
            while !until.load(Ordering::Relaxed) || rounds == 0 {
                let began = Instant::now();
                round_trip(&mut client, &name);
                assert!(began.elapsed() < LIMIT, "a message took {:?}", began.elapsed());
                rounds += 1;
                thread::sleep(Duration::from_millis(5));
            }
            client.close().unwrap();
            rounds
        });
        Self { over, thread }
    }

    /// Ends it, and fails if it was disturbed.
    pub(crate) fn finish(self) {
        self.over.store(true, Ordering::Relaxed);
        let rounds = self.thread.join().expect("the bystander was disturbed");
        assert!(rounds > 0);
    }
}

fn round_trip(client: &mut Client, queue: &str) {
    let mut header = BytesMut::new();
    content::encode(&mut header, 2, &Properties::default());
    let publish = basic::Publish { routing_key: queue, ..Default::default() };
    encode::method(&mut client.output, 1, publish);
    encode::header(&mut client.output, 1, &header);
    encode::body(&mut client.output, 1, b"hi", 4096);
    client.flush().expect("the bystander's connection holds");
    let mut delivered = false;
    loop {
        while let Some(frame) = client.frame().expect("whole frames") {
            match frame.kind {
                FrameKind::Method => {
                    let method = Method::decode(frame.payload).expect("a method");
                    delivered = matches!(method, Method::BasicDeliver(_));
                    assert!(delivered, "the bystander was told {}", method.name());
                }
                FrameKind::Body if delivered => return,
                _ => {}
            }
        }
        assert!(client.fill().expect("the bystander's connection holds") > 0, "it was closed");
    }
}
