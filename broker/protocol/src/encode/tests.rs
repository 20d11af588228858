//! What is written at once is what its parts would be.

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;

use super::{Deliver, PublishTemplate, body, header, method};
use crate::content;
use crate::frame::{Frame, FrameKind, OVERHEAD};
use crate::method::basic;
use crate::properties::Properties;
use crate::sample::Stock;
use crate::wire::Writer;

proptest! {
    #[test]
    fn a_delivery_is_its_method_and_its_header(
        stock in Stock::any(false),
        delivery_tag in any::<u64>(),
        redelivered in any::<bool>(),
        names in vec("\\PC{0,40}", 3),
    ) {
        let mut payload = BytesMut::new();
        content::encode(&mut payload, 3, &Properties::sample(&mut stock.source()));
        let [consumer_tag, exchange, routing_key] = [0, 1, 2].map(|index| &*names[index]);
        let mut at_once = BytesMut::new();
        let channel = 5;
        let mut short_strings = BytesMut::new();
        for name in [exchange, routing_key] {
            Writer::new(&mut short_strings).short_str(name);
        }
        let names = &short_strings[..];
        Deliver { channel, consumer_tag, delivery_tag, redelivered, names, header: &payload }
            .write(&mut at_once);

        let mut parts = BytesMut::new();
        method(&mut parts, channel, basic::Deliver { consumer_tag, delivery_tag, redelivered, exchange, routing_key });
        header(&mut parts, channel, &payload);
        prop_assert_eq!(at_once, parts);
    }

    #[test]
    fn a_template_writes_what_its_parts_would(
        stock in Stock::any(false),
        content in vec(any::<u8>(), 0..300),
        frame_max in 9u32..200,
    ) {
        let publish = basic::Publish { exchange: "e", routing_key: "k", mandatory: true, immediate: false };
        let properties = Properties::sample(&mut stock.source());
        let mut templated = BytesMut::from(&b"before"[..]);
        PublishTemplate::new(9, frame_max, publish.clone(), &properties).write(&mut templated, &content);

        let mut parts = BytesMut::from(&b"before"[..]);
        method(&mut parts, 9, publish);
        let mut payload = BytesMut::new();
        content::encode(&mut payload, content.len() as u64, &properties);
        header(&mut parts, 9, &payload);
        body(&mut parts, 9, &content, frame_max);
        prop_assert_eq!(templated, parts);
    }

    #[test]
    fn bodies_are_cut_to_fit(content in vec(any::<u8>(), 0..500), frame_max in 9u32..100) {
        let mut bytes = BytesMut::new();
        body(&mut bytes, 1, &content, frame_max);
        let (mut rest, mut joined) = (&bytes[..], Vec::new());
        while let Some(frame) = Frame::first(rest, frame_max).expect("well formed") {
            prop_assert_eq!(frame.kind, FrameKind::Body);
            prop_assert!(frame.payload.len() + OVERHEAD <= frame_max as usize);
            joined.extend_from_slice(frame.payload);
            rest = &rest[frame.size()..];
        }
        prop_assert_eq!(joined, content);
    }
}
