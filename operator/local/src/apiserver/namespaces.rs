//! What goes with what: the content of a namespace, and the objects of a custom resource.
//!
//! A namespace or a definition that is being deleted stays until everything in it is gone. Their
//! content is deleted like by any client, so finalizers hold it, and with it them.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use crate::apiserver::{
    catalog::Resource,
    crd, meta,
    store::{Key, Object},
    verbs::{Api, Deletion, remove},
};

/// How often a deletion that waits for finalizers is looked at again.
const RETRY: Duration = Duration::from_millis(200);

/// Where namespaces are stored.
const NAMESPACES: &str = "/namespaces";

/// Finishes deletions of namespaces and definitions for as long as the server runs.
pub(crate) async fn run(api: Arc<Api>) {
    let mut namespaces = api.store.subscribe(NAMESPACES);
    let mut definitions = api.store.subscribe(crd::TABLE);
    loop {
        let waiting = sweep(&api);
        let again = async {
            if waiting {
                tokio::time::sleep(RETRY).await;
            } else {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            _ = namespaces.changed() => {}
            _ = definitions.changed() => {}
            () = again => {}
        }
    }
}

/// One look at everything that is being deleted; whether something has to wait.
fn sweep(api: &Api) -> bool {
    let mut waiting = false;
    let deleting = |table: &str| {
        let all = api.store.list(table, None, None).objects;
        all.into_iter().filter(|(_, object)| meta::deleting(&object.value)).collect::<Vec<_>>()
    };
    for (key, namespace) in deleting(NAMESPACES) {
        waiting |= !empty_namespace(api, &key, &namespace);
    }
    for (key, definition) in deleting(crd::TABLE) {
        waiting |= !empty_definition(api, &key, &definition);
    }
    waiting
}

/// Deletes the content of a namespace, then the namespace; whether that is done.
fn empty_namespace(api: &Api, key: &Key, namespace: &Object) -> bool {
    let mut left = Vec::new();
    let kinds = api.catalog.kinds();
    let mut seen = std::collections::HashSet::new();
    for resource in kinds.iter().filter(|r| r.namespaced && !r.ephemeral) {
        if seen.insert(resource.table.clone()) {
            left.extend(clear(api, resource, Some(&key.name)));
        }
    }
    if !left.is_empty() {
        explain(api, key, namespace, &left);
        return false;
    }
    let mut value = namespace.value.clone();
    value["spec"] = json!({"finalizers": []});
    let bare = meta::finalizers(&value).is_empty();
    let value = (!bare).then_some(value);
    let changed = value.as_ref() != Some(&namespace.value);
    if changed {
        let _ = api.store.commit(NAMESPACES, key, Some(namespace.revision), value);
    }
    true
}

/// Says in the namespace's status what it waits for.
fn explain(api: &Api, key: &Key, namespace: &Object, left: &[String]) {
    let message =
        format!("Some content in the namespace has finalizers remaining: {}", left.join(", "));
    let mut value = namespace.value.clone();
    let known = value["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let kind = "NamespaceFinalizersRemaining";
    if known.iter().any(|c| c["type"] == kind && c["message"] == message.as_str()) {
        return;
    }
    let mut conditions: Vec<Value> = known.into_iter().filter(|c| c["type"] != kind).collect();
    conditions.push(json!({
        "type": kind,
        "status": "True",
        "reason": "SomeFinalizersRemain",
        "message": message,
        "lastTransitionTime": meta::now(),
    }));
    value["status"]["conditions"] = Value::Array(conditions);
    let _ = api.store.commit(NAMESPACES, key, Some(namespace.revision), Some(value));
}

/// Deletes the objects of a definition, then the definition; whether that is done.
fn empty_definition(api: &Api, key: &Key, definition: &Object) -> bool {
    if !meta::finalizers(&definition.value).contains(&crd::FINALIZER) {
        return true;
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let spec = &definition.value["spec"];
    let (group, plural) = (text(&spec["group"]), text(&spec["names"]["plural"]));
    let version = crd::preferred_version(&definition.value).unwrap_or_default();
    if let Some(resource) = api.catalog.find(&group, &version, &plural)
        && clear(api, &resource, None).is_some()
    {
        return false;
    }
    let mut value = definition.value.clone();
    let rest: Vec<String> = meta::finalizers(&value)
        .into_iter()
        .filter(|finalizer| *finalizer != crd::FINALIZER)
        .map(str::to_owned)
        .collect();
    let last = rest.is_empty();
    value["metadata"]["finalizers"] = json!(rest);
    let value = (!last).then_some(value);
    if api.store.commit(crd::TABLE, key, Some(definition.revision), value).is_ok() && last {
        api.stop_serving(&definition.value);
    }
    true
}

/// Asks for the deletion of every object of a kind; what is still there afterwards, as
/// `PLURAL.GROUP has N resource instances`.
fn clear(api: &Api, resource: &Resource, namespace: Option<&str>) -> Option<String> {
    for (key, object) in api.store.list(&resource.table, namespace, None).objects {
        if meta::deleting(&object.value) {
            continue;
        }
        let _ = remove(api, resource, &key, &Deletion::default());
    }
    let left = api.store.list(&resource.table, namespace, None).objects.len();
    (left > 0).then(|| format!("{} has {left} resource instances", resource.names().resource()))
}
