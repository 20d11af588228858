//! Field tables as JSON, and the reverse.

use broker_api::Arguments;
use broker_protocol::table::{FieldTable, Value};
use serde_json::{Number, Value as Json};

/// The table as a JSON object. Numbers JSON cannot say are null; bytes that are not UTF-8 are replaced.
pub(super) fn arguments(table: &FieldTable) -> Arguments {
    table.iter().map(|(name, value)| (name.to_owned(), json(value))).collect()
}

/// The JSON object as a table: whole numbers become 64-bit integers, others doubles.
pub(super) fn table(arguments: &Arguments) -> FieldTable {
    arguments.iter().map(|(name, json)| (name.as_str(), value(json))).collect()
}

fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Void,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Value::I64(whole),
            (None, float) => Value::from(float.unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(values) => Value::Array(values.iter().map(value).collect()),
        Json::Object(arguments) => Value::Table(table(arguments)),
    }
}

fn json(value: &Value) -> Json {
    match value {
        Value::Bool(value) => Json::Bool(*value),
        Value::String(bytes) | Value::Bytes(bytes) => {
            Json::String(String::from_utf8_lossy(bytes).into_owned())
        }
        Value::Timestamp(seconds) => Json::from(*seconds),
        Value::F32(bits) => float(f32::from_bits(*bits).into()),
        Value::F64(bits) => float(f64::from_bits(*bits)),
        Value::Decimal { scale, value } => float(f64::from(*value) / 10f64.powi((*scale).into())),
        Value::Array(values) => Json::Array(values.iter().map(json).collect()),
        Value::Table(table) => Json::Object(arguments(table)),
        Value::Void => Json::Null,
        number => number.as_i64().map_or(Json::Null, Json::from),
    }
}

fn float(value: f64) -> Json {
    Number::from_f64(value).map_or(Json::Null, Json::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_becomes_an_object() {
        let mut inner = FieldTable::new();
        inner.insert("deep", true);
        let mut table = FieldTable::new();
        table.insert("x-max-length", 10_i32);
        table.insert("x-overflow", "drop-head");
        table.insert("nested", inner);
        table.insert("nan", f64::NAN);
        let expected = serde_json::json!({
            "x-max-length": 10, "x-overflow": "drop-head", "nested": {"deep": true}, "nan": null,
        });
        assert_eq!(Json::Object(arguments(&table)), expected);
    }

    #[test]
    fn an_object_becomes_a_table() {
        let json = serde_json::json!({
            "whole": 10, "part": 0.5, "huge": u64::MAX, "text": "drop-head", "yes": true,
            "none": null, "list": [1, "a"], "nested": {"deep": -1},
        });
        let Json::Object(object) = &json else { panic!("an object") };
        let table = table(object);
        assert_eq!(table.get("whole"), Some(&Value::I64(10)));
        assert_eq!(table.get("part"), Some(&Value::from(0.5)));
        assert_eq!(table.get("huge").map(Value::type_name), Some("double"));
        assert_eq!(table.get("list"), Some(&Value::Array(vec![Value::I64(1), "a".into()])));
        let mut expected = json.clone();
        expected["huge"] = serde_json::json!(u64::MAX as f64);
        assert_eq!(Json::Object(arguments(&table)), expected);
    }
}
