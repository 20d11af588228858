//! Sizes in bytes, written as Kubernetes writes quantities: `500Mi`, `10Gi`, `1T`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A whole number of bytes with an optional suffix, kept as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Size(pub String);

/// What a suffix multiplies by.
const SUFFIXES: [(&str, u64); 8] = [
    ("Ki", 1 << 10),
    ("Mi", 1 << 20),
    ("Gi", 1 << 30),
    ("Ti", 1 << 40),
    ("k", 1_000),
    ("M", 1_000_000),
    ("G", 1_000_000_000),
    ("T", 1_000_000_000_000),
];

// === impl Size ===

impl Size {
    /// The size in bytes; `None` when it is not written as the schema asks, or exceeds `u64`.
    pub fn bytes(&self) -> Option<u64> {
        let text = self.0.as_str();
        let (digits, factor) = SUFFIXES
            .iter()
            .find_map(|(suffix, factor)| text.strip_suffix(suffix).map(|digits| (digits, *factor)))
            .unwrap_or((text, 1));
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        digits.parse::<u64>().ok()?.checked_mul(factor)
    }
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "maxLength": 24 })
    }
}

#[cfg(test)]
mod tests {
    use super::Size;

    #[test]
    fn a_size_is_a_whole_number_of_bytes() {
        #[rustfmt::skip]
        let cases = [
            // written                 bytes
            ("0",                      Some(0)),
            ("16",                     Some(16)),
            ("1k",                     Some(1_000)),
            ("1Ki",                    Some(1_024)),
            ("500Mi",                  Some(524_288_000)),
            ("10Gi",                   Some(10_737_418_240)),
            ("2T",                     Some(2_000_000_000_000)),
            ("",                       None),
            ("Gi",                     None),
            ("1.5Gi",                  None),
            ("-1",                     None),
            ("+1",                     None),
            ("10GiB",                  None),
            ("99999999999999999999",   None),
            ("18446744073709551615Ti", None),
        ];
        for (written, bytes) in cases {
            assert_eq!(Size(written.into()).bytes(), bytes, "{written}");
        }
    }
}
