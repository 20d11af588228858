//! Field tables as JSON.

use broker_api::Arguments;
use broker_protocol::table::{FieldTable, Value};
use serde_json::{Number, Value as Json};

/// The table as a JSON object. Numbers JSON cannot say are null; bytes that are not UTF-8 are replaced.
pub(super) fn arguments(table: &FieldTable) -> Arguments {
    table.iter().map(|(name, value)| (name.to_owned(), json(value))).collect()
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
}
