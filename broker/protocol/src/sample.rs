//! Random values for tests: any method, properties or table.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use crate::table::{FieldTable, Value};

/// What random arguments are made from: drawn once, then dealt out one after the other.
#[derive(Debug, Clone)]
pub struct Stock {
    numbers: Vec<u64>,
    strings: Vec<String>,
    tables: Vec<FieldTable>,
}

/// Deals values out of a [`Stock`].
pub struct Source<'a> {
    stock: &'a Stock,
    dealt: usize,
}

/// A value that can be dealt out.
pub trait Sample<'a> {
    /// Deals out a value.
    fn sample(source: &mut Source<'a>) -> Self;
}

// === impl Stock ===

impl Stock {
    /// A stock whose strings are of letters only if `plain`, and whose tables are then empty.
    pub(crate) fn any(plain: bool) -> impl Strategy<Value = Self> {
        let text = if plain { "[a-z]{0,20}" } else { "\\PC{0,60}" };
        let tables = if plain {
            Just(vec![FieldTable::new()]).boxed()
        } else {
            vec(any_table(), 1..3).boxed()
        };
        (vec(any::<u64>(), 32), vec(text, 4), tables).prop_map(|(numbers, strings, tables)| Self {
            numbers,
            strings,
            tables,
        })
    }

    pub(crate) fn source(&self) -> Source<'_> {
        Source { stock: self, dealt: 0 }
    }
}

impl Source<'_> {
    fn next(&mut self) -> usize {
        self.dealt += 1;
        self.dealt - 1
    }
}

// === impl Sample ===

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl<'a> Sample<'a> for $type {
            fn sample(source: &mut Source<'a>) -> Self {
                let next = source.next();
                source.stock.numbers[next % source.stock.numbers.len()] as $type
            }
        }
    )*};
}

integers!(u8, u16, u32, u64);

impl<'a> Sample<'a> for bool {
    fn sample(source: &mut Source<'a>) -> Self {
        u8::sample(source) % 2 == 0
    }
}

impl<'a> Sample<'a> for &'a str {
    fn sample(source: &mut Source<'a>) -> Self {
        let next = source.next();
        &source.stock.strings[next % source.stock.strings.len()]
    }
}

impl<'a> Sample<'a> for &'a [u8] {
    fn sample(source: &mut Source<'a>) -> Self {
        <&str>::sample(source).as_bytes()
    }
}

impl<'a> Sample<'a> for FieldTable {
    fn sample(source: &mut Source<'a>) -> Self {
        let next = source.next();
        source.stock.tables[next % source.stock.tables.len()].clone()
    }
}

impl<'a, T: Sample<'a>> Sample<'a> for Option<T> {
    fn sample(source: &mut Source<'a>) -> Self {
        bool::sample(source).then(|| T::sample(source))
    }
}

/// Any value, tables and arrays included.
pub(crate) fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<i8>().prop_map(Value::I8),
        any::<u8>().prop_map(Value::U8),
        any::<i16>().prop_map(Value::I16),
        any::<u16>().prop_map(Value::U16),
        any::<i32>().prop_map(Value::I32),
        any::<u32>().prop_map(Value::U32),
        any::<i64>().prop_map(Value::I64),
        proptest::num::f32::NORMAL.prop_map(Value::from),
        proptest::num::f64::NORMAL.prop_map(Value::from),
        (any::<u8>(), any::<u32>()).prop_map(|(scale, value)| Value::Decimal { scale, value }),
        vec(any::<u8>(), 0..40).prop_map(|bytes| Value::String(bytes.into())),
        vec(any::<u8>(), 0..40).prop_map(|bytes| Value::Bytes(bytes.into())),
        any::<u64>().prop_map(Value::Timestamp),
        Just(Value::Void),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::Array),
            btree_map("\\PC{0,12}", inner, 0..4)
                .prop_map(|values| Value::Table(values.into_iter().collect())),
        ]
    })
}

/// Any table, sorted by name as the oracle sorts it.
pub(crate) fn any_table() -> impl Strategy<Value = FieldTable> {
    btree_map("\\PC{0,12}", any_value(), 0..5).prop_map(|values| values.into_iter().collect())
}
