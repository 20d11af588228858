//! The API server as its clients see it: kube-rs, and the real `kubectl` and `helm`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod apply;
mod custom;
mod deletion;
mod helm;
mod kubectl;
mod objects;
mod pods;
mod state;
mod tools;
mod watching;

use std::time::Duration;

use k8s_openapi::{
    api::core::v1::ConfigMap,
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, PostParams},
    core::GroupVersionKind,
    runtime::wait::{await_condition, conditions},
};
use operator_local::apiserver::{ApiServer, Options};
use serde_json::{Value, json};
use tokio::time::timeout;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

async fn server() -> (ApiServer, Client) {
    let server = ApiServer::start(Options::default()).await.unwrap();
    let client = server.client().unwrap();
    (server, client)
}

fn widgets_definition() -> CustomResourceDefinition {
    serde_json::from_value(json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.dev"},
        "spec": {
            "group": "example.dev",
            "scope": "Namespaced",
            "names": {"kind": "Widget", "plural": "widgets", "shortNames": ["wd"]},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "subresources": {"status": {}},
                "additionalPrinterColumns": [
                    {"name": "Type", "type": "string", "jsonPath": ".spec.type"},
                    {"name": "Ready", "type": "string",
                     "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status"},
                    {"name": "Size", "type": "integer", "jsonPath": ".spec.size", "priority": 1},
                    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
                ],
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "spec": {
                        "type": "object",
                        "description": "What the widget should be.",
                        "required": ["type"],
                        "properties": {
                            "type": {"type": "string", "enum": ["small", "large"]},
                            "size": {"type": "integer", "default": 3, "minimum": 1},
                            "ref": {"type": "object", "properties": {"name": {"type": "string"}}},
                        },
                        "x-kubernetes-validations": [
                            {"rule": "self.type == oldSelf.type", "message": "type is immutable"},
                        ],
                    },
                    "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                }}},
            }],
        },
    }))
    .unwrap()
}

fn widget_kind() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("example.dev", "v1", "Widget"))
}

async fn widgets(client: &Client) -> Api<DynamicObject> {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    definitions.create(&PostParams::default(), &widgets_definition()).await.unwrap();
    let established = conditions::is_crd_established();
    timeout(PATIENCE, await_condition(definitions, "widgets.example.dev", established))
        .await
        .unwrap()
        .unwrap();
    Api::namespaced_with(client.clone(), "default", &widget_kind())
}

fn widget(name: &str, spec: Value) -> DynamicObject {
    serde_json::from_value(json!({
        "apiVersion": "example.dev/v1", "kind": "Widget",
        "metadata": {"name": name}, "spec": spec,
    }))
    .unwrap()
}

fn config(name: &str, data: Value) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": name}, "data": data})).unwrap()
}

fn refusal(error: kube::Error) -> (u16, String) {
    match error {
        kube::Error::Api(status) => (status.code, status.message.clone()),
        other => panic!("not a refusal: {other}"),
    }
}
