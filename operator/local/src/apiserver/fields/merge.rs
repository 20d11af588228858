//! Putting an applied document into the live one, and taking fields out again.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::apiserver::{
    fields::{
        Set,
        walk::{Node, below, key_of, node},
    },
    schema::{List, Schema},
};

/// The live document with everything that `applied` says.
pub(crate) fn merge(live: &Value, applied: &Value, schema: Option<&Schema>) -> Value {
    match (node(live, schema), node(applied, schema)) {
        (Node::Map(old), Node::Map(new)) => {
            let mut merged = old.clone();
            for (name, value) in new {
                let schema = schema.and_then(|s| s.field(name)).map(AsRef::as_ref);
                let value = match old.get(name) {
                    Some(old) => merge(old, value, schema),
                    None => value.clone(),
                };
                merged.insert(name.clone(), value);
            }
            Value::Object(merged)
        }
        (Node::Keyed(old), Node::Keyed(new)) => {
            let items = schema.and_then(|s| s.items.as_deref());
            Value::Array(entries(&old, &new, |old, new| merge(old, new, items)))
        }
        (Node::Values(old), Node::Values(new)) => {
            Value::Array(entries(&old, &new, |_, new| new.clone()))
        }
        _ => applied.clone(),
    }
}

/// Entries of both: in the new order when it names them all, else in the old one.
fn entries(
    old: &[(String, &Value)],
    new: &[(String, &Value)],
    merge: impl Fn(&Value, &Value) -> Value,
) -> Vec<Value> {
    let before: BTreeMap<&str, &Value> = old.iter().map(|(k, v)| (k.as_str(), *v)).collect();
    let after: BTreeMap<&str, &Value> = new.iter().map(|(k, v)| (k.as_str(), *v)).collect();
    let both = |key: &str, value: &Value| match before.get(key) {
        Some(old) => merge(old, value),
        None => value.clone(),
    };
    let mut merged = Vec::with_capacity(new.len());
    if before.keys().any(|key| !after.contains_key(key)) {
        merged.extend(old.iter().map(|(key, value)| match after.get(key.as_str()) {
            Some(new) => merge(value, new),
            None => (*value).clone(),
        }));
        let added = new.iter().filter(|(key, _)| !before.contains_key(key.as_str()));
        merged.extend(added.map(|(_, value)| (*value).clone()));
    } else {
        merged.extend(new.iter().map(|(key, value)| both(key, value)));
    }
    merged
}

/// Takes the paths in `gone` out of `value`, except what `kept` still holds there.
pub(crate) fn remove(value: &mut Value, gone: &Set, kept: &Set, schema: Option<&Schema>) {
    let none = Set::default();
    match value {
        Value::Object(map) => {
            for (element, child) in &gone.children {
                let Some(name) = element.strip_prefix("f:") else { continue };
                let kept = kept.children.get(element).unwrap_or(&none);
                let Some(inner) = map.get_mut(name) else { continue };
                if child.member && kept.is_empty() {
                    map.remove(name);
                    continue;
                }
                let had = !is_hollow(inner);
                remove(inner, child, kept, below(schema, element));
                if had && is_hollow(inner) && kept.is_empty() {
                    map.remove(name);
                }
            }
        }
        Value::Array(entries) => {
            let list = schema.map(|schema| &schema.list);
            let items = schema.and_then(|schema| schema.items.as_deref());
            entries.retain_mut(|entry| {
                let element = match list {
                    Some(List::Map(keys)) => key_of(entry, keys),
                    _ => format!("v:{entry}"),
                };
                let Some(child) = gone.children.get(&element) else { return true };
                let kept = kept.children.get(&element).unwrap_or(&none);
                if child.member && kept.is_empty() {
                    return false;
                }
                let keys = without_keys(child, list);
                remove(entry, &keys, kept, items);
                true
            });
        }
        _ => {}
    }
}

fn is_hollow(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.is_empty(),
        Value::Array(entries) => entries.is_empty(),
        _ => false,
    }
}

/// An entry that stays keeps the fields that tell it apart.
fn without_keys(gone: &Set, list: Option<&List>) -> Set {
    let mut gone = gone.clone();
    if let Some(List::Map(keys)) = list {
        for (key, _) in keys {
            gone.children.remove(&format!("f:{key}"));
        }
    }
    gone
}
