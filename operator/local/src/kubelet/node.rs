//! The Node object: this machine, as `kubectl get nodes` shows it.

use std::time::Duration;

use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, Resource};
use serde_json::{Value, json};

use crate::kubelet::NODE;

/// Field manager of what the kubelet writes.
const MANAGER: &str = "kubelet";
const RETRY: Duration = Duration::from_secs(1);

/// Creates the node and its status; tries until the API server takes them.
pub(super) async fn register(client: Client, address: String) {
    let kind =
        GroupVersionKind::gvk("", "v1", k8s_openapi::api::core::v1::Node::kind(&()).as_ref());
    let api: Api<DynamicObject> = Api::all_with(client, &ApiResource::from_gvk(&kind));
    let params = PatchParams::apply(MANAGER).force();
    loop {
        let object = json!({
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": NODE, "labels": {"kubernetes.io/hostname": NODE, "kubernetes.io/os": "linux"}},
        });
        let status = json!({
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": NODE},
            "status": status(&address),
        });
        let written = match api.patch(NODE, &params, &Patch::Apply(object)).await {
            Ok(_) => api.patch_status(NODE, &params, &Patch::Apply(status)).await,
            refused => refused,
        };
        match written {
            Ok(_) => return,
            Err(error) => tracing::debug!(%error, "the node was not registered"),
        }
        tokio::time::sleep(RETRY).await;
    }
}

fn status(address: &str) -> Value {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let now = k8s_openapi::jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    json!({
        "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": NODE}],
        "capacity": {"cpu": cores.to_string(), "pods": "2000"},
        "allocatable": {"cpu": cores.to_string(), "pods": "2000"},
        "conditions": [{
            "type": "Ready",
            "status": "True",
            "reason": "KubeletReady",
            "message": "pods run as processes of this machine",
            "lastHeartbeatTime": now,
            "lastTransitionTime": now,
        }],
        "nodeInfo": {
            "kubeletVersion": format!("v{}", env!("CARGO_PKG_VERSION")),
            "operatingSystem": std::env::consts::OS,
            "architecture": std::env::consts::ARCH,
            "osImage": "this machine",
            "containerRuntimeVersion": "process://1",
            "kernelVersion": "", "machineID": "", "systemUUID": "", "bootID": "", "kubeProxyVersion": "",
        },
    })
}
