//! Events: `v1` and `events.k8s.io/v1` are two views of the same objects, stored as `v1`.

use serde_json::{Map, Value, json};

/// The newer group of events.
pub(crate) const GROUP: &str = "events.k8s.io";

/// Field names that differ: core, then newer group.
const RENAMED: &[(&str, &str)] = &[
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("reportingComponent", "reportingController"),
    ("count", "deprecatedCount"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("source", "deprecatedSource"),
];

/// The view of `events.k8s.io/v1` in stored form.
pub(crate) fn to_core(mut event: Value) -> Value {
    rename(&mut event, |(core, new)| (*new, *core));
    event["apiVersion"] = json!("v1");
    if event["source"].is_null() {
        event["source"] = json!({"component": event["reportingComponent"]});
    }
    let since = event["eventTime"].clone();
    for field in ["firstTimestamp", "lastTimestamp"] {
        if event[field].is_null() && !since.is_null() {
            event[field] = since.clone();
        }
    }
    event
}

/// A stored event as `events.k8s.io/v1`.
pub(crate) fn from_core(event: &Value) -> Value {
    let mut event = event.clone();
    rename(&mut event, |(core, new)| (*core, *new));
    event["apiVersion"] = json!(format!("{GROUP}/v1"));
    event
}

fn rename(
    event: &mut Value,
    names: impl Fn(&(&'static str, &'static str)) -> (&'static str, &'static str),
) {
    let Some(map) = event.as_object_mut() else { return };
    let old = std::mem::replace(map, Map::new());
    for (name, value) in old {
        let renamed = RENAMED.iter().map(&names).find(|(from, _)| *from == name);
        map.insert(renamed.map_or(name, |(_, to)| to.to_owned()), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_views_show_the_same_event() {
        let new = json!({
            "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e"},
            "regarding": {"name": "q"}, "note": "hello", "reason": "R",
            "reportingController": "c", "eventTime": "2026-01-01T00:00:00.000000Z",
        });
        let core = to_core(new.clone());
        assert_eq!(core["involvedObject"]["name"], "q");
        assert_eq!(core["message"], "hello");
        assert_eq!(core["source"]["component"], "c");
        let back = from_core(&core);
        for field in ["regarding", "note", "reason", "reportingController", "apiVersion"] {
            assert_eq!(back[field], new[field], "{field}");
        }
    }
}
