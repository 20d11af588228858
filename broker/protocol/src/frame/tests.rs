//! Cutting bytes into frames.

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;

use super::{Frame, FrameKind, whole};
use crate::encode;
use crate::error::DecodeError;

type Case = (&'static [u8], Result<Option<FrameKind>, DecodeError>, &'static str);

#[test]
fn the_front_of_the_input_decides() {
    use DecodeError::*;
    #[rustfmt::skip]
    let cases: [Case; 9] = [
        (b"",                            Ok(None),                        "nothing yet"),
        (b"\x01\0\0\0\0\0",              Ok(None),                        "half a head"),
        (b"A",                           Err(UnknownFrameType(b'A')),     "a wrong first octet is known at once"),
        (b"\x08\0\0\0\0\0\0\xCE",        Ok(Some(FrameKind::Heartbeat)),  "no payload"),
        (b"\x03\0\x01\0\0\0\x02ab\xCE?", Ok(Some(FrameKind::Body)),       "more follows"),
        (b"\x03\0\x01\0\0\0\x02ab",      Ok(None),                        "the end is missing"),
        (b"\x03\0\x01\0\0\0\x02ab\xCD",  Err(BadFrameEnd(0xCD)),          "a wrong end"),
        (b"\x03\0\x01\0\0\x10\x01",     Err(FrameTooLarge { size: 4097, max: 4096 }), "too large is known from the head"),
        (b"\x03\0\x01\0\0\x10\0",        Ok(None),                          "a limit that counts the payload alone is as good"),
    ];
    for (input, expected, because) in cases {
        let kind = Frame::first(input, 4096).map(|frame| frame.map(|frame| frame.kind));
        assert_eq!(kind, expected, "{because}");
    }
    let largest = Frame::first(b"\x03\0\x01\0\0\x10\0", 4096);
    assert_eq!(largest, Ok(None), "eight bytes over the limit are let pass");
    let unlimited = Frame::first(b"\x03\0\x01\xff\xff\xff\xff", 0);
    assert_eq!(unlimited, Ok(None));
}

fn any_frames() -> impl Strategy<Value = Vec<(u16, Vec<u8>)>> {
    vec((any::<u16>(), vec(any::<u8>(), 1..200)), 0..16)
}

proptest! {
    /// However the network cuts the byte stream, the same frames come out.
    #[test]
    fn decoding_does_not_see_packet_boundaries(frames in any_frames(), packet in 1usize..64) {
        let mut bytes = BytesMut::new();
        for (channel, body) in &frames {
            encode::body(&mut bytes, *channel, body, 0);
        }
        let mut input = Vec::new();
        let mut found = Vec::new();
        for packet in bytes.chunks(packet) {
            input.extend_from_slice(packet);
            let (length, error) = whole(&input, 4096);
            prop_assert_eq!(error, None);
            let mut rest = &input[..length];
            while let Some(frame) = Frame::first(rest, 4096).expect("checked before") {
                found.push((frame.channel, frame.payload.to_vec()));
                rest = &rest[frame.size()..];
            }
            prop_assert!(rest.is_empty());
            input.drain(..length);
        }
        prop_assert!(input.is_empty());
        prop_assert_eq!(found, frames);
    }

    #[test]
    fn garbage_is_never_fatal(bytes in vec(any::<u8>(), 0..200), frame_max in any::<u32>()) {
        let (length, _) = whole(&bytes, frame_max);
        prop_assert!(length <= bytes.len());
    }
}
