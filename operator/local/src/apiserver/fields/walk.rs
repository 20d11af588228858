//! Documents as trees of owned paths.

use serde_json::{Map, Value};

use crate::apiserver::{
    fields::Set,
    schema::{List, Schema},
};

/// What a value is to field ownership.
pub(crate) enum Node<'a> {
    /// Owned as a whole.
    Leaf,
    /// Owned field by field.
    Map(&'a Map<String, Value>),
    /// Owned entry by entry: path element and entry.
    Keyed(Vec<(String, &'a Value)>),
    /// Owned value by value: path elements.
    Values(Vec<(String, &'a Value)>),
}

/// How a document differs from an earlier one.
#[derive(Debug, Default)]
pub(crate) struct Difference {
    /// Paths that were added or have another value.
    pub(crate) changed: Set,
    /// Paths that are gone.
    pub(crate) removed: Set,
}

/// Looks at one value. Without a schema, objects are maps and arrays are leaves.
pub(crate) fn node<'a>(value: &'a Value, schema: Option<&Schema>) -> Node<'a> {
    let list = schema.map_or(&List::Atomic, |schema| &schema.list);
    match (value, list) {
        (Value::Object(map), _) if !schema.is_some_and(|schema| schema.atomic) => Node::Map(map),
        (Value::Array(entries), List::Map(keys)) => {
            Node::Keyed(entries.iter().map(|entry| (key_of(entry, keys), entry)).collect())
        }
        (Value::Array(entries), List::Set) => {
            Node::Values(entries.iter().map(|entry| (format!("v:{entry}"), entry)).collect())
        }
        _ => Node::Leaf,
    }
}

/// `k:{…}` for an entry of a keyed list.
pub(crate) fn key_of(entry: &Value, keys: &[(String, Option<Value>)]) -> String {
    let mut pairs: Vec<(&str, &Value)> = keys
        .iter()
        .filter_map(|(name, default)| {
            let value = entry.get(name).or(default.as_ref())?;
            Some((name.as_str(), value))
        })
        .collect();
    pairs.sort_by_key(|(name, _)| *name);
    let written: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{}:{value}", Value::from(*name))).collect();
    format!("k:{{{}}}", written.join(","))
}

/// The schema of the field or entry that `element` names.
pub(crate) fn below<'a>(schema: Option<&'a Schema>, element: &str) -> Option<&'a Schema> {
    let schema = schema?;
    match element.strip_prefix("f:") {
        Some(name) => schema.field(name).map(AsRef::as_ref),
        None => schema.items.as_deref(),
    }
}

/// The fields that an applied document names.
pub(crate) fn fields_of(value: &Value, schema: Option<&Schema>) -> Set {
    let mut set = Set::default();
    collect(value, schema, &mut set, false);
    set
}

fn collect(value: &Value, schema: Option<&Schema>, at: &mut Set, containers: bool) {
    at.member |= containers;
    match node(value, schema) {
        Node::Leaf => at.member = true,
        Node::Map(map) => {
            at.member |= map.is_empty();
            for (name, child) in map {
                let element = format!("f:{name}");
                let schema = below(schema, &element);
                collect(child, schema, at.child(element), containers);
            }
        }
        Node::Keyed(entries) => {
            at.member |= entries.is_empty();
            for (element, entry) in entries {
                let child = at.child(element);
                collect(entry, schema.and_then(|s| s.items.as_deref()), child, containers);
                child.member = true;
            }
        }
        Node::Values(entries) => {
            at.member |= entries.is_empty();
            for (element, _) in entries {
                at.child(element).member = true;
            }
        }
    }
}

/// What is different in `new`.
pub(crate) fn compare(old: &Value, new: &Value, schema: Option<&Schema>) -> Difference {
    let mut difference = Difference::default();
    descend(old, new, schema, &mut difference.changed, &mut difference.removed);
    difference
}

fn descend(
    old: &Value,
    new: &Value,
    schema: Option<&Schema>,
    changed: &mut Set,
    removed: &mut Set,
) {
    if old == new {
        return;
    }
    let pairs = |node: Node<'_>| -> Option<Vec<(String, Value)>> {
        let owned = |(element, value): (String, &Value)| (element, value.clone());
        match node {
            Node::Leaf => None,
            Node::Map(map) => {
                Some(map.iter().map(|(name, v)| (format!("f:{name}"), v.clone())).collect())
            }
            Node::Keyed(entries) | Node::Values(entries) => {
                Some(entries.into_iter().map(owned).collect())
            }
        }
    };
    let same_kind = old.is_object() == new.is_object() && old.is_array() == new.is_array();
    let (Some(before), Some(after), true) =
        (pairs(node(old, schema)), pairs(node(new, schema)), same_kind)
    else {
        collect(new, schema, changed, true);
        return;
    };
    let before: std::collections::BTreeMap<String, Value> = before.into_iter().collect();
    let mut kept = std::collections::BTreeSet::new();
    for (element, value) in after {
        let schema = below(schema, &element);
        match before.get(&element) {
            None => collect(&value, schema, changed.child(element.clone()), true),
            Some(old) if old == &value => {}
            Some(old) => {
                let (changed, removed) =
                    (changed.child(element.clone()), removed.child(element.clone()));
                descend(old, &value, schema, changed, removed);
            }
        }
        kept.insert(element);
    }
    for (element, value) in before.iter().filter(|(element, _)| !kept.contains(*element)) {
        collect(value, below(schema, element), removed.child(element.clone()), true);
    }
}
