//! Validation against a schema, in the words of the API server.

use serde_json::Value;

use crate::apiserver::{
    schema::{Kind, List, Schema, format, join},
    status::FieldError,
};

/// Adds everything that is wrong with `value` to `errors`.
pub(crate) fn validate(schema: &Schema, value: &Value, path: &str, errors: &mut Vec<FieldError>) {
    if value.is_null() && (schema.nullable || schema.kind.is_none()) {
        return;
    }
    if !type_matches(schema, value) {
        let wanted = schema.kind.map_or("integer or string", Kind::as_str);
        let given = Value::String(type_of(value).to_owned());
        let why = format!("{path} in body must be of type {wanted}: {given}");
        errors.push(FieldError::wrong_type(path, &given, &why));
        return;
    }
    let allowed = &schema.limits.values;
    if !allowed.is_empty() && !allowed.contains(value) {
        errors.push(FieldError::not_supported(path, value, allowed));
    }
    match value {
        Value::Object(_) => object(schema, value, path, errors),
        Value::Array(entries) => array(schema, entries, path, errors),
        Value::String(text) => string(schema, text, path, errors),
        Value::Number(_) => number(schema, value, path, errors),
        _ => {}
    }
    combined(schema, value, path, errors);
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn type_matches(schema: &Schema, value: &Value) -> bool {
    if schema.int_or_string {
        return value.is_string() || value.is_number();
    }
    let Some(kind) = schema.kind else { return true };
    match kind {
        Kind::Object => value.is_object(),
        Kind::Array => value.is_array(),
        Kind::String => value.is_string(),
        Kind::Boolean => value.is_boolean(),
        Kind::Number => value.is_number(),
        Kind::Integer => {
            value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|n| n.fract() == 0.0)
        }
    }
}

fn object(schema: &Schema, value: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let Some(map) = value.as_object() else { return };
    for name in &schema.required {
        if !map.contains_key(name) {
            errors.push(FieldError::required(join(path, name), ""));
        }
    }
    let count = (map.len() as u64, "properties");
    within(schema.limits.properties, count, value, path, errors);
    for (name, child) in map {
        if let Some(property) = schema.properties.get(name) {
            validate(property, child, &join(path, name), errors);
        } else if let Some(additional) = &schema.additional {
            validate(additional, child, &join(path, name), errors);
        }
    }
}

fn array(schema: &Schema, entries: &[Value], path: &str, errors: &mut Vec<FieldError>) {
    let whole = Value::Array(Vec::new());
    within(schema.limits.items, (entries.len() as u64, "items"), &whole, path, errors);
    let identity = |entry: &Value| match &schema.list {
        List::Map(keys) => {
            let keys = keys.iter().map(|(key, _)| (key.clone(), entry[key].clone()));
            Value::Object(keys.collect())
        }
        _ => entry.clone(),
    };
    let told_apart = schema.list != List::Atomic || schema.limits.unique;
    let mut seen = std::collections::HashSet::new();
    for (index, entry) in entries.iter().enumerate() {
        let at = format!("{path}[{index}]");
        if let Some(items) = &schema.items {
            validate(items, entry, &at, errors);
        }
        if told_apart && !seen.insert(identity(entry).to_string()) {
            errors.push(FieldError::duplicate(at, &identity(entry)));
        }
    }
}

fn string(schema: &Schema, text: &str, path: &str, errors: &mut Vec<FieldError>) {
    let value = Value::String(text.to_owned());
    let limits = &schema.limits;
    let length = text.chars().count() as u64;
    if let (Some(least), _) = limits.length
        && length < least
    {
        let why = format!("{path} in body should be at least {least} chars long");
        errors.push(FieldError::invalid(path, &value, &why));
    }
    if let (_, Some(most)) = limits.length
        && length > most
    {
        let why = format!("{path} in body should be at most {most} chars long");
        errors.push(FieldError::invalid(path, &value, &why));
    }
    if let Some(pattern) = &limits.pattern
        && !pattern.is_match(text)
    {
        let why = format!("{path} in body should match '{pattern}'");
        errors.push(FieldError::invalid(path, &value, &why));
    }
    if let Some(name) = &limits.format
        && !format::matches(name, text)
    {
        let why = format!("{path} in body must be of type {name}: {value}");
        errors.push(FieldError::invalid(path, &value, &why));
    }
}

fn number(schema: &Schema, value: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let Some(n) = value.as_f64() else { return };
    let limits = &schema.limits;
    let mut refuse = |why: String| {
        errors.push(FieldError::invalid(path, value, &format!("{path} in body should be {why}")));
    };
    match limits.minimum {
        Some((least, false)) if n < least => refuse(format!("greater than or equal to {least}")),
        Some((least, true)) if n <= least => refuse(format!("greater than {least}")),
        _ => {}
    }
    match limits.maximum {
        Some((most, false)) if n > most => refuse(format!("less than or equal to {most}")),
        Some((most, true)) if n >= most => refuse(format!("less than {most}")),
        _ => {}
    }
    if let Some(step) = limits.multiple_of
        && (n / step).fract() != 0.0
    {
        refuse(format!("a multiple of {step}"));
    }
    let fits = match limits.format.as_deref() {
        Some("int32") => value.as_i64().is_some_and(|n| i32::try_from(n).is_ok()),
        Some("int64") => value.as_i64().is_some() || n.fract() == 0.0,
        _ => true,
    };
    if !fits {
        let name = limits.format.as_deref().unwrap_or_default();
        refuse(format!("of type {name}"));
    }
}

fn within(
    (least, most): (Option<u64>, Option<u64>),
    (count, what): (u64, &str),
    value: &Value,
    path: &str,
    errors: &mut Vec<FieldError>,
) {
    if let Some(least) = least
        && count < least
    {
        let why = format!("{path} in body should have at least {least} {what}");
        errors.push(FieldError::invalid(path, value, &why));
    }
    if let Some(most) = most
        && count > most
    {
        let why = format!("{path} in body should have at most {most} {what}");
        errors.push(FieldError::invalid(path, value, &why));
    }
}

fn combined(schema: &Schema, value: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let holds = |schema: &Schema| {
        let mut found = Vec::new();
        validate(schema, value, path, &mut found);
        found.is_empty()
    };
    for part in &schema.all_of {
        validate(part, value, path, errors);
    }
    let mut refuse = |why: String| errors.push(FieldError::invalid(path, value, &why));
    if !schema.any_of.is_empty() && !schema.any_of.iter().any(|s| holds(s)) {
        refuse(format!("\"{path}\" must validate at least one schema (anyOf)"));
    }
    if !schema.one_of.is_empty() {
        let found = match schema.one_of.iter().filter(|s| holds(s)).count() {
            1 => None,
            0 => Some("Found none valid".to_owned()),
            several => Some(format!("Found {several} valid alternatives")),
        };
        if let Some(found) = found {
            refuse(format!("\"{path}\" must validate one and only one schema (oneOf). {found}"));
        }
    }
    if schema.not.as_ref().is_some_and(|s| holds(s)) {
        refuse(format!("\"{path}\" must not validate the schema (not)"));
    }
}
