//! OpenAPI documents, for `kubectl explain` and for the checks that clients make themselves.

mod schemas;

use std::sync::Arc;

use serde_json::{Map, Value, json};

use self::schemas::{published, reachable};
use crate::apiserver::{
    catalog::{Kinds, Resource, api_version},
    exchange::Response,
    negotiate::Accept,
    status::{ApiError, Result},
};

/// Media type of the older document in protobuf, as clients ask for it in lower case.
const V2_PROTOBUF: &str = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";

/// The same as the answer names it.
const V2_PROTOBUF_NAME: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/// `Document { swagger: "2.0" }`.
const EMPTY_V2: &[u8] = b"\x0a\x032.0";

/// `/openapi/v3`: one document a group and version.
pub(crate) fn index(kinds: &Kinds) -> Response {
    let mut paths = Map::new();
    for (group, versions) in kinds.groups() {
        for version in versions {
            let path = root(group, version);
            let path = path.trim_start_matches('/');
            let url = format!("/openapi/v3/{path}?hash={}", kinds.edition());
            paths.insert(path.to_owned(), json!({"serverRelativeURL": url}));
        }
    }
    Response::json(200, &json!({ "paths": paths }))
}

/// `/openapi/v3/PATH`.
pub(crate) fn v3(kinds: &Kinds, group: &str, version: &str, accept: &Accept) -> Result<Response> {
    if !accept.json() {
        return Err(ApiError::not_acceptable("application/json"));
    }
    let here: Vec<&Arc<Resource>> =
        kinds.iter().filter(|r| r.group == group && r.version == version).collect();
    if here.is_empty() {
        return Err(ApiError::no_such_path());
    }
    let mut schemas = Map::new();
    for resource in &here {
        reachable(resource, "#/components/schemas/", &mut schemas);
    }
    let paths: Map<String, Value> = here.iter().flat_map(|r| paths(r, true)).collect();
    let document = json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1.37.0"},
        "paths": paths,
        "components": {"schemas": schemas},
    });
    Ok(Response::json(200, &document))
}

/// `/openapi/v2`: the same in one older document.
///
/// Its protobuf form names no kind at all. `kubectl` asks for it only after it has not found a kind
/// in the newer documents, and then goes on to say that there is no such kind.
pub(crate) fn v2(kinds: &Kinds, accept: &Accept) -> Result<Response> {
    if accept.names(V2_PROTOBUF) {
        return Ok(Response::whole(200, V2_PROTOBUF_NAME, EMPTY_V2));
    }
    if !accept.json() {
        return Err(ApiError::not_acceptable("application/json"));
    }
    let mut definitions = Map::new();
    let mut all_paths = Map::new();
    for resource in kinds.iter() {
        reachable(resource, "#/definitions/", &mut definitions);
        all_paths.extend(paths(resource, false));
    }
    let document = json!({
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": "v1.37.0"},
        "paths": all_paths,
        "definitions": definitions,
    });
    Ok(Response::json(200, &document))
}

fn root(group: &str, version: &str) -> String {
    let prefix = if group.is_empty() { "api" } else { "apis" };
    format!("/{prefix}/{}", api_version(group, version))
}

/// The paths of a kind. Clients read from them which kinds exist and that unknown fields are
/// checked by the server (`fieldValidation`).
fn paths(resource: &Resource, v3: bool) -> Vec<(String, Value)> {
    let root = root(&resource.group, &resource.version);
    let scope = if resource.namespaced { "/namespaces/{namespace}" } else { "" };
    let collection = format!("{root}{scope}/{}", resource.plural);
    let kind = json!({
        "group": resource.group, "version": resource.version, "kind": resource.kind,
    });
    let operation = |verb: &str, writes: bool| {
        let names: &[&str] = if writes {
            &["dryRun", "fieldManager", "fieldValidation", "force"]
        } else {
            &["fieldSelector", "labelSelector", "limit", "continue", "resourceVersion"]
        };
        let parameter = |name: &&str| {
            let mut parameter = json!({"name": name, "in": "query"});
            if v3 {
                parameter["schema"] = json!({"type": "string"});
            } else {
                parameter["type"] = json!("string");
            }
            parameter
        };
        json!({
            "operationId": format!("{verb}{}{}", resource.version, resource.kind),
            "parameters": names.iter().map(parameter).collect::<Vec<_>>(),
            "responses": {"200": {"description": "OK"}},
            "x-kubernetes-action": verb,
            "x-kubernetes-group-version-kind": kind,
        })
    };
    let mut found = vec![(
        collection.clone(),
        json!({"get": operation("list", false), "post": operation("post", true)}),
    )];
    if !resource.ephemeral {
        let one = json!({
            "get": operation("get", false),
            "put": operation("put", true),
            "patch": operation("patch", true),
            "delete": operation("delete", true),
        });
        found.push((format!("{collection}/{{name}}"), one));
    }
    found
}

/// The published schema of one kind.
fn own_schema(resource: &Resource, prefix: &str) -> Option<Value> {
    let document = resource.document.as_ref()?;
    let mut schema = published(document, prefix);
    schema["properties"]["apiVersion"] = json!({"type": "string"});
    schema["properties"]["kind"] = json!({"type": "string"});
    let metadata = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
    schema["properties"]["metadata"] = json!({
        "description": "Standard object's metadata.",
        "allOf": [{"$ref": format!("{prefix}{metadata}")}],
    });
    Some(schema)
}
