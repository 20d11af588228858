//! Any bytes as a stream of frames: decoding never panics, and what it accepts it can write again.

#![no_main]

use broker_protocol::content::ContentHeader;
use broker_protocol::frame::{Frame, FrameKind, whole};
use broker_protocol::method::Method;
use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;

const FRAME_MAX: u32 = 131_072;

fuzz_target!(|input: &[u8]| {
    let (length, _) = whole(input, FRAME_MAX);
    let mut rest = &input[..length];
    while let Some(frame) = Frame::first(rest, FRAME_MAX).expect("whole frames are well formed") {
        decode(frame.kind, frame.payload);
        rest = &rest[frame.size()..];
    }
    assert!(rest.is_empty());
    // Few random inputs are whole frames, so the payloads' decoders get them bare as well.
    decode(FrameKind::Method, input);
    decode(FrameKind::Header, input);
});

fn decode(kind: FrameKind, payload: &[u8]) {
    match kind {
        FrameKind::Method => {
            if let Ok(method) = Method::decode(payload) {
                let mut again = BytesMut::new();
                method.encode(&mut again);
                assert_eq!(Method::decode(&again), Ok(method));
            }
        }
        FrameKind::Header => {
            if let Ok(header) = ContentHeader::decode(payload) {
                let properties = header.properties.to_properties().expect("they were checked");
                assert_eq!(header.properties.priority(), properties.priority);
                assert_eq!(header.properties.headers(), properties.headers);
            }
        }
        FrameKind::Body | FrameKind::Heartbeat => {}
    }
}
