//! Strategic merge patches, for built-in kinds: lists with known keys merge entry by entry.
//!
//! Directives: `$patch: replace | delete | merge`, `$retainKeys`, `$setElementOrder/FIELD` and
//! `$deleteFromPrimitiveList/FIELD`.

use serde_json::{Map, Value};

use crate::apiserver::schema::{List, Schema};

/// Applies `patch` to `live`.
pub(crate) fn strategic(live: &Value, patch: &Value, schema: Option<&Schema>) -> Value {
    let (Some(old), Some(new)) = (live.as_object(), patch.as_object()) else {
        return without_directives(patch);
    };
    match new.get("$patch").and_then(Value::as_str) {
        Some("replace") => return without_directives(patch),
        Some("delete") => return Value::Object(Map::new()),
        _ => {}
    }
    let mut merged = old.clone();
    if let Some(kept) = new.get("$retainKeys").and_then(Value::as_array) {
        merged.retain(|name, _| kept.iter().any(|key| key == name));
    }
    for (name, value) in new {
        if let Some(field) = name.strip_prefix("$deleteFromPrimitiveList/") {
            delete_values(merged.get_mut(field), value);
        }
        if name.starts_with('$') {
            continue;
        }
        let below = schema.and_then(|s| s.field(name)).map(AsRef::as_ref);
        if value.is_null() {
            merged.remove(name);
            continue;
        }
        let result = match (merged.get(name), value) {
            (Some(old @ Value::Object(_)), Value::Object(_)) => strategic(old, value, below),
            (Some(Value::Array(old)), Value::Array(new)) => Value::Array(list(old, new, below)),
            _ => without_directives(value),
        };
        merged.insert(name.clone(), result);
    }
    for (name, order) in new {
        if let Some(field) = name.strip_prefix("$setElementOrder/") {
            let list = schema.and_then(|s| s.field(field)).map(|s| &s.list);
            reorder(merged.get_mut(field), order, list);
        }
    }
    Value::Object(merged)
}

fn list(old: &[Value], new: &[Value], schema: Option<&Schema>) -> Vec<Value> {
    let replace = |entry: &Value| entry["$patch"] == "replace";
    if new.iter().any(replace) {
        return new.iter().filter(|e| !replace(e)).map(without_directives).collect();
    }
    match schema.map(|schema| &schema.list) {
        Some(List::Map(keys)) => {
            let items = schema.and_then(|schema| schema.items.as_deref());
            // Patches name entries by the first key only.
            keyed(old, new, keys.first().map_or("", |(key, _)| key.as_str()), items)
        }
        Some(List::Set) => {
            let added = new.iter().filter(|value| !old.contains(value));
            old.iter().chain(added).cloned().collect()
        }
        _ => new.iter().map(without_directives).collect(),
    }
}

fn keyed(old: &[Value], new: &[Value], key: &str, items: Option<&Schema>) -> Vec<Value> {
    let mut merged = old.to_vec();
    for entry in new {
        let at = merged.iter().position(|live| live[key] == entry[key]);
        match (at, entry["$patch"] == "delete") {
            (Some(at), true) => {
                merged.remove(at);
            }
            (Some(at), false) => merged[at] = strategic(&merged[at], entry, items),
            (None, true) => {}
            (None, false) => merged.push(without_directives(entry)),
        }
    }
    merged
}

fn delete_values(list: Option<&mut Value>, gone: &Value) {
    if let (Some(Value::Array(list)), Some(gone)) = (list, gone.as_array()) {
        list.retain(|value| !gone.contains(value));
    }
}

/// Sorts the entries that `order` names; the others keep their places behind them.
fn reorder(list: Option<&mut Value>, order: &Value, kind: Option<&List>) {
    let (Some(Value::Array(list)), Some(order)) = (list, order.as_array()) else { return };
    let key = match kind {
        Some(List::Map(keys)) => keys.first().map(|(key, _)| key.as_str()),
        _ => None,
    };
    let same = |entry: &Value, wanted: &Value| match key {
        Some(key) => entry[key] == wanted[key],
        None => entry == wanted,
    };
    let place = |entry: &Value| order.iter().position(|w| same(entry, w)).unwrap_or(order.len());
    list.sort_by_key(place);
}

fn without_directives(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept =
                map.iter().filter(|(name, value)| !name.starts_with('$') && !value.is_null());
            Value::Object(kept.map(|(n, v)| (n.clone(), without_directives(v))).collect())
        }
        Value::Array(list) => {
            let kept = list.iter().filter(|entry| entry["$patch"] != "delete");
            Value::Array(kept.map(without_directives).collect())
        }
        scalar => scalar.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_with_keys_merge_entry_by_entry() {
        let schema = Schema::parse(
            &json!({"type": "object", "properties": {
                "env": {
                    "type": "array", "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"],
                    "items": {"type": "object"},
                },
                "tags": {"type": "array", "x-kubernetes-list-type": "set"},
                "args": {"type": "array"},
            }}),
            &(),
        )
        .unwrap();
        let live = json!({
            "env": [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}],
            "tags": ["x", "y"], "args": [1, 2], "keep": true, "drop": 1,
        });
        let patch = json!({
            "env": [{"name": "b", "$patch": "delete"}, {"name": "a", "value": "9"}, {"name": "c"}],
            "$setElementOrder/env": [{"name": "c"}, {"name": "a"}],
            "$deleteFromPrimitiveList/tags": ["x"],
            "tags": ["z"], "args": [3], "drop": null,
        });
        let expected = json!({
            "env": [{"name": "c"}, {"name": "a", "value": "9"}],
            "tags": ["y", "z"], "args": [3], "keep": true,
        });
        let mut merged = strategic(&live, &patch, Some(&schema));
        merged["tags"].as_array_mut().unwrap().sort_by_key(Value::to_string);
        assert_eq!(merged, expected);
    }
}
