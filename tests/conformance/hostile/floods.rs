//! Attacks by sheer number.

use std::io::Write;

use broker_protocol::{
    encode,
    method::{channel, queue},
};
use bytes::BytesMut;
use warren_tests::patience::{SOON, until_true};

use crate::hostile::attack::{Attack, is_closed};

/// A million `channel.open` on one connection, and as many open channels as the broker allows on fifty others.
pub(crate) fn a_million_channels(attack: &Attack) {
    let mut client = attack.login();
    let mut said = BytesMut::new();
    let mut refused = false;
    for number in 0..1_000_000_u32 {
        encode::method(&mut said, (number % 65_535 + 1) as u16, channel::Open {});
        if said.len() > 60_000 {
            refused |= client.stream().write_all(&said).is_err();
            said.clear();
        }
        if refused {
            break;
        }
    }
    until_true("a channel over the limit closes the connection", SOON, || is_closed(&mut client));
    let mut open = Vec::new();
    for _ in 0..50 {
        let mut client = attack.login();
        for number in 2..=2047 {
            encode::method(&mut client.output, number, channel::Open {});
        }
        client.flush().unwrap();
        client.wait_for(2047, "channel.open-ok").unwrap();
        open.push(client);
    }
}

/// A million questions, and no answer is ever read: the broker must stop reading too.
pub(crate) fn never_reading(attack: &Attack) {
    let mut clients: Vec<_> = (0..4).map(|_| attack.login()).collect();
    let mut question = BytesMut::new();
    let name = &attack.prefix;
    let declare = queue::Declare { queue: name, durable: true, ..Default::default() };
    for _ in 0..250 {
        encode::method(&mut question, 1, declare.clone());
    }
    for client in &mut clients {
        client.stream().set_nonblocking(true).unwrap();
        for _ in 0..1000 {
            // A full socket is what the broker should leave us with.
            let _ = client.stream().write(&question);
        }
    }
    drop(clients);
    let mut client = attack.login();
    client.send(1, queue::Delete { queue: name, ..Default::default() }).unwrap();
    client.wait_for(1, "queue.delete-ok").unwrap();
}
