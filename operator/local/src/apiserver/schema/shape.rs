//! Bringing a document into the shape of its schema: nulls, unknown fields, defaults.

use serde_json::Value;

use crate::apiserver::schema::{Schema, join};

/// Removes `null` where the schema does not allow it: in manifests it means "not set".
pub(crate) fn drop_nulls(schema: &Schema, value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|name, child| {
                let known = schema.field(name);
                !(child.is_null() && known.is_some_and(|known| !known.nullable))
            });
            for (name, child) in map.iter_mut() {
                if let Some(known) = schema.field(name) {
                    drop_nulls(known, child);
                }
            }
        }
        Value::Array(entries) => {
            if let Some(items) = &schema.items {
                entries.iter_mut().for_each(|entry| drop_nulls(items, entry));
            }
        }
        _ => {}
    }
}

/// Removes the fields that the schema does not know, and adds their paths to `unknown`.
pub(crate) fn prune(schema: &Schema, value: &mut Value, path: &str, unknown: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            let closed = !schema.open && schema.additional.is_none();
            map.retain(|name, child| match schema.field(name) {
                Some(known) => {
                    prune(known, child, &join(path, name), unknown);
                    true
                }
                None => {
                    if closed {
                        unknown.push(join(path, name));
                    }
                    !closed
                }
            });
        }
        Value::Array(entries) => {
            if let Some(items) = &schema.items {
                for (index, entry) in entries.iter_mut().enumerate() {
                    prune(items, entry, &format!("{path}[{index}]"), unknown);
                }
            }
        }
        _ => {}
    }
}

/// Fills in the defaults of missing fields, inside what is there.
pub(crate) fn apply_defaults(schema: &Schema, value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (name, property) in &schema.properties {
                if let (Some(default), false) = (&property.default, map.contains_key(name)) {
                    map.insert(name.clone(), default.clone());
                }
            }
            for (name, child) in map.iter_mut() {
                if let Some(known) = schema.field(name) {
                    apply_defaults(known, child);
                }
            }
        }
        Value::Array(entries) => {
            if let Some(items) = &schema.items {
                entries.iter_mut().for_each(|entry| apply_defaults(items, entry));
            }
        }
        _ => {}
    }
}
