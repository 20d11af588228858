//! Custom resources: schema, rules, status.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, PostParams, ValidationDirective},
    runtime::wait::{await_condition, conditions},
};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{PATIENCE, refusal, server, widget, widgets};

#[tokio::test]
async fn they_are_defaulted_validated_and_pruned() {
    let (_server, client) = server().await;
    let widgets = widgets(&client).await;
    let spec = json!({"type": "small", "unknown": 1});
    let made = widgets.create(&PostParams::default(), &widget("w", spec)).await.unwrap();
    assert_eq!(made.data["spec"], json!({"type": "small", "size": 3}));
    assert_eq!(made.metadata.generation, Some(1));

    let bad = widget("bad", json!({"type": "huge", "size": 0}));
    let (code, message) = refusal(widgets.create(&PostParams::default(), &bad).await.unwrap_err());
    assert_eq!(code, 422);
    let expected = "spec.type: Unsupported value: \"huge\": supported values: \"small\", \"large\"";
    assert!(message.contains(expected), "{message}");
    assert!(message.contains("spec.size: Invalid value: 0"), "{message}");

    let merge = Patch::Merge(json!({"spec": {"type": "large"}}));
    let (code, message) =
        refusal(widgets.patch("w", &PatchParams::default(), &merge).await.unwrap_err());
    assert_eq!(code, 422);
    assert!(message.contains("type is immutable"), "{message}");

    let merge = Patch::Merge(json!({"spec": {"size": 5}}));
    let patched = widgets.patch("w", &PatchParams::default(), &merge).await.unwrap();
    assert_eq!(patched.metadata.generation, Some(2));
    let strict = PatchParams {
        field_validation: Some(ValidationDirective::Strict),
        ..PatchParams::default()
    };
    let merge = Patch::Merge(json!({"spec": {"zise": 5}}));
    let (code, message) = refusal(widgets.patch("w", &strict, &merge).await.unwrap_err());
    assert_eq!(code, 400);
    assert!(message.contains("unknown field \"spec.zise\""), "{message}");
}

#[tokio::test]
async fn status_is_written_apart() {
    let (_server, client) = server().await;
    let widgets = widgets(&client).await;
    let mut made = widget("w", json!({"type": "small"}));
    made.data["status"] = json!({"early": true});
    let made = widgets.create(&PostParams::default(), &made).await.unwrap();
    assert_eq!(made.data.get("status"), None);
    let patch = Patch::Apply(json!({
        "apiVersion": "example.dev/v1", "kind": "Widget",
        "status": {"phase": "Ready"}, "spec": {"type": "large"},
    }));
    let params = PatchParams::apply("status-manager");
    let with_status = widgets.patch_status("w", &params, &patch).await.unwrap();
    assert_eq!(with_status.data["status"], json!({"phase": "Ready"}));
    assert_eq!(with_status.data["spec"]["type"], "small");
    assert_eq!(with_status.metadata.generation, Some(1));
    let fields = with_status.metadata.managed_fields.clone().unwrap();
    let status = fields.iter().find(|entry| entry.manager.as_deref() == Some("status-manager"));
    assert_eq!(status.unwrap().subresource.as_deref(), Some("status"));
    assert_eq!(json!(status.unwrap().fields_v1), json!({"f:status": {"f:phase": {}}}));
    let mut next = with_status.clone();
    next.data["status"] = json!({"phase": "Failed"});
    next.data["spec"] = Value::Null;
    let replaced = widgets.replace_status("w", &PostParams::default(), &next).await.unwrap();
    assert_eq!(replaced.data["status"]["phase"], "Failed");
    assert_eq!(replaced.data["spec"]["type"], "small");
}

#[tokio::test]
async fn a_definition_goes_with_its_objects() {
    let (_server, client) = server().await;
    let widgets = widgets(&client).await;
    widgets.create(&PostParams::default(), &widget("w", json!({"type": "small"}))).await.unwrap();
    let definitions: Api<CustomResourceDefinition> = Api::all(client);
    let uid = definitions.get("widgets.example.dev").await.unwrap().metadata.uid.unwrap();
    definitions.delete("widgets.example.dev", &DeleteParams::default()).await.unwrap();
    let deleted = conditions::is_deleted(&uid);
    timeout(PATIENCE, await_condition(definitions, "widgets.example.dev", deleted))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(refusal(widgets.get("w").await.unwrap_err()).0, 404);
}
