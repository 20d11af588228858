//! Field tables: the named, typed values of arguments and message headers (section 4.2.5.5).
//!
//! The types are those RabbitMQ reads and writes, which differ from the specification's letters
//! (`s` is a 16-bit integer, not a short string). Order is kept as it came.

mod decode;
mod encode;

pub use crate::table::decode::check;

/// How deep tables and arrays may be nested. Deeper input is refused, so decoding never runs out of stack.
pub const MAX_DEPTH: usize = 64;

/// Named values, in the order in which they were written. A name may come twice; the first counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldTable(Vec<(Box<str>, Value)>);

/// A value of a field table or array.
///
/// Floating-point numbers are held as their IEEE 754 bits, so that values compare and hash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// `t`: a boolean.
    Bool(bool),
    /// `b`: a signed 8-bit integer.
    I8(i8),
    /// `B`: an unsigned 8-bit integer.
    U8(u8),
    /// `s`, also read from `U`: a signed 16-bit integer.
    I16(i16),
    /// `u`: an unsigned 16-bit integer.
    U16(u16),
    /// `I`: a signed 32-bit integer.
    I32(i32),
    /// `i`: an unsigned 32-bit integer.
    U32(u32),
    /// `l`, also read from `L`: a signed 64-bit integer.
    I64(i64),
    /// `f`: the bits of a 32-bit floating-point number.
    F32(u32),
    /// `d`: the bits of a 64-bit floating-point number.
    F64(u64),
    /// `D`: `value` divided by ten to the power of `scale`.
    Decimal {
        /// Decimal digits after the point.
        scale: u8,
        /// The digits.
        value: u32,
    },
    /// `S`: a long string, usually but not always UTF-8.
    String(Box<[u8]>),
    /// `x`: bytes.
    Bytes(Box<[u8]>),
    /// `T`: seconds since the Unix epoch.
    Timestamp(u64),
    /// `A`: a list of values.
    Array(Vec<Value>),
    /// `F`: a table within.
    Table(FieldTable),
    /// `V`: nothing.
    Void,
}

// === impl FieldTable ===

impl FieldTable {
    /// A table without values.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// How many values there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no value.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first value of this name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.iter().find_map(|(key, value)| (key == name).then_some(value))
    }

    /// Sets the value of `name`, in its place if there is one, else at the end.
    pub fn insert(&mut self, name: impl Into<Box<str>>, value: impl Into<Value>) {
        let name = name.into();
        let value = value.into();
        match self.0.iter_mut().find(|(key, _)| *key == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    /// Removes every value of this name and returns the first.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        let at = self.0.iter().position(|(key, _)| &**key == name)?;
        let (_, value) = self.0.remove(at);
        self.0.retain(|(key, _)| &**key != name);
        Some(value)
    }

    /// The names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    /// The same values sorted by name, for comparing tables whose order does not matter.
    pub fn sorted(mut self) -> Self {
        self.0.sort();
        self
    }
}

impl<N: Into<Box<str>>, V: Into<Value>> FromIterator<(N, V)> for FieldTable {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(values: I) -> Self {
        Self(values.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

// === impl Value ===

impl Value {
    /// The text, if this is a string of UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(bytes) => str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// The number, if this is an integer of any width.
    pub fn as_i64(&self) -> Option<i64> {
        match *self {
            Self::I8(value) => Some(value.into()),
            Self::U8(value) => Some(value.into()),
            Self::I16(value) => Some(value.into()),
            Self::U16(value) => Some(value.into()),
            Self::I32(value) => Some(value.into()),
            Self::U32(value) => Some(value.into()),
            Self::I64(value) => Some(value),
            _ => None,
        }
    }

    /// The truth value, if this is one.
    pub const fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// What RabbitMQ calls this type in its texts, as in `longstr`.
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Bool(_) => "bool",
            Self::I8(_) => "byte",
            Self::U8(_) => "unsignedbyte",
            Self::I16(_) => "short",
            Self::U16(_) => "unsignedshort",
            Self::I32(_) => "signedint",
            Self::U32(_) => "unsignedint",
            Self::I64(_) => "long",
            Self::F32(_) => "float",
            Self::F64(_) => "double",
            Self::Decimal { .. } => "decimal",
            Self::String(_) => "longstr",
            Self::Bytes(_) => "binary",
            Self::Timestamp(_) => "timestamp",
            Self::Array(_) => "array",
            Self::Table(_) => "table",
            Self::Void => "void",
        }
    }
}

macro_rules! value_from {
    ($($type:ty => $variant:ident),* $(,)?) => {$(
        impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Self::$variant(value.into())
            }
        }
    )*};
}

value_from! {
    bool => Bool, i8 => I8, u8 => U8, i16 => I16, u16 => U16, i32 => I32, u32 => U32, i64 => I64,
    FieldTable => Table, Vec<Value> => Array,
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.as_bytes().into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text.into_bytes().into())
    }
}

impl From<f32> for Value {
    fn from(value: f32) -> Self {
        Self::F32(value.to_bits())
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::F64(value.to_bits())
    }
}

#[cfg(test)]
mod tests;
