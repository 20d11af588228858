//! Every method, both ways, with `amq-protocol` as the oracle.

use amq_protocol::frame::{AMQPFrame, WriteContext, gen_frame, parse_frame};
use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::encode;
use crate::error::DecodeError;
use crate::frame::Frame;
use crate::method::{IDS, Method};
use crate::sample::Stock;

/// `access.request-ok` and `basic.qos`: the oracle does not pass on the ticket and the prefetch size.
const UNKNOWN_TO_THE_ORACLE: [(u16, u16); 2] = [(30, 11), (60, 10)];

fn known_to_the_oracle() -> impl Strategy<Value = (u16, u16)> {
    select(IDS).prop_filter("not known", |id| !UNKNOWN_TO_THE_ORACLE.contains(id))
}

fn framed(channel: u16, method: &Method<'_>) -> BytesMut {
    let mut out = BytesMut::new();
    encode::method(&mut out, channel, method.clone());
    out
}

fn by_the_oracle(frame: &AMQPFrame) -> Vec<u8> {
    gen_frame(frame)(WriteContext::from(Vec::new())).expect("the oracle can write it").write
}

/// `name: value` of all integers and bits in a `Debug` text.
fn scalars(debug: &str) -> Vec<(String, String)> {
    let pairs = debug.split([',', '{', '}']).filter_map(|part| part.split_once(": "));
    pairs
        .map(|(name, value)| (name.trim().replace('_', ""), value.trim().to_owned()))
        .filter(|(_, value)| value == "true" || value == "false" || value.parse::<u64>().is_ok())
        .collect()
}

proptest! {
    #[test]
    fn what_we_write_the_oracle_reads_and_writes_alike(
        id in known_to_the_oracle(),
        stock in Stock::any(false),
        channel in any::<u16>(),
    ) {
        let method = Method::sample(id, &mut stock.source()).expect("a method of this id");
        let bytes = framed(channel, &method);
        let (rest, theirs) = parse_frame(&bytes[..]).expect("the oracle can read it");
        prop_assert!(rest.is_empty());
        let written = by_the_oracle(&theirs);
        prop_assert_eq!(&written[..], &bytes[..]);

        let frame = Frame::first(&written, 0).expect("well formed").expect("whole");
        prop_assert_eq!((frame.channel, frame.size()), (channel, written.len()));
        prop_assert_eq!(Method::decode(frame.payload), Ok(method));
    }

    /// Bytes alone would not tell if two flags had changed names.
    #[test]
    fn names_of_flags_and_numbers_are_the_oracles(
        id in known_to_the_oracle(),
        stock in Stock::any(true),
    ) {
        let method = Method::sample(id, &mut stock.source()).expect("a method of this id");
        let bytes = framed(1, &method);
        let (_, theirs) = parse_frame(&bytes[..]).expect("the oracle can read it");
        let AMQPFrame::Method(_, theirs) = theirs else { panic!("not a method: {theirs:?}") };
        prop_assert_eq!(scalars(&format!("{method:?}")), scalars(&format!("{theirs:?}")));
    }

    #[test]
    fn a_method_cut_short_or_run_on_is_refused(id in select(IDS), stock in Stock::any(false)) {
        let method = Method::sample(id, &mut stock.source()).expect("a method of this id");
        let mut payload = BytesMut::new();
        method.encode(&mut payload);
        for length in 0..payload.len() {
            prop_assert!(Method::decode(&payload[..length]).is_err(), "cut to {} bytes", length);
        }
        payload.extend_from_slice(&[0]);
        prop_assert_eq!(Method::decode(&payload), Err(DecodeError::Trailing));
    }

    #[test]
    fn garbage_is_refused_or_read_but_never_fatal(
        id in select(IDS),
        garbage in vec(any::<u8>(), 0..300),
    ) {
        let payload = [&id.0.to_be_bytes()[..], &id.1.to_be_bytes(), &garbage].concat();
        if let Ok(method) = Method::decode(&payload) {
            let mut again = BytesMut::new();
            method.encode(&mut again);
            prop_assert_eq!(Method::decode(&again), Ok(method));
        }
    }
}

#[test]
fn a_method_that_does_not_exist_is_told_apart() {
    let unknown = Err(DecodeError::UnknownMethod { class: 60, method: 41 });
    assert_eq!(Method::decode(&[0, 60, 0, 41]), unknown);
}

#[test]
fn every_method_has_a_name_of_its_class() {
    let mut names = std::collections::BTreeSet::new();
    let stock = Stock::any(true).new_tree(&mut proptest::test_runner::TestRunner::deterministic());
    let stock = proptest::strategy::ValueTree::current(&stock.expect("a stock"));
    for id in IDS {
        let method = Method::sample(*id, &mut stock.source()).expect("a method of this id");
        assert_eq!(method.id(), *id);
        assert!(names.insert(method.name()), "{} twice", method.name());
    }
}
