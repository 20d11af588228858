//! Helm keeps its releases in Secrets and applies on the server's side.

use std::fs;

use crate::{server, tools::Tools};

const TEMPLATE: &str = "
apiVersion: v1
kind: ServiceAccount
metadata: {name: demo}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: 'demo-{{ .Values.count }}'}
data: {n: '{{ .Values.count }}'}
---
apiVersion: v1
kind: Service
metadata: {name: demo}
spec: {selector: {app: demo}, ports: [{port: 80, name: 'p{{ .Values.count }}'}]}
";

#[tokio::test]
async fn releases_are_installed_upgraded_rolled_back_and_removed() {
    let (server, _client) = server().await;
    let tools = Tools::new(&server);
    let chart = tools.home.path().join("chart");
    fs::create_dir_all(chart.join("templates")).unwrap();
    fs::write(chart.join("Chart.yaml"), "{apiVersion: v2, name: demo, version: 0.1.0}").unwrap();
    fs::write(chart.join("values.yaml"), "count: 1").unwrap();
    fs::write(chart.join("templates/all.yaml"), TEMPLATE).unwrap();
    let chart = chart.display();
    let wait = "-n demo --wait --timeout 30s";
    tools.helm(&format!("install demo {chart} --create-namespace {wait}")).await.unwrap();
    tools.helm(&format!("upgrade demo {chart} --set count=2 {wait}")).await.unwrap();
    let maps = tools.kubectl("get cm -n demo -o name").await.unwrap();
    assert_eq!(maps, "configmap/demo-2\n");
    let name = "get svc demo -n demo -o jsonpath={.spec.ports[*].name}";
    assert_eq!(tools.kubectl(name).await.unwrap(), "p2");
    tools.helm(&format!("rollback demo 1 {wait}")).await.unwrap();
    assert_eq!(tools.kubectl(name).await.unwrap(), "p1");
    let history = tools.helm("history demo -n demo").await.unwrap();
    assert_eq!(history.lines().count(), 4, "{history}");
    tools.helm(&format!("uninstall demo {wait}")).await.unwrap();
    assert_eq!(tools.kubectl("get cm,svc,sa,secret -n demo -o name").await.unwrap(), "");
}
