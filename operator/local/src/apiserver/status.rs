//! Errors as Kubernetes `Status` objects, in the wording that `kubectl` users know.

use std::fmt;

use serde_json::{Value, json};

/// A request that was refused, ready to be sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ApiError {
    /// The HTTP status code.
    pub(crate) code: u16,
    reason: &'static str,
    /// What went wrong, for a person.
    pub(crate) message: String,
    details: Value,
}

/// One field that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldError {
    /// Path in the manifest, as in `spec.ports[0].name`.
    pub(crate) field: String,
    /// What is wrong with it, as in `Required value`.
    pub(crate) message: String,
    reason: &'static str,
}

/// A kind of object as error texts name it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Names<'a> {
    /// API group; empty for the core group.
    pub(crate) group: &'a str,
    /// Lower-case plural.
    pub(crate) plural: &'a str,
    /// The kind.
    pub(crate) kind: &'a str,
}

/// A result whose error is an answer to the client.
pub(crate) type Result<T, E = ApiError> = std::result::Result<T, E>;

// === impl ApiError ===

impl ApiError {
    fn new(code: u16, reason: &'static str, message: impl Into<String>, details: Value) -> Self {
        Self { code, reason, message: message.into(), details }
    }

    /// 404 for an object.
    pub(crate) fn not_found(names: Names<'_>, name: &str) -> Self {
        let message = format!("{} \"{name}\" not found", names.resource());
        Self::new(404, "NotFound", message, names.details(name))
    }

    /// 404 for a path that no resource is served at.
    pub(crate) fn no_such_path() -> Self {
        let message = "the server could not find the requested resource";
        Self::new(404, "NotFound", message, json!({}))
    }

    /// 409 for a name that is taken.
    pub(crate) fn already_exists(names: Names<'_>, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", names.resource());
        Self::new(409, "AlreadyExists", message, names.details(name))
    }

    /// 409 because the object is not what the caller thinks it is.
    pub(crate) fn conflict(names: Names<'_>, name: &str, why: &str) -> Self {
        let message =
            format!("Operation cannot be fulfilled on {} \"{name}\": {why}", names.resource());
        Self::new(409, "Conflict", message, names.details(name))
    }

    /// 409 for an update of something that has changed since it was read.
    pub(crate) fn modified(names: Names<'_>, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version \
                   and try again";
        Self::conflict(names, name, why)
    }

    /// 409 for fields that other managers own: pairs of manager (with when and how) and field.
    pub(crate) fn apply_conflict(conflicts: &[(String, String)]) -> Self {
        let causes: Vec<Value> = conflicts
            .iter()
            .map(|(manager, field)| {
                json!({
                    "reason": "FieldManagerConflict",
                    "message": format!("conflict with {manager}"),
                    "field": field,
                })
            })
            .collect();
        let plural = if conflicts.len() == 1 { "conflict" } else { "conflicts" };
        let mut message = format!("Apply failed with {} {plural}: ", conflicts.len());
        let one_manager = conflicts.windows(2).all(|pair| pair[0].0 == pair[1].0);
        match conflicts {
            [(manager, field)] => message.push_str(&format!("conflict with {manager}: {field}")),
            [(manager, _), ..] if one_manager => {
                message.push_str(&format!("conflicts with {manager}:"));
                conflicts.iter().for_each(|(_, field)| message.push_str(&format!("\n- {field}")));
            }
            _ => {
                message.push_str("conflicts with several managers:");
                for (manager, field) in conflicts {
                    message.push_str(&format!("\n- {field} (with {manager})"));
                }
            }
        }
        Self::new(409, "Conflict", message, json!({ "causes": causes }))
    }

    /// 422 with every field that is wrong.
    pub(crate) fn invalid(names: Names<'_>, name: &str, errors: &[FieldError]) -> Self {
        let causes: Vec<Value> = errors
            .iter()
            .map(|e| json!({"reason": e.reason, "message": e.message, "field": e.field}))
            .collect();
        let all: Vec<String> = errors.iter().map(FieldError::to_string).collect();
        let listed = if all.len() == 1 { all.concat() } else { format!("[{}]", all.join(", ")) };
        let message = format!("{} \"{name}\" is invalid: {listed}", names.group_kind());
        let details =
            json!({"name": name, "group": names.group, "kind": names.kind, "causes": causes});
        Self::new(422, "Invalid", message, details)
    }

    /// 400: the request itself makes no sense.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message, json!({}))
    }

    /// 401: no token or the wrong one.
    pub(crate) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized", json!({}))
    }

    /// 403 because a namespace is going away.
    pub(crate) fn terminating(names: Names<'_>, name: &str, namespace: &str) -> Self {
        let why = format!(
            "unable to create new content in namespace {namespace} because it is being terminated"
        );
        let message = format!("{} \"{name}\" is forbidden: {why}", names.resource());
        let mut details = names.details(name);
        details["causes"] = json!([{
            "reason": "NamespaceTerminating",
            "message": format!("namespace {namespace} is being terminated"),
            "field": "metadata.namespace",
        }]);
        Self::new(403, "Forbidden", message, details)
    }

    /// 403 with a reason.
    pub(crate) fn forbidden(names: Names<'_>, name: &str, why: &str) -> Self {
        let message = format!("{} \"{name}\" is forbidden: {why}", names.resource());
        Self::new(403, "Forbidden", message, names.details(name))
    }

    /// 405 for a verb that the resource does not have.
    pub(crate) fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self::new(405, "MethodNotAllowed", message, json!({}))
    }

    /// 406: nothing that the client accepts can be produced.
    pub(crate) fn not_acceptable(supported: &str) -> Self {
        let message = format!("only the following media types are accepted: {supported}");
        Self::new(406, "NotAcceptable", message, json!({}))
    }

    /// 410 for a resource version that history no longer reaches.
    pub(crate) fn expired(requested: u64, oldest: u64) -> Self {
        let message = format!("too old resource version: {requested} ({oldest})");
        Self::new(410, "Expired", message, json!({}))
    }

    /// 413 for a body over the limit.
    pub(crate) fn too_large(limit: usize) -> Self {
        let message = format!("Request entity too large: limit is {limit}");
        Self::new(413, "RequestEntityTooLarge", message, json!({}))
    }

    /// 415 for a body or patch in a form that is not understood here.
    pub(crate) fn unsupported_media(supported: &str) -> Self {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: \
             {supported}"
        );
        Self::new(415, "UnsupportedMediaType", message, json!({}))
    }

    /// 422 for a patch that cannot be carried out on the object as it is.
    pub(crate) fn unprocessable(message: impl Into<String>) -> Self {
        Self::new(422, "Invalid", message, json!({}))
    }

    /// 500: the server's own fault.
    pub(crate) fn internal(message: impl fmt::Display) -> Self {
        let message = format!("Internal error occurred: {message}");
        Self::new(500, "InternalError", message, json!({}))
    }

    /// 504 when the state that the client wants to see has not been reached.
    pub(crate) fn too_large_version(requested: u64, current: u64) -> Self {
        let message = format!("Too large resource version: {requested}, current: {current}");
        let details = json!({
            "retryAfterSeconds": 1,
            "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
        });
        Self::new(504, "Timeout", message, details)
    }

    /// The `Status` object.
    pub(crate) fn to_value(&self) -> Value {
        json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "details": self.details,
            "code": self.code,
        })
    }
}

/// The `Status` that answers a deletion that is complete.
pub(crate) fn success(names: Names<'_>, name: &str, uid: &str) -> Value {
    json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {"name": name, "group": names.group, "kind": names.plural, "uid": uid},
    })
}

// === impl FieldError ===

impl FieldError {
    fn new(field: impl Into<String>, reason: &'static str, message: String) -> Self {
        Self { field: field.into(), message, reason }
    }

    /// A value that breaks a rule; `why` says which.
    pub(crate) fn invalid(field: impl Into<String>, value: &Value, why: &str) -> Self {
        let message = format!("Invalid value: {}: {why}", shown(value));
        Self::new(field, "FieldValueInvalid", message)
    }

    /// A value of the wrong JSON type.
    pub(crate) fn wrong_type(field: impl Into<String>, value: &Value, why: &str) -> Self {
        let message = format!("Invalid value: {}: {why}", shown(value));
        Self::new(field, "FieldValueTypeInvalid", message)
    }

    /// A value that is missing.
    pub(crate) fn required(field: impl Into<String>, why: &str) -> Self {
        let colon = if why.is_empty() { "" } else { ": " };
        Self::new(field, "FieldValueRequired", format!("Required value{colon}{why}"))
    }

    /// A value that is none of the allowed ones.
    pub(crate) fn not_supported(
        field: impl Into<String>,
        value: &Value,
        allowed: &[Value],
    ) -> Self {
        let allowed: Vec<String> = allowed.iter().map(Value::to_string).collect();
        let message =
            format!("Unsupported value: {value}: supported values: {}", allowed.join(", "));
        Self::new(field, "FieldValueNotSupported", message)
    }

    /// The second of two equal entries of a set.
    pub(crate) fn duplicate(field: impl Into<String>, value: &Value) -> Self {
        Self::new(field, "FieldValueDuplicate", format!("Duplicate value: {}", shown(value)))
    }

    /// Something that may not be done to this field.
    pub(crate) fn forbidden(field: impl Into<String>, why: &str) -> Self {
        Self::new(field, "FieldValueForbidden", format!("Forbidden: {why}"))
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            return f.write_str(&self.message);
        }
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// A value as an error text shows it: objects and arrays by type only.
fn shown(value: &Value) -> String {
    match value {
        Value::Object(_) => "\"object\"".to_owned(),
        Value::Array(_) => "\"array\"".to_owned(),
        Value::Null => "\"null\"".to_owned(),
        scalar => scalar.to_string(),
    }
}

// === impl Names ===

impl Names<'_> {
    /// `queues.warren.dev`, or `pods` in the core group.
    pub(crate) fn resource(&self) -> String {
        dotted(self.plural, self.group)
    }

    /// `Queue.warren.dev`, or `Pod` in the core group.
    pub(crate) fn group_kind(&self) -> String {
        dotted(self.kind, self.group)
    }

    fn details(&self, name: &str) -> Value {
        json!({"name": name, "group": self.group, "kind": self.plural})
    }
}

fn dotted(head: &str, group: &str) -> String {
    if group.is_empty() { head.to_owned() } else { format!("{head}.{group}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUES: Names<'_> = Names { group: "warren.dev", plural: "queues", kind: "Queue" };

    #[test]
    fn errors_read_as_they_do_in_kubernetes() {
        let bad = FieldError::not_supported("spec.type", &json!("x"), &[json!("a"), json!("b")]);
        let invalid = ApiError::invalid(QUEUES, "q", &[bad]);
        let text = "Queue.warren.dev \"q\" is invalid: spec.type: Unsupported value: \"x\": \
                    supported values: \"a\", \"b\"";
        assert_eq!(invalid.message, text);
        assert_eq!(ApiError::not_found(QUEUES, "q").message, "queues.warren.dev \"q\" not found");
        let one = ApiError::apply_conflict(&[("\"kubectl\" using v1".into(), ".spec.a".into())]);
        assert_eq!(
            one.message,
            "Apply failed with 1 conflict: conflict with \"kubectl\" using v1: .spec.a"
        );
    }
}
