//! `create`.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::apiserver::{
    exchange::Response,
    meta,
    status::{ApiError, FieldError, Names, Result},
    store::{Key, Object, Raced},
    verbs::{Call, write::Written},
};

/// How often a generated name may turn out to be taken.
const NAME_ATTEMPTS: usize = 8;

impl Call<'_> {
    /// Stores a new object.
    pub(super) fn create(&self) -> Result<Response> {
        self.request.params.dry_run()?;
        let mut warnings = Vec::new();
        let submitted = self.admit_shape(self.document()?, &mut warnings)?;
        let generate = meta::text(&submitted, "name").is_empty();
        let prefix = meta::text(&submitted, "generateName").to_owned();
        if generate && prefix.is_empty() {
            let why = "name or generateName is required";
            let error = FieldError::required("metadata.name", why);
            return Err(ApiError::invalid(self.resource.names(), "", &[error]));
        }
        let attempts = if generate { NAME_ATTEMPTS } else { 1 };
        for _ in 0..attempts {
            let mut candidate = submitted.clone();
            if generate {
                let name = format!("{prefix}{}", meta::name_suffix());
                meta::metadata(&mut candidate).insert("name".into(), json!(name));
            }
            if let Some(object) = self.insert(candidate, |call, submitted, new| {
                call.own_update(None, submitted, new);
                Ok(())
            })? {
                return self.written(201, Written { object, warnings });
            }
        }
        let name = meta::text(&submitted, "name");
        Err(ApiError::already_exists(self.resource.names(), name))
    }

    /// Stores `candidate` as a new object; `None` when there is one of its name.
    pub(super) fn insert(
        &self,
        candidate: Value,
        own: impl FnOnce(&Self, &Value, &mut Value) -> Result<()>,
    ) -> Result<Option<Arc<Object>>> {
        let namespace = self.namespace()?.to_owned();
        let name = meta::text(&candidate, "name").to_owned();
        let key = Key { namespace: namespace.clone(), name: name.clone() };
        if self.api.store.get(&self.resource.table, &key).is_some() {
            return Ok(None);
        }
        self.check_namespace(&namespace, &name)?;
        if !meta::text(&candidate, "resourceVersion").is_empty() {
            let why = "resourceVersion should not be set on objects to be created";
            return Err(ApiError::bad_request(why));
        }
        let mut new = self.finish(None, candidate.clone())?;
        own(self, &candidate, &mut new)?;
        match self.store(&key, None, new) {
            Ok(object) => Ok(Some(object)),
            Err(Raced) => Ok(None),
        }
    }

    /// New objects need a namespace that is there and not going away.
    fn check_namespace(&self, namespace: &str, name: &str) -> Result<()> {
        if namespace.is_empty() {
            return Ok(());
        }
        let key = Key { namespace: String::new(), name: namespace.to_owned() };
        let names = Names { group: "", plural: "namespaces", kind: "Namespace" };
        let found = self.api.store.get("/namespaces", &key);
        let found = found.ok_or_else(|| ApiError::not_found(names, namespace))?;
        if meta::deleting(&found.value) {
            return Err(ApiError::terminating(self.resource.names(), name, namespace));
        }
        Ok(())
    }
}
