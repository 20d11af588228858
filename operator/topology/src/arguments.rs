//! Arguments of exchanges, queues and bindings: from JSON to an AMQP field table.

use lapin::types::{AMQPValue, FieldArray, FieldTable, ShortString};
use serde_json::Value;
use thiserror::Error;

/// How deep lists and tables may nest; far beyond what any broker reads.
const MAX_DEPTH: usize = 16;

/// A field table that is known to fit on the wire.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Arguments(FieldTable);

/// Why JSON cannot be sent as arguments. The text names the argument.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ArgumentError {
    /// AMQP keeps names in a short string.
    #[error("the argument name '{}…' is longer than 255 bytes", name.chars().take(40).collect::<String>())]
    NameTooLong {
        /// The name.
        name: String,
    },
    /// Beyond the reach of a signed 64-bit integer.
    #[error("argument '{name}': {value} is too large for a 64-bit integer")]
    NumberTooLarge {
        /// The argument.
        name: String,
        /// The number as it was written.
        value: String,
    },
    /// Lists and tables within each other.
    #[error("argument '{name}' nests lists and tables deeper than {MAX_DEPTH}")]
    TooDeep {
        /// The outermost argument.
        name: String,
    },
}

// === impl Arguments ===

impl Arguments {
    /// Converts JSON. Integers become `long-long-int`, other numbers `double`, text `longstr`.
    ///
    /// # Errors
    ///
    /// When a name or a value has no place in AMQP's field table.
    pub fn from_json<'a>(
        arguments: impl IntoIterator<Item = (&'a String, &'a Value)>,
    ) -> Result<Self, ArgumentError> {
        table(arguments, MAX_DEPTH, None).map(Self)
    }

    /// The table for the wire.
    pub(crate) fn table(&self) -> FieldTable {
        self.0.clone()
    }
}

fn table<'a>(
    map: impl IntoIterator<Item = (&'a String, &'a Value)>,
    depth: usize,
    within: Option<&str>,
) -> Result<FieldTable, ArgumentError> {
    let mut table = FieldTable::default();
    for (name, json) in map {
        let key = ShortString::try_new(name.as_str())
            .map_err(|_| ArgumentError::NameTooLong { name: name.clone() })?;
        table.insert(key, value(json, depth, within.unwrap_or(name))?);
    }
    Ok(table)
}

fn value(json: &Value, depth: usize, name: &str) -> Result<AMQPValue, ArgumentError> {
    let deeper =
        depth.checked_sub(1).ok_or_else(|| ArgumentError::TooDeep { name: name.to_owned() });
    Ok(match json {
        Value::Null => AMQPValue::Void,
        Value::Bool(flag) => AMQPValue::Boolean(*flag),
        Value::String(text) => AMQPValue::LongString(text.as_str().into()),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => AMQPValue::LongLongInt(integer),
            (None, Some(float)) if number.is_f64() => AMQPValue::Double(float),
            _ => {
                let value = number.to_string();
                return Err(ArgumentError::NumberTooLarge { name: name.to_owned(), value });
            }
        },
        Value::Array(items) => {
            let depth = deeper?;
            let items: Result<Vec<_>, _> =
                items.iter().map(|item| value(item, depth, name)).collect();
            AMQPValue::FieldArray(FieldArray::from(items?))
        }
        Value::Object(map) => AMQPValue::FieldTable(table(map, deeper?, Some(name))?),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn convert(json: &Value) -> Result<Arguments, ArgumentError> {
        Arguments::from_json(json.as_object().unwrap())
    }

    #[test]
    fn json_keeps_its_kind() {
        #[rustfmt::skip]
        let cases = [
            (json!(true),      AMQPValue::Boolean(true)),
            (json!(100_000),   AMQPValue::LongLongInt(100_000)),
            (json!(-1),        AMQPValue::LongLongInt(-1)),
            (json!(0.5),       AMQPValue::Double(0.5)),
            (json!("drop"),    AMQPValue::LongString("drop".into())),
            (json!(null),      AMQPValue::Void),
            (json!(["a"]),     AMQPValue::FieldArray(vec![AMQPValue::LongString("a".into())].into())),
        ];
        for (value, expected) in cases {
            let arguments = convert(&json!({ "x": value })).unwrap();
            assert_eq!(arguments.table().inner().get("x"), Some(&expected), "{value}");
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let mut deep = json!(1);
        for _ in 0..100 {
            deep = json!([deep]);
        }
        #[rustfmt::skip]
        let cases = [
            (json!({ "n".repeat(256): 1 }),      "longer than 255 bytes"),
            (json!({ "x-n": u64::MAX }),         "argument 'x-n': 18446744073709551615 is too large"),
            (json!({ "x-deep": deep }),          "argument 'x-deep' nests"),
        ];
        for (json, expected) in cases {
            let error = convert(&json).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
