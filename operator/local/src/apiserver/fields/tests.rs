//! Ownership as users of server-side apply know it.

use serde_json::{Value, json};

use super::*;
use crate::apiserver::schema::Schema;

fn schema() -> Schema {
    let document = json!({"type": "object", "properties": {
        "metadata": {"type": "object", "properties": {
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "finalizers": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        }},
        "spec": {"type": "object", "properties": {
            "n": {"type": "integer"}, "m": {"type": "integer"},
            "list": {"type": "array", "items": {"type": "integer"}},
            "ports": {
                "type": "array", "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["port", "protocol"],
                "items": {"type": "object", "properties": {
                    "port": {"type": "integer"}, "name": {"type": "string"},
                    "protocol": {"type": "string", "default": "TCP"}, "node": {"type": "integer"},
                }},
            },
        }},
        "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
    }});
    Schema::parse(&document, &()).unwrap()
}

fn actor(manager: &str, operation: Operation) -> Actor<'_> {
    Actor { manager, operation, api_version: "g/v1", subresource: "", status_apart: true }
}

fn applied(managers: &mut Managers, live: &Value, who: &str, config: Value) -> Value {
    managers.apply(live, &config, &schema(), actor(who, Operation::Apply), false).unwrap()
}

#[test]
fn what_is_no_longer_applied_goes_unless_somebody_else_owns_it() {
    let mut managers = Managers::default();
    let live = applied(&mut managers, &json!({}), "a", json!({"spec": {"n": 1, "m": 2}}));
    let live = applied(&mut managers, &live, "b", json!({"spec": {"m": 2}}));
    let live = applied(&mut managers, &live, "a", json!({"metadata": {"labels": {"x": "y"}}}));
    assert_eq!(live, json!({"spec": {"m": 2}, "metadata": {"labels": {"x": "y"}}}));
    let live = applied(&mut managers, &live, "a", json!({}));
    assert_eq!(live["metadata"], Value::Null);
    let live = applied(&mut managers, &live, "b", json!({}));
    assert_eq!(live, json!({}));
}

#[test]
fn a_conflict_names_the_manager_and_force_takes_the_field() {
    let mut managers = Managers::default();
    let live = applied(&mut managers, &json!({}), "a", json!({"spec": {"n": 1}}));
    let config = json!({"spec": {"n": 2}});
    let error = managers
        .clone()
        .apply(&live, &config, &schema(), actor("b", Operation::Apply), false)
        .unwrap_err();
    assert_eq!(error.message, "Apply failed with 1 conflict: conflict with \"a\": .spec.n");
    let live =
        managers.apply(&live, &config, &schema(), actor("b", Operation::Apply), true).unwrap();
    assert_eq!(live["spec"]["n"], 2);
    let mut shown = json!({});
    managers.write_to(&mut shown);
    let list = shown["metadata"]["managedFields"].as_array().unwrap();
    assert_eq!(list.len(), 1, "the loser owns nothing any more: {list:?}");
    assert_eq!(list[0]["fieldsV1"], json!({"f:spec": {"f:n": {}}}));
}

#[test]
fn an_update_owns_what_it_changes() {
    let mut managers = Managers::default();
    let live = applied(&mut managers, &json!({}), "a", json!({"spec": {"n": 1, "m": 1}}));
    let new = json!({"spec": {"n": 5, "m": 1}, "status": {"x": 1}});
    managers.update(&live, &new, &schema(), actor("edit", Operation::Update));
    let mut shown = json!({});
    managers.write_to(&mut shown);
    let list = &shown["metadata"]["managedFields"];
    assert_eq!(list[0]["fieldsV1"], json!({"f:spec": {"f:m": {}}}));
    assert_eq!(list[1]["fieldsV1"], json!({"f:spec": {"f:n": {}}}));
    assert_eq!(Managers::of(&shown), managers);
}

#[test]
fn keyed_entries_and_sets_are_owned_one_by_one() {
    let mut managers = Managers::default();
    let first = json!({
        "metadata": {"finalizers": ["a"]},
        "spec": {"ports": [{"port": 1, "name": "x"}], "list": [1]},
    });
    let live = applied(&mut managers, &json!({}), "a", first);
    let second = json!({
        "metadata": {"finalizers": ["b"]},
        "spec": {"ports": [{"port": 1, "node": 7}, {"port": 2, "protocol": "UDP"}]},
    });
    let live = applied(&mut managers, &live, "b", second);
    let merged = json!({
        "metadata": {"finalizers": ["a", "b"]},
        "spec": {
            "ports": [{"port": 1, "name": "x", "node": 7}, {"port": 2, "protocol": "UDP"}],
            "list": [1],
        },
    });
    assert_eq!(live, merged);
    let live = applied(&mut managers, &live, "a", json!({}));
    let rest = json!({
        "metadata": {"finalizers": ["b"]},
        "spec": {"ports": [{"port": 1, "node": 7}, {"port": 2, "protocol": "UDP"}]},
    });
    assert_eq!(live, rest);
    let live = applied(&mut managers, &live, "b", json!({}));
    assert_eq!(live, json!({}));
}

#[test]
fn sets_survive_their_json_form() {
    let document = json!({"f:a": {".": {}, "f:b": {}}, "k:{\"n\":1}": {"f:c": {}}});
    let set = Set::from_json(&document);
    assert_eq!(set.to_json(), document);
    assert_eq!(set.paths(), [".a", ".a.b", "[n=1].c"]);
    assert!(set.difference(&set).is_empty());
    assert_eq!(set.intersection(&set), set);
}
