//! Reads a manifest as `kubectl apply` has the API server do it: an unknown field is an error.

use std::{fs, path::Path};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

/// The documents of a YAML stream, without the empty ones.
pub(crate) fn documents(text: &str, place: &str) -> Vec<Value> {
    serde_yaml::Deserializer::from_str(text)
        .map(|document| {
            Value::deserialize(document).unwrap_or_else(|error| panic!("{place}: {error}"))
        })
        .filter(|document| !document.is_null())
        .collect()
}

/// The documents of a file.
pub(crate) fn documents_in(path: &Path) -> Vec<Value> {
    let place = path.display().to_string();
    documents(&fs::read_to_string(path).unwrap_or_else(|error| panic!("{place}: {error}")), &place)
}

/// Reads a document as a `K`; nothing that is written may get lost on the way.
pub(crate) fn read<K: DeserializeOwned + Serialize>(document: &Value, place: &str) -> K {
    let read: K =
        serde_json::from_value(document.clone()).unwrap_or_else(|error| panic!("{place}: {error}"));
    contains(&serde_json::to_value(&read).expect("JSON"), document, place);
    read
}

fn contains(whole: &Value, part: &Value, place: &str) {
    match (whole, part) {
        (Value::Object(_), Value::Object(fields)) => {
            for (name, field) in fields {
                contains(&whole[name.as_str()], field, &format!("{place}: {name}"));
            }
        }
        (Value::Array(found), Value::Array(items)) => {
            assert_eq!(found.len(), items.len(), "{place}");
            for (found, item) in found.iter().zip(items) {
                contains(found, item, place);
            }
        }
        (Value::Number(found), Value::Number(number)) => {
            assert_eq!(found.as_f64(), number.as_f64(), "{place}");
        }
        (Value::Null, Value::Array(empty)) => assert!(empty.is_empty(), "{place}: lost"),
        _ => assert_eq!(whole, part, "{place}"),
    }
}
