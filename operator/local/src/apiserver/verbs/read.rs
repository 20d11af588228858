//! `get` and `list`.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::apiserver::{
    exchange::{JSON, Response},
    negotiate::Form,
    selector::Selector,
    status::{ApiError, Result},
    store::{Key, Object},
    table,
    verbs::{
        Call, list_metadata,
        shown::{encoded, metadata_only, shown},
    },
};

/// Where the next page of a list begins.
#[derive(Serialize, Deserialize)]
struct Continue {
    /// The revision of the first page. Later pages may show newer objects; a watch from this
    /// revision tells of them again, so nothing is missed.
    revision: u64,
    namespace: String,
    name: String,
}

impl Call<'_> {
    /// One object.
    pub(super) fn get(&self) -> Result<Response> {
        self.not_ahead()?;
        let key = self.key()?;
        let object = self.live(&key)?;
        self.respond(200, &object)
    }

    /// The objects that are selected, a page at a time when `limit` says so.
    pub(super) fn list(&self) -> Result<Response> {
        let params = &self.request.params;
        let selector = self.selector()?;
        let from = params.text("continue").map(Continue::parse).transpose()?;
        if from.is_none() {
            self.not_ahead()?;
            self.exactly()?;
        }
        let after = from
            .as_ref()
            .map(|from| Key { namespace: from.namespace.clone(), name: from.name.clone() });
        let namespace = self.target.namespace.as_deref();
        let listing = self.api.store.list(&self.resource.table, namespace, after.as_ref());
        let revision = from.map_or(listing.revision, |from| from.revision);
        let mut wanted: Vec<(Key, Arc<Object>)> = listing.objects;
        if !selector.is_empty() {
            wanted.retain(|(_, object)| selector.matches(&shown(&self.resource, object)));
        }
        let mut metadata = list_metadata(revision);
        let limit = params.number("limit")?.and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        if limit > 0 && wanted.len() > limit {
            if selector.is_empty() {
                metadata["remainingItemCount"] = json!(wanted.len() - limit);
            }
            wanted.truncate(limit);
            if let Some((last, _)) = wanted.last() {
                metadata["continue"] = json!(Continue::after(revision, last).encode());
            }
        }
        let objects: Vec<Arc<Object>> = wanted.into_iter().map(|(_, object)| object).collect();
        self.respond_list(metadata, &objects)
    }

    /// Both selectors of the request.
    pub(super) fn selector(&self) -> Result<Selector> {
        let params = &self.request.params;
        let custom = self.resource.is_custom();
        let allowed =
            |path: &str| matches!(path, "metadata.name" | "metadata.namespace") || !custom;
        Selector::parse(params.text("labelSelector"), params.text("fieldSelector"), allowed)
    }

    fn respond_list(&self, metadata: Value, objects: &[Arc<Object>]) -> Result<Response> {
        let resource = &self.resource;
        let (kind, version, items): (String, String, Vec<bytes::Bytes>) =
            match self.request.accept.form()? {
                Form::Table => {
                    let include = self.request.params.text("includeObject");
                    let row = |object: &Arc<Object>| {
                        table::row(resource, &shown(resource, object), include)
                    };
                    let rows = objects.iter().map(row).collect();
                    return Ok(Response::json(200, &table::table(resource, metadata, rows, true)));
                }
                Form::Object => (
                    resource.list_kind.clone(),
                    resource.api_version(),
                    objects.iter().map(|object| encoded(resource, object)).collect(),
                ),
                Form::Metadata => {
                    let item = |object: &Arc<Object>| {
                        metadata_only(&shown(resource, object)).to_string().into()
                    };
                    let version = "meta.k8s.io/v1".to_owned();
                    let kind = "PartialObjectMetadataList".to_owned();
                    (kind, version, objects.iter().map(item).collect())
                }
            };
        let head = format!(
            "{{\"kind\":{},\"apiVersion\":{},\"metadata\":{metadata},\"items\":[",
            Value::from(kind),
            Value::from(version)
        );
        let length: usize = items.iter().map(|item| item.len() + 1).sum();
        let mut body = Vec::with_capacity(head.len() + length + 2);
        body.extend_from_slice(head.as_bytes());
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                body.push(b',');
            }
            body.extend_from_slice(item);
        }
        body.extend_from_slice(b"]}");
        Ok(Response::whole(200, JSON, body))
    }

    /// A client that has seen a later state than ours (of a server before this one) must know.
    pub(super) fn not_ahead(&self) -> Result<()> {
        let wanted = self.request.params.number("resourceVersion")?.unwrap_or(0);
        let current = self.api.store.revision();
        if wanted > current {
            return Err(ApiError::too_large_version(wanted, current));
        }
        Ok(())
    }

    /// Only the present can be listed exactly.
    fn exactly(&self) -> Result<()> {
        let params = &self.request.params;
        let wanted = params.number("resourceVersion")?.unwrap_or(0);
        let current = self.api.store.revision();
        match params.text("resourceVersionMatch") {
            Some("Exact") if wanted != current => Err(ApiError::expired(wanted, current)),
            None | Some("Exact" | "NotOlderThan") => Ok(()),
            Some(other) => Err(ApiError::bad_request(format!(
                "resourceVersionMatch {other:?} must be Exact or NotOlderThan"
            ))),
        }
    }
}

// === impl Continue ===

impl Continue {
    fn after(revision: u64, key: &Key) -> Self {
        Self { revision, namespace: key.namespace.clone(), name: key.name.clone() }
    }

    fn parse(text: &str) -> Result<Self> {
        let decoded = URL_SAFE_NO_PAD.decode(text).ok();
        decoded
            .and_then(|json| serde_json::from_slice(&json).ok())
            .ok_or_else(|| ApiError::bad_request("continue key is not valid"))
    }

    fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }
}
