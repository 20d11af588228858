//! Structural schemas: what a kind's fields are.
//!
//! One form serves built-in kinds (whose schemas come with the Rust types) and custom resources
//! (whose schemas come with their definition). Pruning, defaulting, validation, merging and field
//! ownership all walk it.

mod cel;
mod format;
mod parse;
mod shape;
mod validate;

use std::{collections::BTreeMap, sync::Arc};

use regex::Regex;
use serde_json::Value;

pub(crate) use self::{
    cel::Rules,
    parse::{Resolve, SchemaError},
    shape::{apply_defaults, drop_nulls, prune},
    validate::validate,
};

/// What one value may be.
#[derive(Debug, Default, Clone)]
pub(crate) struct Schema {
    /// The JSON type; any when absent.
    pub(crate) kind: Option<Kind>,
    /// Fields of an object.
    pub(crate) properties: BTreeMap<String, Arc<Schema>>,
    /// Values of a map.
    pub(crate) additional: Option<Arc<Schema>>,
    /// Entries of an array.
    pub(crate) items: Option<Arc<Schema>>,
    /// Fields that must be there.
    pub(crate) required: Vec<String>,
    /// Whether `null` is a value.
    pub(crate) nullable: bool,
    /// Whether fields that are not named here are kept.
    pub(crate) open: bool,
    /// Whether an integer will do as well as a string.
    pub(crate) int_or_string: bool,
    /// How arrays are merged.
    pub(crate) list: List,
    /// Whether an object is replaced as a whole.
    pub(crate) atomic: bool,
    /// The value of a field that is missing.
    pub(crate) default: Option<Value>,
    /// What values are allowed beyond their type.
    pub(crate) limits: Limits,
    /// Every one must hold.
    pub(crate) all_of: Vec<Arc<Schema>>,
    /// At least one must hold.
    pub(crate) any_of: Vec<Arc<Schema>>,
    /// Exactly one must hold.
    pub(crate) one_of: Vec<Arc<Schema>>,
    /// Must not hold.
    pub(crate) not: Option<Arc<Schema>>,
}

/// JSON types as schemas name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `object`.
    Object,
    /// `array`.
    Array,
    /// `string`.
    String,
    /// `integer`.
    Integer,
    /// `number`.
    Number,
    /// `boolean`.
    Boolean,
}

/// How two versions of an array become one (`x-kubernetes-list-type`).
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) enum List {
    /// The new one replaces the old one.
    #[default]
    Atomic,
    /// Scalars, each at most once.
    Set,
    /// Objects told apart by these fields; the value stands in for a key that is missing.
    Map(Vec<(String, Option<Value>)>),
}

/// Bounds on values.
#[derive(Debug, Default, Clone)]
pub(crate) struct Limits {
    /// The only values, when not empty.
    pub(crate) values: Vec<Value>,
    /// Named format, as in `date-time`.
    pub(crate) format: Option<String>,
    /// Regular expression that a string must match somewhere.
    pub(crate) pattern: Option<Regex>,
    /// Smallest number, and whether it is itself excluded.
    pub(crate) minimum: Option<(f64, bool)>,
    /// Largest number, and whether it is itself excluded.
    pub(crate) maximum: Option<(f64, bool)>,
    /// What a number must be a multiple of.
    pub(crate) multiple_of: Option<f64>,
    /// Characters of a string, at least and at most.
    pub(crate) length: (Option<u64>, Option<u64>),
    /// Entries of an array, at least and at most.
    pub(crate) items: (Option<u64>, Option<u64>),
    /// Fields of an object, at least and at most.
    pub(crate) properties: (Option<u64>, Option<u64>),
    /// Whether the entries of an array must differ.
    pub(crate) unique: bool,
}

// === impl Schema ===

impl Schema {
    /// Anything at all.
    pub(crate) fn any() -> Self {
        Self { open: true, nullable: true, ..Self::default() }
    }

    /// The schema of a field of an object, when one is known.
    pub(crate) fn field(&self, name: &str) -> Option<&Arc<Schema>> {
        self.properties.get(name).or(self.additional.as_ref())
    }
}

// === impl Kind ===

impl Kind {
    /// The schema language's word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Array => "array",
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
        }
    }
}

/// A path with one more field, as error texts write it.
pub(crate) fn join(path: &str, field: &str) -> String {
    if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") }
}

#[cfg(test)]
mod tests;
