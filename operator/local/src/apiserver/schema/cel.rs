//! `x-kubernetes-validations`: CEL rules, compiled once for a custom resource.

use kube_cel::{CompiledSchema, ErrorKind, RootContext, Validator, compile_schema};
use serde_json::Value;

use crate::apiserver::{schema::SchemaError, status::FieldError};

/// The rules of one version of one custom resource.
pub(crate) struct Rules {
    compiled: CompiledSchema,
    validator: Validator,
    root: RootContext,
}

// === impl Rules ===

impl Rules {
    /// Compiles every rule in the schema, or says which one does not compile.
    pub(crate) fn compile(
        schema: &Value,
        group: &str,
        version: &str,
        kind: &str,
    ) -> Result<Option<Self>, SchemaError> {
        if !mentions_rules(schema) {
            return Ok(None);
        }
        let compiled = compile_schema(schema);
        check(&compiled, "openAPIV3Schema")?;
        let root = RootContext {
            api_version: format!("{group}/{version}"),
            api_group: group.to_owned(),
            kind: kind.to_owned(),
        };
        Ok(Some(Self { compiled, validator: Validator::new(), root }))
    }

    /// The rules that `object` breaks. `old` is what it replaces: rules that mention `oldSelf` hold
    /// between the two.
    pub(crate) fn broken(&self, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
        let result = self.validator.validate_compiled_with_context(
            &self.compiled,
            object,
            old,
            Some(&self.root),
        );
        let errors = result.err().map(kube_cel::ValidationErrors::into_vec).unwrap_or_default();
        errors.into_iter().map(|error| field_error(object, error)).collect()
    }
}

fn field_error(object: &Value, error: kube_cel::ValidationError) -> FieldError {
    let path = error.field_path.clone();
    let value = lookup(object, &path);
    let message = match error.kind {
        ErrorKind::ValidationFailure if error.message.is_empty() => {
            format!("failed rule: {}", error.rule)
        }
        ErrorKind::ValidationFailure => error.message,
        _ => format!("rule evaluation error: {} (rule: {})", error.message, error.rule),
    };
    match error.reason.as_deref() {
        Some("FieldValueForbidden") => FieldError::forbidden(path, &message),
        Some("FieldValueRequired") => FieldError::required(path, &message),
        Some("FieldValueDuplicate") => FieldError::duplicate(path, value),
        _ => FieldError::invalid(path, value, &message),
    }
}

/// The value at a path as error texts write it; null when it cannot be followed.
fn lookup<'a>(object: &'a Value, path: &str) -> &'a Value {
    let pointer: String = path
        .replace('[', ".")
        .replace([']', '"'], "")
        .split('.')
        .filter(|part| !part.is_empty())
        .map(|part| format!("/{}", part.replace('~', "~0").replace('/', "~1")))
        .collect();
    object.pointer(&pointer).unwrap_or(&Value::Null)
}

fn mentions_rules(schema: &Value) -> bool {
    match schema {
        Value::Object(map) => {
            map.contains_key("x-kubernetes-validations") || map.values().any(mentions_rules)
        }
        Value::Array(entries) => entries.iter().any(mentions_rules),
        _ => false,
    }
}

fn check(node: &CompiledSchema, path: &str) -> Result<(), SchemaError> {
    if let Some(error) = node.compilation_errors().first() {
        let path = format!("{path}.x-kubernetes-validations.rule");
        return Err(SchemaError {
            path,
            why: format!("Invalid value: compilation failed: {error}"),
        });
    }
    for (name, child) in &node.properties {
        check(child, &format!("{path}.properties[{name}]"))?;
    }
    let nested = node.items.iter().chain(node.additional_properties.iter()).map(Box::as_ref);
    let branches = node.all_of.iter().chain(&node.one_of).chain(&node.any_of);
    nested.chain(branches).try_for_each(|child| check(child, path))
}
