//! Bodies cut into frames of any size that can be agreed on, both ways.

use broker_core::id::{ConsumerId, MessageId};
use broker_core::message::Message;
use broker_protocol::content;
use broker_protocol::encode;
use broker_protocol::frame::{END, Frame, FrameKind, PROTOCOL_HEADER};
use broker_protocol::method::{basic, channel, connection};
use broker_protocol::properties::Properties;
use broker_protocol::table::FieldTable;
use bytes::{Buf, BytesMut};
use proptest::prelude::*;

use super::{Driver, QUEUE, capabilities, start_ok};
use crate::request::{Answer, Delivery, Request};
use crate::settings::Settings;

/// A connection that has agreed on `frame_max`, with a consumer on channel 1.
fn consuming(frame_max: u32) -> (Driver, ConsumerId) {
    let mut driver = Driver::fresh(Settings::default());
    driver.feed(&PROTOCOL_HEADER);
    driver.send(0, start_ok(capabilities()));
    driver.answer(Answer::Done);
    driver.send(0, connection::TuneOk { channel_max: 10, frame_max, heartbeat: 0 });
    driver.send(0, connection::Open { virtual_host: "/" });
    driver.answer(Answer::Done);
    driver.send(1, channel::Open {});
    let consumer = driver.consume(1, "c", true);
    driver.output();
    driver.requests.clear();
    (driver, consumer)
}

/// The sizes of whole frames of this kind that the client gets, and what they carry.
fn frames(driver: &mut Driver, kind: FrameKind) -> (Vec<usize>, Vec<u8>) {
    let output = driver.connection.output();
    let mut bytes = vec![0; output.remaining()];
    output.copy_to_slice(&mut bytes);
    let (mut rest, mut sizes, mut carried) = (&bytes[..], Vec::new(), Vec::new());
    while let Some(frame) = Frame::first(rest, 0).expect("well formed frames") {
        if frame.kind == kind {
            sizes.push(frame.size());
            carried.extend_from_slice(frame.payload);
        }
        rest = &rest[frame.size()..];
    }
    (sizes, carried)
}

/// Bytes that differ from place to place.
fn body(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Deliveries come in as few frames as fit, none above the limit, and say what was published.
    #[test]
    fn deliveries_are_cut_to_the_limit(
        frame_max in prop_oneof![4_096_u32..4_200, 4_096_u32..=131_072, Just(131_072)],
        (frames_full, more) in (0usize..4, 0usize..3),
    ) {
        let piece = frame_max as usize - 8;
        // Just below, at and just above a whole number of frames.
        let length = (frames_full * piece + more).saturating_sub(1);
        let (mut driver, consumer) = consuming(frame_max);
        driver.deliver(consumer, 1, &body(length));
        let (sizes, content) = frames(&mut driver, FrameKind::Body);
        prop_assert_eq!(sizes.len(), length.div_ceil(piece));
        prop_assert!(sizes.iter().all(|size| *size <= frame_max as usize));
        prop_assert!(content == body(length));
    }

    /// A client may cut its bodies as it likes, into frames of up to the limit.
    #[test]
    fn publishes_are_joined(
        frame_max in prop_oneof![4_096_u32..4_200, 4_096_u32..=131_072],
        cuts in proptest::collection::vec(0.0f64..=1.0, 1..8),
    ) {
        let (mut driver, _) = consuming(frame_max);
        let pieces: Vec<_> = cuts.iter().map(|cut| 1 + (f64::from(frame_max - 1) * cut) as usize).collect();
        let whole = body(pieces.iter().sum());
        let mut out = BytesMut::new();
        encode::method(&mut out, 1, basic::Publish { routing_key: "k", ..Default::default() });
        let mut header = BytesMut::new();
        content::encode(&mut header, whole.len() as u64, &Properties::default());
        encode::header(&mut out, 1, &header);
        let mut rest = &whole[..];
        for piece in pieces {
            let (now, later) = rest.split_at(piece);
            out.extend_from_slice(&encode::head(FrameKind::Body, 1, piece));
            out.extend_from_slice(now);
            out.extend_from_slice(&[END]);
            rest = later;
        }
        driver.feed(&out);
        let Some(Request::Publish(publish)) = driver.requests.pop() else {
            return Err(TestCaseError::fail(format!("{:?}", driver.output())));
        };
        prop_assert!(publish.message.body() == &whole[..]);
    }
}

/// As in RabbitMQ: a header cannot be cut, so it goes to a client with smaller frames as it is.
#[test]
fn a_header_above_the_limit_is_delivered_whole() {
    let (mut driver, consumer) = consuming(4_096);
    let long = "x".repeat(20_000);
    let headers: FieldTable = [("long", long.as_str())].into_iter().collect();
    let mut header = BytesMut::new();
    let properties = Properties { headers: Some(headers), ..Default::default() };
    content::encode(&mut header, 0, &properties);
    let message = Message::assemble("", "k", &header, &[]).unwrap();
    let delivery =
        Delivery { consumer, queue: QUEUE, id: MessageId(1), redelivered: false, message };
    driver.connection.deliver(delivery, &mut driver.requests);
    let (sizes, content) = frames(&mut driver, FrameKind::Header);
    assert_eq!((sizes.len(), content.len()), (1, header.len()));
}
