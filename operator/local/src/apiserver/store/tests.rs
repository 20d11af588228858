//! What readers, writers and watchers may rely on.

use serde_json::json;

use super::*;

fn key(name: &str) -> Key {
    Key { namespace: "default".into(), name: name.into() }
}

#[test]
fn a_commit_needs_the_revision_that_was_read() {
    let store = Store::in_memory(10);
    let first = store.commit("t", &key("a"), None, Some(json!({"x": 1}))).unwrap();
    assert_eq!(store.commit("t", &key("a"), None, Some(json!({}))).unwrap_err(), Raced);
    let second = store.commit("t", &key("a"), Some(first.revision), Some(json!({"x": 2}))).unwrap();
    assert!(second.revision > first.revision);
    assert_eq!(store.commit("t", &key("a"), Some(first.revision), None).unwrap_err(), Raced);
    store.commit("t", &key("a"), Some(second.revision), None).unwrap();
    assert!(store.get("t", &key("a")).is_none());
    assert_eq!(store.commit("t", &key("a"), None, None).unwrap_err(), Raced);
}

#[test]
fn changes_are_told_in_order_until_history_forgets_them() {
    let store = Store::in_memory(2);
    let start = store.revision();
    for name in ["a", "b", "c"] {
        store.commit("t", &key(name), None, Some(json!({}))).unwrap();
    }
    let oldest = start + 1;
    assert_eq!(store.changes("t", start, 10).unwrap_err(), Forgotten { oldest });
    let told = store.changes("t", oldest, 10).unwrap();
    assert_eq!(told.iter().map(|c| c.revision).collect::<Vec<_>>(), [start + 2, start + 3]);
    assert!(store.changes("other", start, 10).unwrap().is_empty());
}

#[test]
fn lists_stay_within_a_namespace_and_go_on_after_a_key() {
    let store = Store::in_memory(10);
    for (namespace, name) in [("a", "1"), ("b", "1"), ("b", "2"), ("c", "1")] {
        let key = Key { namespace: namespace.into(), name: name.into() };
        store.commit("t", &key, None, Some(json!({}))).unwrap();
    }
    let names = |listing: Listing| {
        let join = |(k, _): (Key, _)| format!("{}/{}", k.namespace, k.name);
        listing.objects.into_iter().map(join).collect::<Vec<_>>()
    };
    assert_eq!(names(store.list("t", Some("b"), None)), ["b/1", "b/2"]);
    let after = Key { namespace: "b".into(), name: "1".into() };
    assert_eq!(names(store.list("t", None, Some(&after))), ["b/2", "c/1"]);
    assert_eq!(names(store.list("t", Some("b"), Some(&after))), ["b/2"]);
}

#[test]
fn the_state_survives_a_restart_and_a_torn_tail() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), 10).unwrap();
    let kept = store.commit("t", &key("kept"), None, Some(json!({"x": 1}))).unwrap();
    let gone = store.commit("t", &key("gone"), None, Some(json!({}))).unwrap();
    store.commit("t", &key("gone"), Some(gone.revision), None).unwrap();
    let revision = store.revision();
    drop(store);
    let journal = dir.path().join("journal.jsonl");
    let mut torn = std::fs::read(&journal).unwrap();
    torn.extend_from_slice(b"{\"revision\":99,\"tab");
    std::fs::write(&journal, torn).unwrap();

    let store = Store::open(dir.path(), 10).unwrap();
    assert_eq!(store.revision(), revision);
    assert_eq!(store.get("t", &key("kept")).unwrap().value, kept.value);
    assert!(store.get("t", &key("gone")).is_none());
}

#[test]
fn a_restart_forgets_history() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), 10).unwrap();
    let first = store.commit("t", &key("a"), None, Some(json!({}))).unwrap();
    store.commit("t", &key("b"), None, Some(json!({}))).unwrap();
    let last = store.revision();
    drop(store);
    let store = Store::open(dir.path(), 10).unwrap();
    assert!(store.changes("t", first.revision, 10).is_err());
    assert!(store.changes("t", last, 10).unwrap().is_empty());
}
