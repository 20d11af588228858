//! Properties, both ways, with `amq-protocol` as the oracle.

use amq_protocol::frame::{AMQPFrame, WriteContext, gen_frame, parse_frame};
use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;

use super::{PERSISTENT, Properties, RawProperties};
use crate::content::{self, ContentHeader};
use crate::encode;
use crate::error::DecodeError;
use crate::sample::Stock;
use crate::wire::Writer;

fn bytes_of(properties: &Properties<'_>) -> BytesMut {
    let mut out = BytesMut::new();
    properties.encode(&mut Writer::new(&mut out));
    out
}

proptest! {
    #[test]
    fn headers_agree_with_the_oracle(stock in Stock::any(false), size in any::<u64>()) {
        let properties = Properties::sample(&mut stock.source());
        let mut payload = BytesMut::new();
        content::encode(&mut payload, size, &properties);
        let mut framed = BytesMut::new();
        encode::header(&mut framed, 7, &payload);

        let (rest, theirs) = parse_frame(&framed[..]).expect("the oracle can read it");
        prop_assert!(rest.is_empty());
        prop_assert!(matches!(&theirs, AMQPFrame::Header(7, header) if header.body_size == size));
        let written = gen_frame(&theirs)(WriteContext::from(Vec::new())).expect("written").write;
        prop_assert_eq!(&written[..], &framed[..]);

        let header = ContentHeader::decode(&payload).expect("well formed");
        prop_assert_eq!((header.class, header.body_size), (content::BASIC, size));
        prop_assert_eq!(header.properties.to_properties(), Ok(properties));
        prop_assert_eq!(ContentHeader::trusted(&payload), Ok(header));
    }

    #[test]
    fn single_properties_are_those_of_the_whole(stock in Stock::any(false)) {
        let all = Properties::sample(&mut stock.source());
        let bytes = bytes_of(&all);
        let raw = RawProperties::decode(&bytes).expect("well formed");
        prop_assert_eq!(raw.delivery_mode(), all.delivery_mode);
        prop_assert_eq!(raw.is_persistent(), all.delivery_mode == Some(PERSISTENT));
        prop_assert_eq!(raw.priority(), all.priority);
        prop_assert_eq!(raw.expiration(), all.expiration);
        prop_assert_eq!(raw.reply_to(), all.reply_to);
        prop_assert_eq!(raw.message_id(), all.message_id);
        prop_assert_eq!(raw.user_id(), all.user_id);
        prop_assert_eq!(raw.has_headers(), all.headers.is_some());
        prop_assert_eq!(raw.headers(), all.headers);
    }

    #[test]
    fn properties_cut_short_or_run_on_are_refused(stock in Stock::any(false)) {
        let mut bytes = bytes_of(&Properties::sample(&mut stock.source()));
        for length in 0..bytes.len() {
            prop_assert!(RawProperties::decode(&bytes[..length]).is_err());
        }
        bytes.extend_from_slice(&[0]);
        prop_assert_eq!(RawProperties::decode(&bytes), Err(DecodeError::Trailing));
    }

    /// Checking without building accepts exactly what building accepts.
    #[test]
    fn checking_and_decoding_agree(bytes in vec(any::<u8>(), 0..200)) {
        let checked = RawProperties::decode(&bytes).map(|raw| raw.to_properties());
        prop_assert_eq!(checked.and_then(|decoded| decoded), Properties::decode(&bytes));
    }
}
