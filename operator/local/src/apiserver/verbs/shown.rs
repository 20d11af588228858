//! Objects in the version and form that a client asked for.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::apiserver::{
    catalog::Resource,
    exchange::{JSON, Response},
    negotiate::Form,
    status::Result,
    store::Object,
    table,
    verbs::{Call, events},
};

/// A stored object as the kind of this request shows it.
pub(crate) fn shown<'a>(resource: &Resource, object: &'a Object) -> Cow<'a, Value> {
    shown_value(resource, &object.value)
}

/// As [`shown`], encoded; usually the encoding is at hand.
pub(crate) fn encoded(resource: &Resource, object: &Object) -> Bytes {
    match shown(resource, object) {
        Cow::Borrowed(_) => object.encoded().clone(),
        Cow::Owned(value) => Bytes::from(value.to_string()),
    }
}

fn shown_value<'a>(resource: &Resource, value: &'a Value) -> Cow<'a, Value> {
    if resource.group == events::GROUP {
        return Cow::Owned(events::from_core(value));
    }
    let version = resource.api_version();
    if value["apiVersion"] == version.as_str() {
        return Cow::Borrowed(value);
    }
    let mut other = value.clone();
    other["apiVersion"] = json!(version);
    Cow::Owned(other)
}

/// `PartialObjectMetadata`.
pub(crate) fn metadata_only(object: &Value) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": object["metadata"],
    })
}

impl Call<'_> {
    /// One stored object as the answer.
    pub(super) fn respond(&self, code: u16, object: &Object) -> Result<Response> {
        Ok(match self.request.accept.form()? {
            Form::Object => Response::whole(code, JSON, encoded(&self.resource, object)),
            _ => self.respond_value(code, &object.value)?,
        })
    }

    /// One object in its stored version as the answer.
    pub(super) fn respond_value(&self, code: u16, value: &Value) -> Result<Response> {
        let value = shown_value(&self.resource, value);
        Ok(match self.request.accept.form()? {
            Form::Object => Response::json(code, &value),
            Form::Metadata => Response::json(code, &metadata_only(&value)),
            Form::Table => {
                let include = self.request.params.text("includeObject");
                let revision = json!({"resourceVersion": value["metadata"]["resourceVersion"]});
                let rows = vec![table::row(&self.resource, &value, include)];
                Response::json(code, &table::table(&self.resource, revision, rows, true))
            }
        })
    }
}
