//! What people type.

use crate::{server, tools::Tools, widgets};

const WIDGET: &str = "{apiVersion: example.dev/v1, kind: Widget, metadata: {name: w}, \
                      spec: {type: small, ref: {name: before}}}";

const STATEFUL_SET: &str = "
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web}
spec:
  serviceName: web
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: c, image: 'x:1', env: [{name: A, value: one}, {name: B, value: two}]}
";

#[tokio::test]
async fn custom_resources_are_applied_shown_edited_and_deleted() {
    let (server, client) = server().await;
    widgets(&client).await;
    let tools = Tools::new(&server);
    let apply = "apply -f -";
    let kubectl = |line| tools.kubectl(line);
    assert_eq!(tools.kubectl_with(apply, WIDGET).await.unwrap(), "widget.example.dev/w created\n");
    assert_eq!(
        tools.kubectl_with(apply, WIDGET).await.unwrap(),
        "widget.example.dev/w unchanged\n"
    );
    let table = kubectl("get wd").await.unwrap();
    assert!(table.starts_with("NAME   TYPE    READY   AGE\nw      small           "), "{table}");
    assert!(kubectl("get wd -o wide").await.unwrap().contains("SIZE"));
    assert_eq!(kubectl("get wd w -o jsonpath={.spec.size}").await.unwrap(), "3");
    assert!(kubectl("describe wd w").await.unwrap().contains("Kind:         Widget"));
    assert!(kubectl("explain widget.spec").await.unwrap().contains("What the widget should be."));
    kubectl("edit wd w").await.unwrap();
    assert_eq!(kubectl("get wd w -o jsonpath={.spec.ref.name}").await.unwrap(), "after");
    kubectl("label wd w a=b").await.unwrap();
    kubectl("annotate wd w a=b").await.unwrap();
    kubectl("patch wd w --subresource=status --type=merge -p {\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}").await.unwrap();
    kubectl("wait wd/w --for=condition=Ready --timeout=10s").await.unwrap();
    kubectl("delete wd w --wait").await.unwrap();
    assert_eq!(kubectl("get wd").await.unwrap(), "");
}

#[tokio::test]
async fn what_is_wrong_is_refused_with_a_reason() {
    let (server, client) = server().await;
    widgets(&client).await;
    let tools = Tools::new(&server);
    tools.kubectl_with("apply -f -", WIDGET).await.unwrap();
    #[rustfmt::skip]
    let cases = [
        ("type: small", "type: huge",           "spec.type: Unsupported value: \"huge\": supported values: \"small\", \"large\""),
        ("type: small", "type: large",          "type is immutable"),
        ("type: small", "type: small, size: x", "spec.size in body must be of type integer"),
        ("type: small", "type: small, extra: 1",   "strict decoding error: unknown field \"spec.extra\""),
        ("example.dev", "nowhere.dev",          "no matches for kind \"Widget\" in version \"nowhere.dev/v1\""),
    ];
    for (from, to, reason) in cases {
        for way in ["apply -f -", "apply --server-side --force-conflicts -f -"] {
            let manifest = WIDGET.replace(from, to);
            let error = tools.kubectl_with(way, &manifest).await.unwrap_err();
            assert!(error.contains(reason), "{way} {to}: {error}");
        }
    }
}

#[tokio::test]
async fn built_in_kinds_are_patched_list_entry_by_list_entry() {
    let (server, _client) = server().await;
    let tools = Tools::new(&server);
    tools.kubectl_with("apply -f -", STATEFUL_SET).await.unwrap();
    tools.kubectl("set env sts/web X=kept").await.unwrap();
    let changed = STATEFUL_SET.replace("{name: B, value: two}", "{name: C, value: three}");
    tools.kubectl_with("apply -f -", &changed).await.unwrap();
    let path = "jsonpath={.spec.template.spec.containers[0].env[*].name}";
    let names = tools.kubectl(&format!("get sts web -o {path}")).await.unwrap();
    let mut names: Vec<&str> = names.split(' ').collect();
    names.sort_unstable();
    assert_eq!(names, ["A", "C", "X"]);
    tools.kubectl("scale sts web --replicas=3").await.unwrap();
    assert!(tools.kubectl("get sts").await.unwrap().contains("0/3"));
    let other = changed.replace("serviceName: web", "serviceName: other");
    let error = tools.kubectl_with("apply -f -", &other).await.unwrap_err();
    assert!(error.contains("updates to statefulset spec for fields other than"), "{error}");
}

#[tokio::test]
async fn typed_clients_send_protobuf() {
    let (server, _client) = server().await;
    let tools = Tools::new(&server);
    for line in [
        "create configmap a --from-literal=k=v",
        "create secret generic s --from-literal=k=v",
        "create namespace shop",
        "create deployment d --image=x --replicas=0",
        "create service clusterip c --tcp=80:8080",
        "create serviceaccount bob",
    ] {
        tools.kubectl(line).await.unwrap();
    }
    assert_eq!(tools.kubectl("get secret s -o jsonpath={.data.k}").await.unwrap(), "dg==");
    let port = tools.kubectl("get svc c -o jsonpath={.spec.ports[0].targetPort}").await.unwrap();
    assert_eq!(port, "8080");
    assert_eq!(tools.kubectl("auth can-i create pods").await.unwrap(), "yes\n");
    tools.kubectl("delete namespace shop --timeout=20s").await.unwrap();
}
