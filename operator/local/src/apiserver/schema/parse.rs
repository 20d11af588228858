//! Reading a schema from its JSON form.

use std::sync::Arc;

use regex::Regex;
use serde_json::Value;

use crate::apiserver::schema::{Kind, Limits, List, Schema, join};

/// Finds the schema that a `$ref` names.
pub(crate) trait Resolve {
    /// The schema called `name`; anything at all when there is none.
    fn resolve(&self, name: &str) -> Arc<Schema>;
}

/// Why a document is no structural schema.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {why}")]
pub(crate) struct SchemaError {
    /// Where in the schema.
    pub(crate) path: String,
    /// What is wrong there.
    pub(crate) why: String,
}

/// Custom resources have no references.
impl Resolve for () {
    fn resolve(&self, _: &str) -> Arc<Schema> {
        Arc::new(Schema::any())
    }
}

// === impl Schema ===

impl Schema {
    /// Reads an OpenAPI v3 schema with Kubernetes' extensions.
    pub(crate) fn parse(document: &Value, references: &dyn Resolve) -> Result<Self, SchemaError> {
        Self::parse_at(document, references, "")
    }

    fn parse_at(v: &Value, refs: &dyn Resolve, path: &str) -> Result<Self, SchemaError> {
        let Some(object) = v.as_object() else {
            return Ok(Self::any());
        };
        if let Some(name) = object.get("$ref").and_then(Value::as_str) {
            let name = name.rsplit('/').next().unwrap_or(name);
            return Ok(refs.resolve(name).as_ref().clone());
        }
        let child = |name: &str| match object.get(name) {
            Some(value @ Value::Object(_)) => {
                Self::parse_at(value, refs, &join(path, name)).map(|schema| Some(Arc::new(schema)))
            }
            _ => Ok(None),
        };
        let children = |name: &str| {
            let list = v[name].as_array().into_iter().flatten();
            list.map(|value| Self::parse_at(value, refs, &join(path, name)).map(Arc::new))
                .collect::<Result<Vec<_>, _>>()
        };
        let mut properties = std::collections::BTreeMap::new();
        for (name, value) in v["properties"].as_object().into_iter().flatten() {
            let at = format!("{path}.properties[{name}]");
            properties.insert(name.clone(), Arc::new(Self::parse_at(value, refs, &at)?));
        }
        if v["x-kubernetes-embedded-resource"] == true {
            for name in ["apiVersion", "kind", "metadata"] {
                properties.entry(name.to_owned()).or_insert_with(|| Arc::new(Self::any()));
            }
        }
        let flag = |name: &str| v[name].as_bool().unwrap_or(false);
        let strings = |name: &str| {
            let list = v[name].as_array().into_iter().flatten();
            list.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let additional = match object.get("additionalProperties") {
            Some(Value::Bool(true)) => Some(Arc::new(Self::any())),
            _ => child("additionalProperties")?,
        };
        let items = child("items")?;
        Ok(Self {
            kind: kind(v, path)?,
            list: list_type(v, items.as_deref()),
            properties,
            additional,
            items,
            required: strings("required"),
            nullable: flag("nullable"),
            open: flag("x-kubernetes-preserve-unknown-fields"),
            int_or_string: flag("x-kubernetes-int-or-string"),
            atomic: v["x-kubernetes-map-type"] == "atomic",
            default: object.get("default").cloned(),
            limits: limits(v, path)?,
            all_of: children("allOf")?,
            any_of: children("anyOf")?,
            one_of: children("oneOf")?,
            not: child("not")?,
        })
    }
}

fn kind(v: &Value, path: &str) -> Result<Option<Kind>, SchemaError> {
    let word = match &v["type"] {
        Value::String(word) => word.as_str(),
        _ => return Ok(None),
    };
    Ok(Some(match word {
        "object" => Kind::Object,
        "array" => Kind::Array,
        "string" => Kind::String,
        "integer" => Kind::Integer,
        "number" => Kind::Number,
        "boolean" => Kind::Boolean,
        "" => return Ok(None),
        other => {
            let why = format!("Unsupported value: {other:?}");
            return Err(SchemaError { path: join(path, "type"), why });
        }
    }))
}

fn list_type(v: &Value, items: Option<&Schema>) -> List {
    match v["x-kubernetes-list-type"].as_str() {
        Some("set") => List::Set,
        Some("map") => {
            let keys = v["x-kubernetes-list-map-keys"].as_array().into_iter().flatten();
            let default = |key: &str| items?.properties.get(key)?.default.clone();
            let keys = keys.filter_map(Value::as_str);
            List::Map(keys.map(|key| (key.to_owned(), default(key))).collect())
        }
        _ => List::Atomic,
    }
}

fn limits(v: &Value, path: &str) -> Result<Limits, SchemaError> {
    let size = |low: &str, high: &str| (v[low].as_u64(), v[high].as_u64());
    let bound = |name: &str, exclusive: &str| {
        v[name].as_f64().map(|bound| (bound, v[exclusive].as_bool().unwrap_or(false)))
    };
    let pattern = match v["pattern"].as_str() {
        None => None,
        Some(pattern) => Some(Regex::new(pattern).map_err(|_| SchemaError {
            path: join(path, "pattern"),
            why: format!("Invalid value: {pattern:?}: must be a valid regular expression"),
        })?),
    };
    Ok(Limits {
        values: v["enum"].as_array().cloned().unwrap_or_default(),
        format: v["format"].as_str().map(str::to_owned),
        pattern,
        minimum: bound("minimum", "exclusiveMinimum"),
        maximum: bound("maximum", "exclusiveMaximum"),
        multiple_of: v["multipleOf"].as_f64(),
        length: size("minLength", "maxLength"),
        items: size("minItems", "maxItems"),
        properties: size("minProperties", "maxProperties"),
        unique: v["uniqueItems"].as_bool().unwrap_or(false),
    })
}
