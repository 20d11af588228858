//! Attacks with field tables.

use broker_protocol::{FrameKind, encode};
use bytes::{BufMut, BytesMut};
use warren_tests::patience::{SOON, until_true};

use crate::hostile::attack::{Attack, is_closed};

/// A table that holds a table that holds a table, or arrays likewise, `depth` deep.
fn nest(depth: usize, kind: u8) -> Vec<u8> {
    let mut inner = Vec::new();
    for level in 0..depth {
        let mut outer = Vec::with_capacity(inner.len() + 7);
        if kind == b'F' || level + 1 == depth {
            outer.extend([1, b'k']);
        }
        outer.push(if level == 0 { b'F' } else { kind });
        outer.extend((inner.len() as u32).to_be_bytes());
        outer.extend(&inner);
        inner = outer;
    }
    let mut table = (inner.len() as u32).to_be_bytes().to_vec();
    table.extend(inner);
    table
}

/// `queue.declare` with these bytes for a table.
fn declare(arguments: &[u8]) -> BytesMut {
    let mut payload = BytesMut::new();
    payload.put_slice(&[0, 50, 0, 10, 0, 0, 1, b'q', 0]);
    payload.put_slice(arguments);
    let mut said = BytesMut::new();
    said.put_slice(&encode::head(FrameKind::Method, 1, payload.len()));
    said.put_slice(&payload);
    said.put_u8(0xCE);
    said
}

/// A publish whose headers are these bytes.
fn publish(headers: &[u8]) -> BytesMut {
    let mut said = BytesMut::new();
    said.put_slice(&encode::head(FrameKind::Method, 1, 9));
    said.put_slice(&[0, 60, 0, 40, 0, 0, 0, 0, 0, 0xCE]);
    let mut header = BytesMut::new();
    header.put_slice(&[0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x20, 0]);
    header.put_slice(headers);
    encode::header(&mut said, 1, &header);
    said
}

/// `connection.start-ok` whose client properties are these bytes.
fn start(properties: &[u8]) -> BytesMut {
    let mut payload = BytesMut::new();
    payload.put_slice(&[0, 10, 0, 11]);
    payload.put_slice(properties);
    payload.put_slice(b"\x05PLAIN\0\0\0\x0c\0guest\0guest\x05en_US");
    let mut said = BytesMut::new();
    said.put_slice(&encode::head(FrameKind::Method, 0, payload.len()));
    said.put_slice(&payload);
    said.put_u8(0xCE);
    said
}

pub(crate) fn nested(attack: &Attack) {
    for depth in [100, 1000, 15_000] {
        for kind in [b'F', b'A'] {
            let table = nest(depth, kind);
            for said in [declare(&table), publish(&table)] {
                let mut client = attack.login();
                client.output.put_slice(&said);
                client.flush().unwrap();
                until_true("the broker refuses", SOON, || is_closed_or_answered(&mut client));
            }
            let mut client = attack.greet();
            client.output.put_slice(&start(&table));
            client.flush().unwrap();
            until_true("the broker refuses", SOON, || is_closed_or_answered(&mut client));
        }
    }
}

/// Lengths beyond the frame, unknown types, keys that are not text.
pub(crate) fn dishonest(attack: &Attack) {
    let tables: [&[u8]; 6] = [
        &[0xFF, 0xFF, 0xFF, 0xFF],
        &[0, 0, 0, 7, 1, b'k', b'S', 0xFF, 0xFF, 0xFF, 0xFF],
        &[0, 0, 0, 7, 1, b'k', b'A', 0x7F, 0xFF, 0xFF, 0xFF],
        &[0, 0, 0, 3, 1, b'k', 0xF7],
        &[0, 0, 0, 4, 2, 0xC3, 0x28, b'V'],
        &[0, 0, 0, 1, 0xFF],
    ];
    for table in tables {
        for said in [declare(table), publish(table)] {
            let mut client = attack.login();
            client.output.put_slice(&said);
            client.flush().unwrap();
            until_true("the broker refuses", SOON, || is_closed_or_answered(&mut client));
        }
    }
}

/// Whether the broker said anything, or hung up: both are answers.
fn is_closed_or_answered(client: &mut warren_tests::client::Client) -> bool {
    client.is_readable(std::time::Duration::from_millis(20)).unwrap_or(true) || is_closed(client)
}
