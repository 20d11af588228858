//! Shapes, limits and rules on small schemas.

use serde_json::json;

use super::*;
use crate::apiserver::status::FieldError;

fn schema(document: Value) -> Schema {
    Schema::parse(&document, &()).unwrap()
}

fn errors(schema: &Schema, value: &Value) -> Vec<String> {
    let mut errors = Vec::new();
    validate(schema, value, "spec", &mut errors);
    errors.iter().map(FieldError::to_string).collect()
}

#[test]
fn unknown_fields_are_pruned_and_told() {
    let schema = schema(json!({"type": "object", "properties": {
        "known": {"type": "object", "properties": {"a": {"type": "string"}}},
        "open": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
        "map": {"type": "object", "additionalProperties": {"type": "string"}},
        "list": {"type": "array", "items": {"type": "object", "properties": {"a": {}}}},
    }}));
    let mut value = json!({
        "known": {"a": "x", "b": 1}, "open": {"any": 1}, "map": {"k": "v"},
        "list": [{"a": 1, "z": 2}], "extra": true,
    });
    let mut unknown = Vec::new();
    prune(&schema, &mut value, "", &mut unknown);
    unknown.sort();
    assert_eq!(unknown, ["extra", "known.b", "list[0].z"]);
    let kept = json!({
        "known": {"a": "x"}, "open": {"any": 1}, "map": {"k": "v"}, "list": [{"a": 1}],
    });
    assert_eq!(value, kept);
}

#[test]
fn defaults_fill_what_is_missing_or_null() {
    let schema = schema(json!({"type": "object", "properties": {
        "a": {"type": "string", "default": "x"},
        "b": {"type": "object", "default": {}, "properties": {"c": {"type": "integer", "default": 3}}},
        "d": {"type": "object", "properties": {"e": {"type": "integer", "default": 4}}},
        "n": {"type": "string", "nullable": true, "default": "y"},
    }}));
    let mut value = json!({"a": null, "n": null});
    drop_nulls(&schema, &mut value);
    apply_defaults(&schema, &mut value);
    assert_eq!(value, json!({"a": "x", "b": {"c": 3}, "n": null}));
}

#[test]
fn limits_are_explained() {
    #[rustfmt::skip]
    let cases = [
        (json!({"type": "integer"}), json!("x"), "spec: Invalid value: \"string\": spec in body must be of type integer: \"string\""),
        (json!({"type": "string", "enum": ["a", "b"]}), json!("c"), "spec: Unsupported value: \"c\": supported values: \"a\", \"b\""),
        (json!({"type": "integer", "minimum": 1}), json!(0), "spec: Invalid value: 0: spec in body should be greater than or equal to 1"),
        (json!({"type": "string", "pattern": "^a$"}), json!("b"), "spec: Invalid value: \"b\": spec in body should match '^a$'"),
        (json!({"type": "object", "required": ["x"]}), json!({}), "spec.x: Required value"),
        (json!({"type": "array", "maxItems": 1}), json!([1, 2]), "spec: Invalid value: \"array\": spec in body should have at most 1 items"),
        (json!({"type": "array", "x-kubernetes-list-type": "set"}), json!(["a", "a"]), "spec[1]: Duplicate value: \"a\""),
        (json!({"x-kubernetes-int-or-string": true}), json!(true), "spec: Invalid value: \"boolean\": spec in body must be of type integer or string: \"boolean\""),
        (json!({"type": "integer", "format": "int32"}), json!(3_000_000_000_u64), "spec: Invalid value: 3000000000: spec in body should be of type int32"),
    ];
    for (document, value, expected) in cases {
        assert_eq!(errors(&schema(document.clone()), &value), [expected], "{document}");
    }
}

#[test]
fn alternatives_count_what_holds() {
    let exactly_one = schema(json!({"type": "object", "oneOf": [
        {"required": ["a"]}, {"required": ["b"]},
    ]}));
    assert!(errors(&exactly_one, &json!({"a": 1})).is_empty());
    assert!(errors(&exactly_one, &json!({}))[0].contains("Found none valid"));
    assert!(errors(&exactly_one, &json!({"a": 1, "b": 1}))[0].contains("Found 2 valid"));
}

#[test]
fn rules_hold_for_the_object_and_its_past() {
    let document = json!({"type": "object", "properties": {"spec": {
        "type": "object",
        "properties": {"type": {"type": "string"}, "n": {"type": "integer"}},
        "x-kubernetes-validations": [
            {"rule": "self.type == oldSelf.type", "message": "type is immutable"},
            {"rule": "!has(self.n) || self.n > 0", "messageExpression": "'n is ' + string(self.n)"},
        ],
    }}});
    let rules = Rules::compile(&document, "g", "v1", "K").unwrap().unwrap();
    let told = |object: Value, old: Option<Value>| {
        let broken = rules.broken(&object, old.as_ref());
        broken.iter().map(FieldError::to_string).collect::<Vec<_>>()
    };
    let a = json!({"spec": {"type": "a"}});
    assert!(told(a.clone(), None).is_empty());
    let changed = told(json!({"spec": {"type": "b"}}), Some(a));
    assert_eq!(changed, ["spec: Invalid value: \"object\": type is immutable"]);
    let negative = told(json!({"spec": {"type": "a", "n": -1}}), None);
    assert_eq!(negative, ["spec: Invalid value: \"object\": n is -1"]);
    let broken = json!({"type": "object", "x-kubernetes-validations": [{"rule": "self +"}]});
    assert!(Rules::compile(&broken, "g", "v1", "K").is_err());
}
