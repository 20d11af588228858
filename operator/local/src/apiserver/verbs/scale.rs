//! `scale`: how many, seen and set without knowing the kind.

use http::Method;
use serde_json::{Value, json};

use crate::apiserver::{
    catalog::Scale,
    exchange::Response,
    fields::{Managers, Operation},
    jsonpath::JsonPath,
    meta, patch,
    status::{ApiError, Result},
    verbs::Call,
};

impl Call<'_> {
    /// Reads, replaces or patches the scale of an object.
    pub(super) fn scale(&self) -> Result<Response> {
        let scale = self.resource.scale.as_ref().ok_or_else(ApiError::no_such_path)?;
        let key = self.key()?;
        if self.request.method == Method::GET {
            return Ok(Response::json(200, &document(scale, &self.live(&key)?.value)));
        }
        let body = self.document()?;
        loop {
            let live = self.live(&key)?;
            let shown = document(scale, &live.value);
            let wanted = match (&self.request.method, self.request.content_type.as_str()) {
                (&Method::PUT, _) => body.clone(),
                (&Method::PATCH, "application/json-patch+json") => patch::json(&shown, &body)?,
                (&Method::PATCH, _) => patch::merge(&shown, &body),
                _ => return Err(ApiError::method_not_allowed()),
            };
            let version = meta::text(&wanted, "resourceVersion");
            if !version.is_empty() && version != live.revision.to_string() {
                return Err(ApiError::modified(self.resource.names(), &key.name));
            }
            let replicas = wanted["spec"]["replicas"].as_i64().filter(|n| *n >= 0);
            let replicas = replicas.ok_or_else(|| {
                ApiError::bad_request("spec.replicas must be a number that is not negative")
            })?;
            let mut candidate = live.value.clone();
            set(&mut candidate, &scale.spec, json!(replicas));
            let mut new = self.finish(Some(&live.value), candidate)?;
            let mut managers = Managers::of(&live.value);
            let api_version = self.resource.api_version();
            let actor = self.actor(Operation::Update, &api_version);
            managers.update(&live.value, &new, &self.resource.schema, actor);
            managers.write_to(&mut new);
            if let Ok(object) = self.store(&key, Some(&live), new) {
                return Ok(Response::json(200, &document(scale, &object.value)));
            }
        }
    }
}

fn document(scale: &Scale, object: &Value) -> Value {
    let at = |path: &str| {
        let path = JsonPath::parse(path);
        path.and_then(|path| path.find(object).first().map(|v| (*v).clone()))
    };
    let number = |path: &str| at(path).unwrap_or_else(|| json!(0));
    let selector = scale.selector.as_deref().and_then(at).unwrap_or_default();
    let selector = match &selector["matchLabels"] {
        Value::Object(labels) => {
            let pairs =
                labels.iter().map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or_default()));
            json!(pairs.collect::<Vec<_>>().join(","))
        }
        _ => selector,
    };
    let metadata = &object["metadata"];
    let mut shown = json!({
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": metadata["name"],
            "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
            "creationTimestamp": metadata["creationTimestamp"],
        },
        "spec": {"replicas": number(&scale.spec)},
        "status": {"replicas": number(&scale.status)},
    });
    if metadata["namespace"].is_string() {
        shown["metadata"]["namespace"] = metadata["namespace"].clone();
    }
    if selector.is_string() {
        shown["status"]["selector"] = selector;
    }
    shown
}

/// Sets a value at a path of plain field names.
fn set(object: &mut Value, path: &str, value: Value) {
    let mut at = object;
    for name in path.split('.').filter(|name| !name.is_empty()) {
        at = &mut at[name];
    }
    *at = value;
}
