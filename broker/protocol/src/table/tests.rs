//! Tables: order, look-up and the limits of what is believed.

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;

use super::{FieldTable, MAX_DEPTH, Value, check};
use crate::error::DecodeError;
use crate::sample::any_table;
use crate::wire::{Reader, Writer};

fn encoded(table: &FieldTable) -> BytesMut {
    let mut out = BytesMut::new();
    table.encode(&mut Writer::new(&mut out));
    out
}

/// A table in a table in a table, `depth` of them, built by hand from the inside out.
fn nested(depth: usize, letter: u8) -> Vec<u8> {
    let mut bytes = vec![0, 0, 0, 0];
    for _ in 1..depth {
        let mut outer = if letter == b'F' { vec![0, letter] } else { vec![letter] };
        outer.append(&mut bytes);
        bytes = (outer.len() as u32).to_be_bytes().to_vec();
        bytes.append(&mut outer);
    }
    bytes
}

#[test]
fn nesting_has_a_limit() {
    #[rustfmt::skip]
    let cases = [
        (1,             Ok(())),
        (MAX_DEPTH,     Ok(())),
        (MAX_DEPTH + 1, Err(DecodeError::TooDeep)),
        (20_000,        Err(DecodeError::TooDeep)),
    ];
    for (depth, expected) in cases {
        let bytes = nested(depth, b'F');
        assert_eq!(FieldTable::decode(&mut Reader::new(&bytes)).map(drop), expected, "{depth}");
        assert_eq!(check(&mut Reader::new(&bytes)), expected, "{depth}");
    }
    let arrays = nested(20_000, b'A');
    let mut table = ((arrays.len() + 2) as u32).to_be_bytes().to_vec();
    table.extend_from_slice(&[0, b'A']);
    table.extend_from_slice(&arrays);
    assert_eq!(FieldTable::decode(&mut Reader::new(&table)), Err(DecodeError::TooDeep));
}

#[test]
fn letters_that_mean_the_same_are_read() {
    #[rustfmt::skip]
    let cases: [(&[u8], Result<Value, DecodeError>); 5] = [
        (b"U\xff\xfe",                 Ok(Value::I16(-2))),
        (b"s\xff\xfe",                 Ok(Value::I16(-2))),
        (b"L\xff\xff\xff\xff\xff\xff\xff\xfe", Ok(Value::I64(-2))),
        (b"t\x07",                     Ok(Value::Bool(true))),
        (b"?",                         Err(DecodeError::UnknownFieldType(b'?'))),
    ];
    for (value, expected) in cases {
        let length = (value.len() + 2) as u32;
        let bytes = [&length.to_be_bytes()[..], b"\x01k", value].concat();
        let decoded = FieldTable::decode(&mut Reader::new(&bytes));
        assert_eq!(decoded.map(|table| table.get("k").cloned()), expected.map(Some), "{value:?}");
    }
}

#[test]
fn a_name_is_set_once_and_removed_wholly() {
    let mut table: FieldTable = [("a", 1), ("b", 2), ("a", 3)].into_iter().collect();
    assert_eq!(table.get("a"), Some(&Value::I32(1)), "the first counts");
    table.insert("b", "two");
    assert_eq!(table.get("b").and_then(Value::as_str), Some("two"));
    assert_eq!(table.remove("a"), Some(Value::I32(1)));
    assert_eq!(table.get("a"), None);
    assert_eq!(table.len(), 1);
}

proptest! {
    #[test]
    fn a_table_comes_back_as_it_was(table in any_table()) {
        let bytes = encoded(&table);
        let mut reader = Reader::new(&bytes);
        prop_assert_eq!(FieldTable::decode(&mut reader), Ok(table));
        prop_assert!(reader.is_empty());
    }

    #[test]
    fn checking_and_decoding_agree(table in any_table(), flips in vec(any::<(u16, u8)>(), 0..4)) {
        let mut bytes = encoded(&table);
        for (at, octet) in flips {
            let at = usize::from(at) % bytes.len();
            bytes[at] = octet;
        }
        let decoded = FieldTable::decode(&mut Reader::new(&bytes)).map(drop);
        prop_assert_eq!(check(&mut Reader::new(&bytes)), decoded);
    }
}
