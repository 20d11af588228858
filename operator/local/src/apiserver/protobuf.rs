//! Bodies in protobuf, which the typed clients in `kubectl` and `helm` send for built-in kinds.
//!
//! Decoded into JSON by the field numbers in `protobuf/fields.txt` and the types in the OpenAPI
//! definitions. Answers are always JSON: those clients accept both.

mod wire;

use std::{collections::HashMap, sync::LazyLock};

use base64::{Engine, engine::general_purpose::STANDARD};
use k8s_openapi::jiff::Timestamp;
use serde_json::{Map, Value, json};

use self::wire::{Field, fields};
use crate::apiserver::{
    catalog::definitions,
    status::{ApiError, Result},
};

/// Media type of the bodies.
pub(crate) const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";

/// What every body begins with.
const MAGIC: &[u8] = b"k8s\0";

/// How deep messages may nest.
const DEPTH: usize = 48;

/// Where JSON puts a field.
enum Place {
    /// A field of this name.
    Named(&'static str),
    /// The fields of this message, in the parent.
    Inline(&'static str),
}

type Numbers = HashMap<&'static str, HashMap<u32, Place>>;

/// Decodes a body whose kind is `definition`, unless it says that it is one of the helpers.
pub(crate) fn decode(body: &[u8], definition: &str) -> Result<Value> {
    let wrong =
        || ApiError::bad_request("error decoding the body: not a Kubernetes protobuf message");
    let envelope = body.strip_prefix(MAGIC).ok_or_else(wrong)?;
    let (mut kind, mut version, mut raw) = (String::new(), String::new(), &[][..]);
    for field in fields(envelope).map_err(|_| wrong())? {
        match field.number {
            1 => {
                for meta in fields(field.bytes).map_err(|_| wrong())? {
                    let slot = if meta.number == 1 { &mut version } else { &mut kind };
                    *slot = String::from_utf8_lossy(meta.bytes).into_owned();
                }
            }
            2 => raw = field.bytes,
            _ => {}
        }
    }
    let definition = match kind.as_str() {
        "DeleteOptions" => "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions",
        "Eviction" => "io.k8s.api.policy.v1.Eviction",
        "Binding" => "io.k8s.api.core.v1.Binding",
        _ => definition,
    };
    let mut object = Map::new();
    message(raw, definition, definition, &mut object, 0).map_err(|why| {
        ApiError::bad_request(format!("error decoding the body as {definition}: {why}"))
    })?;
    object.insert("kind".into(), json!(kind));
    object.insert("apiVersion".into(), json!(version));
    Ok(Value::Object(object))
}

fn numbers() -> &'static Numbers {
    static NUMBERS: LazyLock<Numbers> = LazyLock::new(|| {
        let lines = include_str!("protobuf/fields.txt").lines();
        lines.filter(|line| !line.starts_with('#')).filter_map(line).collect()
    });
    &NUMBERS
}

fn line(line: &'static str) -> Option<(&'static str, HashMap<u32, Place>)> {
    let mut words = line.split(' ');
    let name = words.next()?;
    let field = |word: &'static str| {
        let (number, place) = word.split_once(':')?;
        let place = match place.strip_prefix('*') {
            Some(message) => Place::Inline(message),
            None => Place::Named(place),
        };
        Some((number.parse().ok()?, place))
    };
    Some((name, words.filter_map(field).collect()))
}

/// Adds the fields of a message to `object`. Their numbers are those of `layout`, their types
/// those of `definition`: different where JSON shows one message inside another.
fn message(
    bytes: &[u8],
    layout: &str,
    definition: &str,
    object: &mut Map<String, Value>,
    depth: usize,
) -> Result<(), String> {
    if depth > DEPTH {
        return Err("nested too deep".to_owned());
    }
    let known = numbers().get(layout.strip_prefix("io.k8s.").unwrap_or(layout));
    let Some(known) = known else { return Err(format!("{layout} is not known")) };
    let document = definitions().documents().get(definition).unwrap_or(&Value::Null);
    for field in fields(bytes)? {
        match known.get(&field.number) {
            None => {}
            Some(Place::Inline(inner)) => {
                message(field.bytes, inner, definition, object, depth + 1)?;
            }
            Some(Place::Named(name)) => {
                add(object, name, &document["properties"][*name], &field, depth)?;
            }
        }
    }
    Ok(())
}

fn add(
    object: &mut Map<String, Value>,
    name: &str,
    schema: &Value,
    field: &Field<'_>,
    depth: usize,
) -> Result<(), String> {
    if schema["type"] == "array" {
        let value = single(&schema["items"], field, depth)?;
        if let Value::Array(list) = object.entry(name).or_insert_with(|| json!([])) {
            list.push(value);
        }
    } else if schema["additionalProperties"].is_object() {
        let (mut key, mut value) = (String::new(), Value::Null);
        for part in fields(field.bytes)? {
            match part.number {
                1 => key = String::from_utf8_lossy(part.bytes).into_owned(),
                _ => value = single(&schema["additionalProperties"], &part, depth)?,
            }
        }
        if value.is_null() {
            value = json!("");
        }
        if let Value::Object(map) = object.entry(name).or_insert_with(|| json!({})) {
            map.insert(key, value);
        }
    } else {
        let value = single(schema, field, depth)?;
        // Fields that are not pointers in Go are always sent; JSON leaves empty ones out.
        let unset = value.is_null() || (value == "" && name != "storageClassName");
        if !unset {
            object.insert(name.to_owned(), value);
        }
    }
    Ok(())
}

fn single(schema: &Value, field: &Field<'_>, depth: usize) -> Result<Value, String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or(reference);
        return referred(name, field.bytes, depth);
    }
    Ok(match schema["type"].as_str() {
        Some("string") if schema["format"] == "byte" => json!(STANDARD.encode(field.bytes)),
        Some("string") => json!(String::from_utf8_lossy(field.bytes)),
        Some("integer") => json!(field.signed()),
        Some("boolean") => json!(field.varint != 0),
        Some("number") => json!(f64::from_bits(field.varint)),
        Some("array") => {
            let list = fields(field.bytes)?;
            let items: Result<Vec<_>, _> =
                list.iter().map(|item| single(&schema["items"], item, depth + 1)).collect();
            json!(items?)
        }
        _ => Value::Null,
    })
}

fn referred(name: &str, bytes: &[u8], depth: usize) -> Result<Value, String> {
    let parts = fields(bytes).unwrap_or_default();
    let part = |number: u32| parts.iter().find(|part| part.number == number);
    let text = |number| part(number).map(|part| String::from_utf8_lossy(part.bytes).into_owned());
    Ok(match name.rsplit('.').next().unwrap_or(name) {
        "Time" | "MicroTime" => {
            let (seconds, nanos) =
                (part(1).map_or(0, Field::signed), part(2).map_or(0, Field::signed));
            let nanos = i32::try_from(nanos).unwrap_or(0);
            match Timestamp::new(seconds, nanos) {
                Ok(time) if seconds != 0 => json!(time.to_string()),
                _ => Value::Null,
            }
        }
        "Quantity" => json!(text(1).unwrap_or_default()),
        "IntOrString" if part(1).is_some_and(|kind| kind.varint == 1) => json!(text(3)),
        "IntOrString" => json!(part(2).map_or(0, Field::signed)),
        "FieldsV1" | "RawExtension" | "JSON" => {
            let raw = part(1).map_or(&b"null"[..], |part| part.bytes);
            serde_json::from_slice(raw).unwrap_or_default()
        }
        _ => {
            let mut object = Map::new();
            message(bytes, name, name, &mut object, depth + 1)?;
            Value::Object(object)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_map_from_kubectl_is_understood() {
        let body = b"k8s\0\x0a\x0f\x0a\x02v1\x12\x09ConfigMap\x12\x1b\x0a\x11\x0a\x01a\x12\x00\x1a\
                     \x00\x22\x00\x2a\x002\x008\x00B\x00\x12\x06\x0a\x01x\x12\x011\x1a\x00\x22\x00";
        let decoded = decode(body, "io.k8s.api.core.v1.ConfigMap").unwrap();
        assert_eq!(decoded["kind"], "ConfigMap");
        assert_eq!(decoded["metadata"]["name"], "a");
        assert_eq!(decoded["data"], json!({"x": "1"}));
    }

    #[test]
    fn anything_else_is_refused() {
        for body in [&b""[..], b"{}", b"k8s\0\xff\xff", b"k8s\0\x12\x05\x0a\x7f"] {
            assert!(decode(body, "io.k8s.api.core.v1.ConfigMap").is_err(), "{body:?}");
        }
    }

    #[test]
    fn every_definition_in_the_table_has_types() {
        let documents = definitions().documents();
        let known = |name: &&str| documents.contains_key(&format!("io.k8s.{name}"));
        let typed = numbers().keys().filter(|name| known(name)).count();
        assert!(typed > 200, "{typed}");
    }
}
