//! Attacks with frames: random ones, oversized ones, contents that lie.

use std::io::Write;

use broker_protocol::{
    FrameKind, Properties, content, encode,
    method::{IDS, basic, channel},
};
use bytes::{BufMut, BytesMut};
use warren_tests::patience::{SOON, until_true};

use crate::hostile::attack::{Attack, Dice, is_closed, say};

fn frame(out: &mut BytesMut, kind: u8, channel: u16, payload: &[u8]) {
    out.put_u8(kind);
    out.put_u16(channel);
    out.put_u32(payload.len() as u32);
    out.put_slice(payload);
    out.put_u8(0xCE);
}

pub(crate) fn random_frames(attack: &Attack) {
    let mut dice = Dice::new(4);
    for _ in 0..300 {
        let mut said = BytesMut::new();
        for _ in 0..20 {
            let kind = [1, 2, 3, 8, dice.below(256) as u8][dice.below(5) as usize];
            let count = dice.below(300) as usize;
            frame(&mut said, kind, dice.below(3) as u16, &dice.bytes(count));
        }
        say(attack.login(), &said);
    }
}

/// Every method there is, with arguments of random bytes, on a connection of its own each.
pub(crate) fn random_methods(attack: &Attack) {
    let mut dice = Dice::new(5);
    for (class, method) in IDS {
        for length in [0, 1, 7, 40, 400] {
            let mut payload = BytesMut::new();
            payload.put_u16(*class);
            payload.put_u16(*method);
            payload.put_slice(&dice.bytes(length));
            let mut said = BytesMut::new();
            frame(&mut said, 1, u16::from(*class != 10), &payload);
            say(attack.login(), &said);
        }
    }
}

pub(crate) fn oversized(attack: &Attack) {
    for size in [131_073, 1 << 20, u32::MAX - 8, u32::MAX] {
        let mut client = attack.login();
        let mut head = BytesMut::new();
        head.put_u8(1);
        head.put_u16(1);
        head.put_u32(size);
        client.stream().write_all(&head).unwrap();
        // The broker need not wait for a payload that it will never take.
        let closed = client.wait_for(1, "basic.qos-ok").unwrap_err();
        assert!(format!("{closed:#}").contains("501"), "{size}: {closed:#}");
    }
    let filler = vec![0; 1 << 20];
    let mut client = attack.login();
    let mut head = BytesMut::new();
    head.put_slice(&encode::head(FrameKind::Body, 1, u32::MAX as usize));
    let _ = client.stream().write_all(&head);
    for _ in 0..300 {
        if client.stream().write_all(&filler).is_err() {
            break;
        }
    }
}

pub(crate) fn dishonest_contents(attack: &Attack) {
    let publish = basic::Publish { routing_key: &attack.prefix, ..Default::default() };
    for announced in [1 << 30, u64::from(u32::MAX), u64::MAX] {
        let mut client = attack.login();
        let mut header = BytesMut::new();
        content::encode(&mut header, announced, &Properties::default());
        encode::method(&mut client.output, 1, publish.clone());
        encode::header(&mut client.output, 1, &header);
        let _ = client.flush();
        let closed = client.wait_for(1, "basic.qos-ok").unwrap_err();
        assert!(format!("{closed:#}").contains("closed: "), "{announced}: {closed:#}");
    }
    let mut client = attack.login();
    let mut header = BytesMut::new();
    content::encode(&mut header, 10, &Properties::default());
    encode::method(&mut client.output, 1, publish.clone());
    encode::header(&mut client.output, 1, &header);
    encode::body(&mut client.output, 1, &[7; 1000], 4096);
    let _ = client.flush();
    until_true("too long a body closes the connection", SOON, || is_closed(&mut client));
    unfinished_on_every_channel(attack, &publish);
}

/// Half a message of 16 MiB on each of a thousand channels: what is announced is not what is set aside.
fn unfinished_on_every_channel(attack: &Attack, publish: &basic::Publish<'_>) {
    let mut header = BytesMut::new();
    content::encode(&mut header, 16 << 20, &Properties::default());
    let mut client = attack.login();
    for number in 2..=1000 {
        encode::method(&mut client.output, number, channel::Open {});
        encode::method(&mut client.output, number, publish.clone());
        encode::header(&mut client.output, number, &header);
        encode::body(&mut client.output, number, &[7; 16], 4096);
    }
    let _ = client.flush();
    is_closed(&mut client);
}
