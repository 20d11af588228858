//! Messages: on the wire, assembled, compacted.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::message::Message;
use crate::message::sample::{HEADER, on_wire};

fn parts(message: &Message) -> (&str, &str, &[u8], &[u8]) {
    (message.exchange(), message.routing_key(), message.header(), message.body())
}

proptest! {
    /// A message says the same whether it lies in the read buffer, was compacted or was assembled.
    #[test]
    fn a_message_is_the_same_wherever_it_lies(
        exchange in "[a-zé.]{0,20}",
        key in "[a-zé.]{0,20}",
        body in vec(any::<u8>(), 0..64),
    ) {
        let (buf, header, body_start) = on_wire(&exchange, &key, &body);
        let expected = (&*exchange, &*key, &HEADER[..], &*body);
        let message = Message::from_wire(buf.into(), header, body_start).unwrap();
        let mut compact = message.clone();
        compact.compact();
        compact.compact();
        let (front, back) = body.split_at(body.len() / 2);
        let assembled = Message::assemble(&exchange, &key, &HEADER, &[front, back]).unwrap();
        for message in [&message, &compact, &assembled] {
            prop_assert_eq!(parts(message), expected);
            prop_assert_eq!(message.body_len(), body.len());
            prop_assert_eq!(&*message.body_bytes(), &*body);
        }
        prop_assert_eq!(compact.size(), 2 + exchange.len() + key.len() + HEADER.len() + body.len());
    }

    /// Nonsense is refused, never believed.
    #[test]
    fn nonsense_is_refused(
        buf in vec(any::<u8>(), 0..80),
        start in 0_usize..90,
        len in 0_usize..90,
        body in 0_usize..90,
    ) {
        if let Some(mut message) = Message::from_wire(Bytes::from(buf), start..start + len, body) {
            let before = message.clone();
            message.compact();
            prop_assert_eq!(parts(&message), parts(&before));
        }
    }
}

#[test]
fn a_name_that_does_not_fit_is_refused() {
    assert!(Message::assemble("e", &"k".repeat(256), &HEADER, &[]).is_none());
    assert!(Message::assemble("e", "k", &HEADER[..13], &[]).is_none());
    let (buf, header, body) = on_wire("e", "k", b"");
    let mut odd = buf;
    odd[1] = 0xff;
    assert!(Message::from_wire(Bytes::from(odd), header, body).is_none(), "not UTF-8");
}
