//! Discovery: which groups, versions and kinds there are, plain and aggregated.

use serde_json::{Value, json};

use crate::apiserver::{
    catalog::{Kinds, Resource, api_version},
    exchange::Response,
    negotiate::Accept,
    status::{ApiError, Result},
};

/// What clients may do with objects that are stored.
const VERBS: &[&str] =
    &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// `/version`: the Kubernetes whose API this follows.
pub(crate) fn version() -> Value {
    json!({
        "major": "1",
        "minor": "37",
        "gitVersion": "v1.37.0+warren",
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "none",
        "compiler": "rustc",
        "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
    })
}

/// `/api`.
pub(crate) fn core(kinds: &Kinds, accept: &Accept) -> Response {
    if let Some(version) = accept.aggregated_discovery() {
        return aggregated(kinds, version, true);
    }
    Response::json(200, &json!({"kind": "APIVersions", "versions": ["v1"]}))
}

/// `/apis`.
pub(crate) fn groups(kinds: &Kinds, accept: &Accept) -> Response {
    if let Some(version) = accept.aggregated_discovery() {
        return aggregated(kinds, version, false);
    }
    let groups: Vec<Value> =
        kinds.groups().iter().filter(|(group, _)| !group.is_empty()).map(api_group).collect();
    let list = json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups});
    Response::json(200, &list)
}

/// `/apis/GROUP`.
pub(crate) fn group(kinds: &Kinds, name: &str) -> Result<Response> {
    let groups = kinds.groups();
    let found = groups.iter().find(|(group, _)| **group == name && !group.is_empty());
    let mut group = api_group(found.ok_or_else(ApiError::no_such_path)?);
    group["kind"] = json!("APIGroup");
    group["apiVersion"] = json!("v1");
    Ok(Response::json(200, &group))
}

/// `/api/v1`, `/apis/GROUP/VERSION`.
pub(crate) fn resources(kinds: &Kinds, group: &str, version: &str) -> Result<Response> {
    let here = kinds.iter().filter(|r| r.group == group && r.version == version);
    let resources: Vec<Value> = here.flat_map(|resource| api_resources(resource)).collect();
    if resources.is_empty() {
        return Err(ApiError::no_such_path());
    }
    let list = json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": api_version(group, version),
        "resources": resources,
    });
    Ok(Response::json(200, &list))
}

fn api_group((name, versions): (&&str, &Vec<&str>)) -> Value {
    let version = |v: &&str| json!({"groupVersion": format!("{name}/{v}"), "version": v});
    json!({
        "name": name,
        "versions": versions.iter().map(version).collect::<Vec<_>>(),
        "preferredVersion": version(&versions[0]),
    })
}

fn verbs(resource: &Resource) -> &'static [&'static str] {
    if resource.ephemeral { &["create"] } else { VERBS }
}

fn api_resources(resource: &Resource) -> Vec<Value> {
    let mut main = json!({
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": verbs(resource),
    });
    if !resource.short_names.is_empty() {
        main["shortNames"] = json!(resource.short_names);
    }
    if !resource.categories.is_empty() {
        main["categories"] = json!(resource.categories);
    }
    let below = resource.subresources().into_iter().map(|name| {
        let (group, version, kind) = response_kind(resource, name);
        let mut sub = json!({
            "name": format!("{}/{name}", resource.plural),
            "singularName": "",
            "namespaced": resource.namespaced,
            "kind": kind,
            "verbs": subresource_verbs(name),
        });
        if group != resource.group || version != resource.version {
            sub["group"] = json!(group);
            sub["version"] = json!(version);
        }
        sub
    });
    std::iter::once(main).chain(below).collect()
}

fn response_kind<'a>(resource: &'a Resource, sub: &str) -> (&'a str, &'a str, &'a str) {
    match sub {
        "scale" => ("autoscaling", "v1", "Scale"),
        "eviction" => ("policy", "v1", "Eviction"),
        "binding" => ("", "v1", "Binding"),
        _ => (&resource.group, &resource.version, &resource.kind),
    }
}

fn subresource_verbs(name: &str) -> &'static [&'static str] {
    match name {
        "log" => &["get"],
        "binding" | "eviction" => &["create"],
        "finalize" => &["update"],
        _ => &["get", "patch", "update"],
    }
}

/// Everything at once, as `APIGroupDiscoveryList`.
fn aggregated(kinds: &Kinds, version: &str, core: bool) -> Response {
    let groups = kinds.groups();
    let chosen = groups.iter().filter(|(group, _)| group.is_empty() == core);
    let items: Vec<Value> = chosen
        .map(|(group, versions)| {
            let versions: Vec<Value> = versions
                .iter()
                .map(|version| {
                    let here = kinds.iter().filter(|r| r.group == *group && r.version == *version);
                    json!({
                        "version": version,
                        "freshness": "Current",
                        "resources": here.map(|r| discovered(r)).collect::<Vec<_>>(),
                    })
                })
                .collect();
            json!({"metadata": {"name": group, "creationTimestamp": null}, "versions": versions})
        })
        .collect();
    let list = json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": format!("apidiscovery.k8s.io/{version}"),
        "metadata": {},
        "items": items,
    });
    let content_type = match version {
        "v2" => "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        _ => "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
    };
    let mut response = Response::whole(200, content_type, list.to_string());
    response.headers.push(("etag", format!("\"{}-{}\"", kinds.edition(), u8::from(core))));
    response
}

fn discovered(resource: &Resource) -> Value {
    let kind = |group: &str, version: &str, kind: &str| json!({"group": group, "version": version, "kind": kind});
    let below: Vec<Value> = resource
        .subresources()
        .into_iter()
        .map(|name| {
            let (group, version, response) = response_kind(resource, name);
            json!({
                "subresource": name,
                "responseKind": kind(group, version, response),
                "verbs": subresource_verbs(name),
            })
        })
        .collect();
    let mut found = json!({
        "resource": resource.plural,
        "responseKind": kind(&resource.group, &resource.version, &resource.kind),
        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": resource.singular,
        "verbs": verbs(resource),
    });
    let lists = [("shortNames", &resource.short_names), ("categories", &resource.categories)];
    for (field, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
        found[field] = json!(list);
    }
    if !below.is_empty() {
        found["subresources"] = json!(below);
    }
    found
}
