//! What the API server does for a request.

mod create;
mod delete;
mod events;
mod patch;
mod pods;
mod read;
mod review;
mod scale;
mod shown;
mod update;
mod watch;
mod write;

use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};

pub(crate) use self::{
    delete::{Deletion, remove},
    shown::metadata_only,
};
use crate::apiserver::{
    catalog::{Catalog, Resource},
    crd, discovery,
    exchange::{Request, Response},
    logs::PodLogs,
    openapi, protobuf,
    route::{Route, Target},
    status::{ApiError, Result},
    store::{Key, Object, Store},
};

/// The namespaces that every cluster has.
const NAMESPACES: &[&str] = &["default", "kube-system", "kube-public"];

/// Everything a request can reach.
pub(crate) struct Api {
    /// The objects.
    pub(crate) store: Store,
    /// The kinds.
    pub(crate) catalog: Catalog,
    pod_logs: Option<Arc<dyn PodLogs>>,
}

/// One request for objects of one kind.
pub(crate) struct Call<'a> {
    api: &'a Arc<Api>,
    resource: Arc<Resource>,
    target: Target,
    request: &'a Request,
}

// === impl Api ===

impl Api {
    /// The cluster that is in `store`.
    pub(crate) fn new(store: Store, pod_logs: Option<Arc<dyn PodLogs>>) -> Self {
        Self { store, catalog: Catalog::new(), pod_logs }
    }

    /// Serves the custom resources that are there, and makes the namespaces every cluster has.
    pub(crate) fn bootstrap(&self) {
        for (_, definition) in self.store.list(crd::TABLE, None, None).objects {
            self.serve_definition(&definition.value);
        }
        for &name in NAMESPACES {
            let key = Key { namespace: String::new(), name: name.to_owned() };
            let namespace = write::bootstrap_namespace(name);
            // Whoever is there from an earlier run stays.
            let _ = self.store.commit("/namespaces", &key, None, Some(namespace));
        }
    }

    /// Starts, or goes on, serving the kinds of a CustomResourceDefinition.
    pub(crate) fn serve_definition(&self, definition: &Value) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (group, plural) =
            (text(&definition["spec"]["group"]), text(&definition["spec"]["names"]["plural"]));
        match crd::compile(definition) {
            Ok(resources) => self.catalog.replace(&group, &plural, resources),
            Err(errors) => {
                tracing::error!(group, plural, ?errors, "cannot serve a custom resource");
            }
        }
    }

    /// Stops serving the kinds of a CustomResourceDefinition that is gone.
    pub(crate) fn stop_serving(&self, definition: &Value) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let spec = &definition["spec"];
        let (group, plural) = (text(&spec["group"]), text(&spec["names"]["plural"]));
        self.catalog.replace(&group, &plural, Vec::new());
    }

    /// Answers one request.
    pub(crate) async fn handle(self: &Arc<Self>, request: Request) -> Response {
        let answered = match Route::parse(&request.path) {
            Route::Objects(target) => self.objects(target, &request).await,
            _ if request.method != Method::GET => Err(ApiError::method_not_allowed()),
            Route::Health => Ok(Response::whole(200, "text/plain", "ok")),
            Route::Version => Ok(Response::json(200, &discovery::version())),
            Route::CoreVersions => Ok(discovery::core(&self.catalog.kinds(), &request.accept)),
            Route::Groups => Ok(discovery::groups(&self.catalog.kinds(), &request.accept)),
            Route::Group(name) => discovery::group(&self.catalog.kinds(), &name),
            Route::Resources { group, version } => {
                discovery::resources(&self.catalog.kinds(), &group, &version)
            }
            Route::OpenApiV2 => openapi::v2(&self.catalog.kinds(), &request.accept),
            Route::OpenApiIndex => Ok(openapi::index(&self.catalog.kinds())),
            Route::OpenApi { group, version } => {
                openapi::v3(&self.catalog.kinds(), &group, &version, &request.accept)
            }
            Route::Unknown => Err(ApiError::no_such_path()),
        };
        answered.unwrap_or_else(Response::from)
    }

    async fn objects(self: &Arc<Self>, target: Target, request: &Request) -> Result<Response> {
        let resource = self
            .catalog
            .find(&target.group, &target.version, &target.plural)
            .ok_or_else(ApiError::no_such_path)?;
        if target.namespace.is_some() && !resource.namespaced {
            return Err(ApiError::no_such_path());
        }
        let call = Call { api: self, resource, target, request };
        call.answer().await
    }
}

// === impl Call ===

impl Call<'_> {
    async fn answer(&self) -> Result<Response> {
        if self.resource.ephemeral {
            return self.review();
        }
        let subresource = self.target.subresource.as_str();
        let own = matches!(subresource, "" | "status" | "finalize");
        if !subresource.is_empty() && !self.resource.subresources().contains(&subresource) {
            return Err(ApiError::no_such_path());
        }
        match (&self.request.method, subresource) {
            (&Method::GET, "log") => self.log().await,
            (&Method::POST, "binding") => self.bind(),
            (&Method::POST, "eviction") => self.evict(),
            (_, "scale") => self.scale(),
            _ if !own => Err(ApiError::method_not_allowed()),
            (&Method::GET, "") if self.request.params.flag("watch") => self.watch(),
            (&Method::GET, _) if self.target.name.is_some() => self.get(),
            (&Method::GET, _) => self.list(),
            (&Method::POST, "") if self.target.name.is_none() => self.create(),
            (&Method::PUT, _) if self.target.name.is_some() => self.update(),
            (&Method::PATCH, _) if self.target.name.is_some() => self.patch(),
            (&Method::DELETE, "") if self.target.name.is_some() => self.delete(),
            (&Method::DELETE, "") => self.delete_collection(),
            _ => Err(ApiError::method_not_allowed()),
        }
    }

    /// Where the named object is stored.
    fn key(&self) -> Result<Key> {
        let name = self.target.name.clone().ok_or_else(ApiError::method_not_allowed)?;
        Ok(Key { namespace: self.namespace()?.to_owned(), name })
    }

    /// The namespace of the request; empty for cluster-scoped kinds.
    fn namespace(&self) -> Result<&str> {
        match &self.target.namespace {
            Some(namespace) => Ok(namespace),
            None if !self.resource.namespaced => Ok(""),
            None => Err(ApiError::bad_request("the server requires a namespace for this request")),
        }
    }

    /// The named object, or 404.
    fn live(&self, key: &Key) -> Result<Arc<Object>> {
        let found = self.api.store.get(&self.resource.table, key);
        found.ok_or_else(|| ApiError::not_found(self.resource.names(), &key.name))
    }

    /// The body as one document; JSON is YAML too.
    fn document(&self) -> Result<Value> {
        document(self.request, &self.resource)
    }
}

/// Reads a body in JSON, YAML or protobuf; the latter is of the kind of `resource` or a helper's.
fn document(request: &Request, resource: &Resource) -> Result<Value> {
    let wrong = |error: String| ApiError::bad_request(format!("error decoding the body: {error}"));
    match request.content_type.as_str() {
        kind if kind.contains("yaml") => {
            serde_yaml::from_slice(&request.body).map_err(|error| wrong(error.to_string()))
        }
        kind if kind.is_empty() || kind.contains("json") => {
            serde_json::from_slice(&request.body).map_err(|error| wrong(error.to_string()))
        }
        protobuf::MEDIA_TYPE if !resource.is_custom() => {
            protobuf::decode(&request.body, &resource.definition)
        }
        _ => Err(ApiError::unsupported_media("application/json, application/yaml")),
    }
}

/// `metadata` of a list.
fn list_metadata(revision: u64) -> Value {
    json!({"resourceVersion": revision.to_string()})
}
