//! Field tables as JSON, and the reverse.

use broker_api::Arguments;
use broker_protocol::table::{FieldTable, Value};
use broker_protocol::wire::{Field, Reader, Writer};
use bytes::BytesMut;
use serde_json::{Number, Value as Json};

use crate::management::failed::Failed;

/// Bytes that a table may take, at most: it has to fit into a frame and into a record of the log.
const LARGEST: usize = 64 << 10;

/// The table as a JSON object. Numbers JSON cannot say are null; bytes that are not UTF-8 are replaced.
pub(super) fn arguments(table: &FieldTable) -> Arguments {
    table.iter().map(|(name, value)| (name.to_owned(), json(value))).collect()
}

/// The JSON object as a table: whole numbers become 64-bit integers, others doubles.
///
/// # Errors
///
/// 400 when it does not come back from the wire, and so not from the disk: it is nested too deeply or
/// too large, or a name in it is.
pub(super) fn table(arguments: &Arguments) -> Result<FieldTable, Failed> {
    let table = converted(arguments);
    let mut bytes = BytesMut::new();
    table.write(&mut Writer::new(&mut bytes));
    if bytes.len() > LARGEST {
        let reason = format_args!("arguments and headers take {LARGEST} bytes at most");
        return Err(Failed::bad_request(reason));
    }
    match FieldTable::decode(&mut Reader::new(&bytes)) {
        Ok(back) if back == table => Ok(table),
        _ => {
            let reason = "arguments and headers are nested too deeply, or a name in them has more \
                          than 255 bytes";
            Err(Failed::bad_request(reason))
        }
    }
}

fn converted(arguments: &Arguments) -> FieldTable {
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
        Json::Object(arguments) => Value::Table(converted(arguments)),
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
        let table = table(object).unwrap();
        assert_eq!(table.get("whole"), Some(&Value::I64(10)));
        assert_eq!(table.get("part"), Some(&Value::from(0.5)));
        assert_eq!(table.get("huge").map(Value::type_name), Some("double"));
        assert_eq!(table.get("list"), Some(&Value::Array(vec![Value::I64(1), "a".into()])));
        let mut expected = json.clone();
        expected["huge"] = serde_json::json!(u64::MAX as f64);
        assert_eq!(Json::Object(arguments(&table)), expected);
    }

    #[test]
    fn what_does_not_come_back_from_the_wire_is_refused() {
        let nested =
            |depth| (0..depth).fold(serde_json::json!(1), |inner, _| serde_json::json!([inner]));
        #[rustfmt::skip]
        let cases = [
            ("fits",               serde_json::json!({"k": nested(20)}),              true),
            ("nested too deeply",  serde_json::json!({"k": nested(120)}),             false),
            ("a long name",        serde_json::json!({"k".repeat(255): 1}),           true),
            ("too long a name",    serde_json::json!({"k".repeat(256): 1}),           false),
            ("too long deep down", serde_json::json!({"k": {"k".repeat(256): 1}}),    false),
            ("too large",          serde_json::json!({"k": "v".repeat(LARGEST)}),     false),
        ];
        for (name, json, expected) in cases {
            let Json::Object(object) = &json else { panic!("an object") };
            assert_eq!(table(object).is_ok(), expected, "{name}");
        }
    }
}
