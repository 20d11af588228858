//! Tables: what `kubectl get` prints.

mod age;
mod builtin;

use serde_json::{Value, json};

use crate::apiserver::{catalog::Resource, verbs::metadata_only};

/// One column of a table.
pub(crate) struct Head {
    name: &'static str,
    kind: &'static str,
    /// 0 is always shown, 1 only with `-o wide`.
    priority: i64,
}

/// One object as a row. `include` is the parameter `includeObject`.
pub(crate) fn row(resource: &Resource, object: &Value, include: Option<&str>) -> Value {
    let cells = match builtin::find(resource) {
        Some(columns) => columns.iter().map(|column| (column.cell)(object)).collect(),
        None => custom_cells(resource, object),
    };
    let shown = match include {
        Some("None") => Value::Null,
        Some("Object") => object.clone(),
        _ => metadata_only(object),
    };
    json!({"cells": cells, "object": shown})
}

/// A table of rows; `headed` says whether the columns are described.
pub(crate) fn table(resource: &Resource, metadata: Value, rows: Vec<Value>, headed: bool) -> Value {
    json!({
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": if headed { Value::Array(heads(resource)) } else { Value::Null },
        "rows": rows,
    })
}

fn custom_cells(resource: &Resource, object: &Value) -> Vec<Value> {
    let name = object["metadata"]["name"].clone();
    let cells = resource.columns.iter().map(|column| {
        let value = column.value(object);
        match (&value, column.kind.as_str()) {
            (Value::Null, _) => Value::Null,
            (_, "date") => json!(age::since(&value)),
            (Value::Object(_) | Value::Array(_), "string") => json!(value.to_string()),
            (Value::Number(_) | Value::Bool(_), "string") => json!(value.to_string()),
            _ => value,
        }
    });
    std::iter::once(name).chain(cells).collect()
}

fn heads(resource: &Resource) -> Vec<Value> {
    let head = |name: &str, kind: &str, format: &str, description: &str, priority: i64| {
        json!({
            "name": name, "type": kind, "format": format, "description": description,
            "priority": priority,
        })
    };
    if let Some(columns) = builtin::find(resource) {
        let heads = columns.iter().map(|column| {
            let Head { name, kind, priority } = column.head;
            let format = if name == "Name" { "name" } else { "" };
            head(name, kind, format, "", priority)
        });
        return heads.collect();
    }
    let named = "Name must be unique within a namespace.";
    let first = head("Name", "string", "name", named, 0);
    let custom = resource.columns.iter().map(|column| {
        head(&column.name, &column.kind, &column.format, &column.description, column.priority)
    });
    std::iter::once(first).chain(custom).collect()
}
