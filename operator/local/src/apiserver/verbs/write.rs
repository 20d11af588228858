//! The way of every write: shape, defaults, checks, ownership, commit.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::apiserver::{
    admission, crd,
    exchange::Response,
    fields::{Actor, Managers, Operation},
    meta,
    query::FieldValidation,
    schema::{apply_defaults, drop_nulls, prune, validate},
    status::{ApiError, FieldError, Result},
    store::{Key, Object, Raced},
    verbs::{Call, events},
};

/// Fields of `metadata` that only the server writes.
const SERVER_FIELDS: &[&str] = &[
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "selfLink",
];

/// What came out of a write.
pub(super) struct Written {
    /// The object as stored, or as it would be stored.
    pub(super) object: Arc<Object>,
    /// For the `Warning` headers.
    pub(super) warnings: Vec<String>,
}

/// `default` and its like, which are there from the start.
pub(super) fn bootstrap_namespace(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "uid": meta::uid(),
            "creationTimestamp": meta::now(),
            "labels": {"kubernetes.io/metadata.name": name},
        },
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    })
}

impl Call<'_> {
    /// Who is writing.
    pub(super) fn actor<'a>(&'a self, operation: Operation, api_version: &'a str) -> Actor<'a> {
        let named = self.request.params.text("fieldManager");
        let agent = if self.request.agent.is_empty() { "unknown" } else { &self.request.agent };
        Actor {
            manager: named.unwrap_or(agent),
            operation,
            api_version,
            subresource: &self.target.subresource,
            status_apart: self.resource.status,
        }
    }

    /// A document from outside in the stored form of its kind, without what the schema does not
    /// know. `warnings` gets what was dropped, when the client did not ask to be refused.
    pub(super) fn admit_shape(
        &self,
        mut value: Value,
        warnings: &mut Vec<String>,
    ) -> Result<Value> {
        let resource = &self.resource;
        if !value.is_object() {
            return Err(ApiError::bad_request("the body must be an object"));
        }
        self.check_identity(&mut value)?;
        drop_nulls(&resource.schema, &mut value);
        let mut unknown = Vec::new();
        prune(&resource.schema, &mut value, "", &mut unknown);
        if !unknown.is_empty() {
            let told: Vec<String> =
                unknown.iter().map(|path| format!("unknown field \"{path}\"")).collect();
            match self.request.params.field_validation()? {
                FieldValidation::Ignore => {}
                FieldValidation::Warn => warnings.extend(told),
                FieldValidation::Strict => {
                    return Err(ApiError::bad_request(format!(
                        "{kind} in version \"{version}\" cannot be handled as a {kind}: strict \
                         decoding error: {told}",
                        kind = resource.kind,
                        version = resource.version,
                        told = told.join(", "),
                    )));
                }
            }
        }
        if resource.group == events::GROUP {
            value = events::to_core(value);
        }
        Ok(value)
    }

    /// `apiVersion`, `kind`, name and namespace must be those of the URL; missing ones are set.
    fn check_identity(&self, value: &mut Value) -> Result<()> {
        let resource = &self.resource;
        let expected = [("apiVersion", resource.api_version()), ("kind", resource.kind.clone())];
        for (field, expected) in expected {
            match value[field].as_str() {
                None | Some("") => value[field] = json!(expected),
                Some(given) if given == expected => {}
                Some(given) => {
                    return Err(ApiError::bad_request(format!(
                        "the {field} in the data ({given}) does not match the expected one \
                         ({expected})"
                    )));
                }
            }
        }
        let namespace = self.namespace()?.to_owned();
        let given = meta::text(value, "namespace").to_owned();
        if !given.is_empty() && given != namespace {
            return Err(ApiError::bad_request(format!(
                "the namespace of the provided object does not match the namespace sent on the \
                 request: {given:?} and {namespace:?}"
            )));
        }
        if !namespace.is_empty() {
            meta::metadata(value).insert("namespace".into(), json!(namespace));
        }
        if let Some(name) = &self.target.name {
            let given = meta::text(value, "name");
            if !given.is_empty() && given != name {
                return Err(ApiError::bad_request(format!(
                    "the name of the object ({given}) does not match the name on the URL ({name})"
                )));
            }
            meta::metadata(value).insert("name".into(), json!(name));
        }
        Ok(())
    }

    /// Turns a candidate in stored shape into what is stored in place of `old`: defaults, server
    /// fields, admission, validation. Ownership is the caller's.
    pub(super) fn finish(&self, old: Option<&Value>, mut new: Value) -> Result<Value> {
        let resource = &self.resource;
        meta::metadata(&mut new).remove("managedFields");
        if resource.group != events::GROUP {
            drop_nulls(&resource.schema, &mut new);
            prune(&resource.schema, &mut new, "", &mut Vec::new());
            apply_defaults(&resource.schema, &mut new);
        }
        self.keep_apart(old, &mut new);
        self.server_fields(old, &mut new)?;
        admission::default(resource, old, &mut new);
        if resource.group != events::GROUP {
            drop_nulls(&resource.schema, &mut new);
        }
        if resource.counts {
            self.count(old, &mut new);
        }
        let name = meta::text(&new, "name").to_owned();
        let errors = self.errors(old, &new, &name);
        if errors.is_empty() {
            Ok(new)
        } else {
            Err(ApiError::invalid(resource.names(), &name, &errors))
        }
    }

    fn errors(&self, old: Option<&Value>, new: &Value, name: &str) -> Vec<FieldError> {
        let resource = &self.resource;
        let mut errors = Vec::new();
        if old.is_none()
            && !resource.group.starts_with("rbac.")
            && let Some(why) = meta::name_error(name)
        {
            errors.push(FieldError::invalid("metadata.name", &json!(name), why));
        }
        if resource.group != events::GROUP {
            validate(&resource.schema, new, "", &mut errors);
        }
        if errors.is_empty() {
            errors.extend(admission::check(resource, old, new));
        }
        if errors.is_empty()
            && let Some(rules) = &resource.rules
        {
            errors.extend(rules.broken(new, old));
        }
        errors
    }

    /// `status` is written through its subresource only, and that writes nothing else.
    fn keep_apart(&self, old: Option<&Value>, new: &mut Value) {
        match (self.target.subresource.as_str(), old) {
            ("status", Some(old)) => {
                let status = new.get_mut("status").map(Value::take);
                let version = new["metadata"]["resourceVersion"].take();
                *new = old.clone();
                let metadata = meta::metadata(new);
                metadata.remove("managedFields");
                metadata.insert("resourceVersion".into(), version);
                set_status(new, status);
            }
            _ if self.resource.status => {
                set_status(new, old.and_then(|old| old.get("status").cloned()));
            }
            _ => {}
        }
    }

    fn server_fields(&self, old: Option<&Value>, new: &mut Value) -> Result<()> {
        let names = self.resource.names();
        let name = meta::text(new, "name").to_owned();
        let metadata = meta::metadata(new);
        metadata.remove("selfLink");
        metadata.retain(|_, value| !value.is_null());
        let Some(old) = old else {
            for field in SERVER_FIELDS {
                metadata.remove(*field);
            }
            metadata.insert("uid".into(), json!(meta::uid()));
            metadata.insert("creationTimestamp".into(), json!(meta::now()));
            return Ok(());
        };
        let given = metadata.get("uid").and_then(Value::as_str).unwrap_or_default().to_owned();
        let uid = meta::text(old, "uid");
        if !given.is_empty() && given != uid {
            let why = format!(
                "Precondition failed: UID in precondition: {given}, UID in object meta: {uid}"
            );
            return Err(ApiError::conflict(names, &name, &why));
        }
        for field in SERVER_FIELDS {
            metadata.remove(*field);
            if let Some(value) = old["metadata"].get(*field) {
                metadata.insert((*field).to_owned(), value.clone());
            }
        }
        Ok(())
    }

    /// `generation` counts the states that were asked for.
    fn count(&self, old: Option<&Value>, new: &mut Value) {
        let wanted = |value: &Value| {
            let mut map = value.as_object().cloned().unwrap_or_default();
            map.remove("metadata");
            if self.resource.status || !self.resource.is_custom() {
                map.remove("status");
            }
            map
        };
        let generation = match old {
            None => 1,
            Some(old) if wanted(old) == wanted(new) => meta::generation(old).max(1),
            Some(old) => meta::generation(old) + 1,
        };
        meta::metadata(new).insert("generation".into(), json!(generation));
    }

    /// The managers that an updated document starts from: its own when it carries some, the live
    /// ones when it is silent, none when it empties them.
    pub(super) fn base_managers(old: Option<&Value>, submitted: &Value) -> Managers {
        match submitted["metadata"]["managedFields"].as_array() {
            Some(_) => Managers::of(submitted),
            None => old.map(Managers::of).unwrap_or_default(),
        }
    }

    /// Stores `new` in place of `old`, or only pretends to. An object whose deletion was asked for
    /// goes with its last finalizer.
    pub(super) fn store(
        &self,
        key: &Key,
        old: Option<&Object>,
        mut new: Value,
    ) -> Result<Arc<Object>, Raced> {
        let (store, table) = (&self.api.store, self.resource.table.as_str());
        if let Some(old) = old {
            let version = json!(old.revision.to_string());
            meta::metadata(&mut new).insert("resourceVersion".into(), version);
            if new == old.value {
                return Ok(Arc::new(Object::new(new, old.revision)));
            }
        }
        if self.request.params.dry_run().unwrap_or(false) {
            return Ok(Arc::new(Object::new(new, old.map_or(0, |old| old.revision))));
        }
        let expected = old.map(|old| old.revision);
        if old.is_some() && is_finished(&new) {
            let last = Object::new(new, expected.unwrap_or_default());
            store.commit(table, key, expected, None)?;
            if table == crd::TABLE {
                self.api.stop_serving(&last.value);
            }
            return Ok(Arc::new(last));
        }
        let stored = store.commit(table, key, expected, Some(new))?;
        if table == crd::TABLE {
            self.api.serve_definition(&stored.value);
        }
        Ok(stored)
    }

    /// The answer to a write.
    pub(super) fn written(&self, code: u16, written: Written) -> Result<Response> {
        let mut response = self.respond(code, &written.object)?;
        response.warnings = written.warnings;
        Ok(response)
    }

    /// Records an update by this client in the managed fields of `new`.
    pub(super) fn own_update(&self, old: Option<&Value>, submitted: &Value, new: &mut Value) {
        let mut managers = Self::base_managers(old, submitted);
        let version = self.resource.api_version();
        let nothing = json!({});
        let actor = self.actor(Operation::Update, &version);
        managers.update(old.unwrap_or(&nothing), new, &self.resource.schema, actor);
        managers.write_to(new);
    }
}

fn set_status(value: &mut Value, status: Option<Value>) {
    if let Some(map) = value.as_object_mut() {
        match status {
            Some(status) if !status.is_null() => map.insert("status".into(), status),
            _ => map.remove("status"),
        };
    }
}

/// Whether nothing keeps an object from going any more.
fn is_finished(value: &Value) -> bool {
    let namespace = value["kind"] == "Namespace" && value["apiVersion"] == "v1";
    let held = namespace && value["spec"]["finalizers"].as_array().is_some_and(|f| !f.is_empty());
    let grace = value["metadata"]["deletionGracePeriodSeconds"].as_i64().unwrap_or(0);
    meta::deleting(value) && meta::finalizers(value).is_empty() && grace == 0 && !held
}
