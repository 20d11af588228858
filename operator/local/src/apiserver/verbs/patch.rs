//! `patch` in its four kinds, of objects and of their status.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::apiserver::{
    exchange::Response,
    fields::{Managers, Operation},
    meta, patch,
    status::{ApiError, FieldError, Names, Result},
    store::Object,
    verbs::{Call, shown::shown, write::Written},
};

/// The media types of patches that are understood.
const SUPPORTED: &str = "application/json-patch+json, application/merge-patch+json, \
                         application/strategic-merge-patch+json, application/apply-patch+yaml";

/// And for custom resources, whose lists have no known keys.
const SUPPORTED_CUSTOM: &str = "application/json-patch+json, application/merge-patch+json, \
                                application/apply-patch+yaml";

impl Call<'_> {
    /// Changes a part of an object.
    pub(super) fn patch(&self) -> Result<Response> {
        self.request.params.dry_run()?;
        let kind = self.request.content_type.as_str();
        if kind == "application/apply-patch+yaml" {
            return self.apply();
        }
        let strategic = kind == "application/strategic-merge-patch+json";
        let known = strategic
            || matches!(kind, "application/json-patch+json" | "application/merge-patch+json");
        if !known {
            return Err(ApiError::unsupported_media(SUPPORTED));
        }
        if strategic && self.resource.is_custom() {
            return Err(ApiError::unsupported_media(SUPPORTED_CUSTOM));
        }
        let document = self.document()?;
        let key = self.key()?;
        loop {
            let live = self.live(&key)?;
            let mut warnings = Vec::new();
            let seen = shown(&self.resource, &live);
            let patched = match kind {
                "application/json-patch+json" => patch::json(&seen, &document)?,
                "application/merge-patch+json" => patch::merge(&seen, &document),
                _ => patch::strategic(&seen, &document, Some(&self.resource.schema)),
            };
            let patched = self.admit_shape(patched, &mut warnings)?;
            if meta::text(&patched, "resourceVersion") != live.revision.to_string() {
                let name = meta::text(&live.value, "name");
                return Err(ApiError::modified(self.resource.names(), name));
            }
            let mut new = self.finish(Some(&live.value), patched.clone())?;
            self.own_update(Some(&live.value), &patched, &mut new);
            if let Ok(object) = self.store(&key, Some(&live), new) {
                return self.written(200, Written { object, warnings });
            }
        }
    }

    /// Server-side apply: creates the object when it is missing.
    fn apply(&self) -> Result<Response> {
        let params = &self.request.params;
        if params.text("fieldManager").is_none() {
            let names =
                Names { group: "meta.k8s.io", plural: "patchoptions", kind: "PatchOptions" };
            let error = FieldError::required("fieldManager", "is required for apply patch");
            return Err(ApiError::invalid(names, "", &[error]));
        }
        let mut warnings = Vec::new();
        let config: Value = serde_yaml::from_slice(&self.request.body)
            .map_err(|error| ApiError::bad_request(format!("error decoding YAML: {error}")))?;
        if config["metadata"]["managedFields"].as_array().is_some_and(|list| !list.is_empty()) {
            return Err(ApiError::bad_request("metadata.managedFields must be nil"));
        }
        let config = self.admit_shape(config, &mut warnings)?;
        let key = self.key()?;
        loop {
            let Some(live) = self.api.store.get(&self.resource.table, &key) else {
                if !self.target.subresource.is_empty() {
                    return Err(ApiError::not_found(self.resource.names(), &key.name));
                }
                match self.apply_new(&config)? {
                    Some(object) => return self.written(201, Written { object, warnings }),
                    None => continue,
                }
            };
            let new = self.applied(&live, &config)?;
            if let Ok(object) = self.store(&key, Some(&live), new) {
                return self.written(200, Written { object, warnings });
            }
        }
    }

    fn apply_new(&self, config: &Value) -> Result<Option<Arc<Object>>> {
        if !meta::text(config, "uid").is_empty() {
            let name = meta::text(config, "name");
            let why = "uid mismatch: the provided object specified a uid, and no existing object \
                       was found";
            return Err(ApiError::conflict(self.resource.names(), name, why));
        }
        self.insert(config.clone(), |call, config, new| {
            let version = call.resource.api_version();
            let mut managers = Managers::default();
            let actor = call.actor(Operation::Apply, &version);
            managers.apply(&json!({}), config, &call.resource.schema, actor, true)?;
            managers.write_to(new);
            Ok(())
        })
    }

    fn applied(&self, live: &Object, config: &Value) -> Result<Value> {
        let given = meta::text(config, "resourceVersion");
        if !given.is_empty() && given != live.revision.to_string() {
            let name = meta::text(&live.value, "name");
            return Err(ApiError::modified(self.resource.names(), name));
        }
        let version = self.resource.api_version();
        let actor = self.actor(Operation::Apply, &version);
        let mut managers = Managers::of(&live.value);
        let force = self.request.params.flag("force");
        let schema = &self.resource.schema;
        let merged = managers.apply(&live.value, config, schema, actor, force)?;
        let mut new = self.finish(Some(&live.value), merged)?;
        managers.write_to(&mut new);
        Ok(new)
    }
}
