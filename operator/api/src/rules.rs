//! The CEL rules that several kinds share, each with a message that says what to do.

use kube::core::{Message, Reason, Rule};

/// A field of `spec` that keeps the value it was created with, present or absent.
///
/// `remedy` completes the message after "spec.FIELD cannot change: ".
pub(crate) fn fixed(field: &str, remedy: &str) -> Rule {
    fixed_at(field, &format!("spec.{field}"), remedy)
}

/// As [`fixed`], for a field of the object `spec.PARENT`.
pub(crate) fn fixed_in(parent: &str, field: &str, remedy: &str) -> Rule {
    fixed_at(field, &format!("spec.{parent}.{field}"), remedy)
}

fn fixed_at(field: &str, path: &str, remedy: &str) -> Rule {
    Rule::new(format!(
        "has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || self.{field} == oldSelf.{field})"
    ))
    .message(Message::Message(format!("{path} cannot change: {remedy}")))
    .reason(Reason::FieldValueForbidden)
    .field_path(format!(".{field}"))
}

/// A typed field and the raw argument it stands for exclude each other.
pub(crate) fn either(field: &str, argument: &str) -> Rule {
    let escaped = argument.replace('-', "__dash__");
    Rule::new(format!(
        "!(has(self.{field}) && has(self.arguments) && has(self.arguments.{escaped}))"
    ))
    .message(Message::Message(format!(
        "set spec.{field} or spec.arguments['{argument}'], not both: remove the one you do not need"
    )))
    .reason(Reason::FieldValueInvalid)
    .field_path(".arguments")
}

/// The broker's name for an object: `spec.name`, or else `metadata.name`.
const EFFECTIVE_NAME: &str = "(has(self.spec.name) ? self.spec.name : self.metadata.name)";

/// The broker's name of an object may not change, neither by `spec.name` nor by leaving it out.
pub(crate) fn fixed_name(kind: &str) -> Rule {
    let old = EFFECTIVE_NAME.replace("self.", "oldSelf.");
    let remedy = format!(
        "create another {kind} with the new name, move its bindings and clients, then delete this one"
    );
    Rule::new(format!("{EFFECTIVE_NAME} == {old}"))
        .message(Message::Message(format!("spec.name cannot change: {remedy}")))
        .reason(Reason::FieldValueForbidden)
        .field_path(".spec.name")
}

/// Names under `amq.` belong to the broker.
pub(crate) fn unreserved_name(kind: &str) -> Rule {
    Rule::new(format!("!{EFFECTIVE_NAME}.startsWith('amq.')"))
        .message(Message::Message(format!(
            "names that start with 'amq.' are reserved for the broker: choose another spec.name for this {kind}"
        )))
        .reason(Reason::FieldValueInvalid)
        .field_path(".spec.name")
}

/// A duration as Go writes it, without sign.
pub(crate) fn duration() -> Rule {
    Rule::new(r"self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$')")
        .message("write a duration such as 500ms, 30s, 5m or 1h30m")
        .reason(Reason::FieldValueInvalid)
}

/// A size in bytes as Kubernetes writes quantities, no larger than the integers that carry it.
pub(crate) fn size() -> Rule {
    let within = within("7Ei");
    Rule::new(format!("self.matches('^[1-9][0-9]*(k|M|G|T|Ki|Mi|Gi|Ti)?$') && {within}"))
        .message("write a size such as 500Mi, 10Gi or 1T, 7Ei at most")
        .reason(Reason::FieldValueInvalid)
}

/// A size that the broker takes up to `limit`, for the reason that completes the message.
pub(crate) fn at_most(limit: &str, because: &str) -> Rule {
    // What is no size at all has a rule, and a message, of its own.
    Rule::new(format!("!isQuantity(self) || {}", within(limit)))
        .message(Message::Message(format!("write a size of at most {limit}: {because}")))
        .reason(Reason::FieldValueInvalid)
}

fn within(limit: &str) -> String {
    format!("quantity(self).compareTo(quantity('{limit}')) <= 0")
}

#[cfg(test)]
mod tests;
