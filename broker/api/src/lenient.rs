//! Fields that tools write in more than one way.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::limits::LimitValues;

/// `true`, or `"true"` as command-line tools send it.
pub(crate) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Bool(flag) => Ok(flag),
        Value::Null => Ok(false),
        Value::String(text) if text == "true" => Ok(true),
        Value::String(text) if text == "false" => Ok(false),
        other => Err(serde::de::Error::custom(format!("expected true or false, not {other}"))),
    }
}

/// A list of names, or one string of them with commas in between, as older versions have it.
pub(crate) fn tags<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let tags = Option::<Value>::deserialize(deserializer)?.unwrap_or(Value::Null);
    split(tags).map_err(serde::de::Error::custom)
}

/// The same, where it matters whether there is a list at all.
pub(crate) fn some_tags<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<String>>, D::Error> {
    tags(deserializer).map(Some)
}

/// Limits, which are an empty list where an older version has none.
pub(crate) fn limits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<LimitValues, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(LimitValues::new()),
        Value::Array(none) if none.is_empty() => Ok(LimitValues::new()),
        limits => serde_json::from_value(limits).map_err(serde::de::Error::custom),
    }
}

fn split(tags: Value) -> Result<Vec<String>, String> {
    match tags {
        Value::Null => Ok(Vec::new()),
        Value::String(text) => {
            let tags = text.split(',').map(str::trim).filter(|tag| !tag.is_empty());
            Ok(tags.map(str::to_owned).collect())
        }
        Value::Array(values) => values
            .into_iter()
            .map(|value| match value {
                Value::String(tag) => Ok(tag),
                other => Err(format!("a tag is a string, not {other}")),
            })
            .collect(),
        other => Err(format!("expected tags, not {other}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tags_are_read_in_every_form() {
        #[rustfmt::skip]
        let cases = [
            (json!("administrator, monitoring"), Ok(vec!["administrator", "monitoring"])),
            (json!(""),                          Ok(vec![])),
            (json!(null),                        Ok(vec![])),
            (json!(["a", "b"]),                  Ok(vec!["a", "b"])),
            (json!([1]),                         Err(())),
            (json!({}),                          Err(())),
        ];
        for (value, expected) in cases {
            let found = tags(value.clone()).map_err(|_| ());
            let expected = expected.map(|tags| tags.into_iter().map(str::to_owned).collect());
            assert_eq!(found, expected, "{value}");
        }
    }

    #[test]
    fn flags_are_read_in_every_form() {
        for (value, expected) in
            [(json!(true), Some(true)), (json!("false"), Some(false)), (json!(1), None)]
        {
            assert_eq!(flag(value.clone()).ok(), expected, "{value}");
        }
    }
}
