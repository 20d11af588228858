//! An attacker's tools, and attacks below the level of frames.

use std::{
    io::{Read, Write},
    time::Duration,
};

use broker_protocol::{
    encode,
    frame::PROTOCOL_HEADER,
    method::{channel, connection, queue},
};
use bytes::BytesMut;
use warren_tests::{client::Client, uri::Uri};

use crate::rig::Rig;

/// Where to attack.
pub(crate) struct Attack {
    pub(crate) uri: Uri,
    pub(crate) prefix: String,
}

// === impl Attack ===

impl Attack {
    pub(crate) fn on(rig: &Rig) -> Self {
        Self { uri: rig.uri.clone(), prefix: rig.name("attack") }
    }

    /// A connection on which nothing was said.
    pub(crate) fn dial(&self) -> Client {
        Client::dial(&self.uri).expect("the broker accepts connections")
    }

    /// A connection on which the broker has spoken.
    pub(crate) fn greet(&self) -> Client {
        Client::greet(&self.uri).expect("the broker greets")
    }

    /// A connection that is logged in, with channel 1 open.
    pub(crate) fn login(&self) -> Client {
        let mut client = Client::connect(&self.uri).expect("the broker lets us in");
        client.open_channel(1).expect("a channel");
        client
    }

    /// What a client says from its first byte on, without waiting for answers.
    pub(crate) fn conversation(&self) -> BytesMut {
        let mut said = BytesMut::from(PROTOCOL_HEADER.as_slice());
        let plain = format!("\0{}\0{}", self.uri.user, self.uri.password);
        let (mechanism, locale, response) = ("PLAIN", "en_US", plain.as_bytes());
        let start = connection::StartOk { mechanism, response, locale, ..Default::default() };
        encode::method(&mut said, 0, start);
        let tune = connection::TuneOk { channel_max: 100, frame_max: 4096, heartbeat: 0 };
        encode::method(&mut said, 0, tune);
        encode::method(&mut said, 0, connection::Open { virtual_host: "/" });
        encode::method(&mut said, 1, channel::Open {});
        let queue = &self.prefix;
        let declare = queue::Declare { queue, exclusive: true, ..Default::default() };
        encode::method(&mut said, 1, declare);
        said
    }
}

/// Random numbers that are the same in every run.
pub(crate) struct Dice(u64);

// === impl Dice ===

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(2).wrapping_add(0x9E37_79B9_7F4A_7C15))
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) const fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }
}

/// Whether the broker has closed the socket; looks only briefly.
pub(crate) fn is_closed(client: &mut Client) -> bool {
    let mut answer = [0; 4096];
    let stream = client.stream();
    stream.set_read_timeout(Some(Duration::from_millis(20))).expect("a socket");
    match stream.read(&mut answer) {
        Ok(count) => count == 0,
        Err(error) => {
            !matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
        }
    }
}

/// Says `bytes` and hangs up without a farewell; the broker may have hung up first.
pub(crate) fn say(mut client: Client, bytes: &[u8]) {
    let _ = client.stream().write_all(bytes);
}

pub(crate) fn random_greetings(attack: &Attack) {
    let mut dice = Dice::new(1);
    for _ in 0..500 {
        let count = dice.below(2000) as usize;
        say(attack.dial(), &dice.bytes(count));
    }
}

pub(crate) fn random_conversations(attack: &Attack) {
    let mut dice = Dice::new(2);
    for _ in 0..500 {
        let count = dice.below(5000) as usize;
        let mut said = PROTOCOL_HEADER.to_vec();
        said.extend(dice.bytes(count));
        say(attack.dial(), &said);
    }
}

pub(crate) fn cut_conversations(attack: &Attack) {
    let whole = attack.conversation();
    for end in 0..whole.len() {
        say(attack.dial(), &whole[..end]);
    }
    let mut dice = Dice::new(3);
    for _ in 0..500 {
        let mut flipped = whole.clone();
        let at = dice.below(flipped.len() as u64) as usize;
        flipped[at] ^= 1 << dice.below(8);
        say(attack.dial(), &flipped);
    }
}
