//! `update`, of objects and of their status.

use serde_json::Value;

use crate::apiserver::{
    exchange::Response,
    meta,
    status::{ApiError, FieldError, Result},
    store::Object,
    verbs::{Call, write::Written},
};

impl Call<'_> {
    /// Replaces an object, its status, or the finalizers of a namespace.
    pub(super) fn update(&self) -> Result<Response> {
        self.request.params.dry_run()?;
        let key = self.key()?;
        let mut warnings = Vec::new();
        let submitted = self.admit_shape(self.document()?, &mut warnings)?;
        loop {
            let live = self.live(&key)?;
            self.same_version(&live, &submitted)?;
            let submitted = match self.target.subresource.as_str() {
                "finalize" => {
                    let mut finalized = live.value.clone();
                    finalized["spec"]["finalizers"] = submitted["spec"]["finalizers"].clone();
                    finalized
                }
                _ => submitted.clone(),
            };
            let mut new = self.finish(Some(&live.value), submitted.clone())?;
            self.own_update(Some(&live.value), &submitted, &mut new);
            if let Ok(object) = self.store(&key, Some(&live), new) {
                return self.written(200, Written { object, warnings });
            }
        }
    }

    /// A document that names a version must name the live one.
    pub(super) fn same_version(&self, live: &Object, submitted: &Value) -> Result<()> {
        let names = self.resource.names();
        let name = meta::text(&live.value, "name");
        let given = meta::text(submitted, "resourceVersion");
        if given.is_empty() && self.resource.is_custom() {
            let why = "must be specified for an update";
            let error = FieldError::invalid("metadata.resourceVersion", &Value::from(0), why);
            return Err(ApiError::invalid(names, name, &[error]));
        }
        if given.is_empty() || given == live.revision.to_string() {
            return Ok(());
        }
        Err(ApiError::modified(names, name))
    }
}
