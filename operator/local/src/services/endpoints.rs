//! Which pods stand behind a Service, and the objects that say so. Pure.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

use k8s_openapi::api::core::v1::{Pod, Service, ServicePort};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::{Resource, ResourceExt};
use serde_json::{Value, json};

use crate::statefulset::is_ready;

/// One pod behind a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) address: Ipv4Addr,
    pub(super) pod: String,
    pub(super) uid: String,
    pub(super) ready: bool,
    /// The pod's port for each of the Service's, by the Service's port number.
    pub(super) ports: BTreeMap<u16, u16>,
}

/// Whether a Service is reached at its pods' addresses and has none of its own.
pub(super) fn is_headless(service: &Service) -> bool {
    let spec = service.spec.as_ref();
    spec.and_then(|spec| spec.cluster_ip.as_deref()) == Some("None")
}

/// The Service's TCP ports.
pub(super) fn ports(service: &Service) -> impl Iterator<Item = (u16, &ServicePort)> {
    let ports = service.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
    ports
        .filter(|port| port.protocol.as_deref().is_none_or(|protocol| protocol == "TCP"))
        .filter_map(|port| Some((u16::try_from(port.port).ok()?, port)))
}

/// The pods that the Service's selector chooses and that have an address, by name.
pub(super) fn select<'a>(service: &Service, pods: impl Iterator<Item = &'a Pod>) -> Vec<Endpoint> {
    let Some(spec) = &service.spec else { return Vec::new() };
    let selector = spec.selector.clone().unwrap_or_default();
    if selector.is_empty() {
        return Vec::new();
    }
    let unready_too = spec.publish_not_ready_addresses == Some(true);
    let chosen = pods.filter(|pod| {
        pod.namespace() == service.namespace()
            && selector.iter().all(|(key, value)| pod.labels().get(key) == Some(value))
    });
    let mut endpoints: Vec<_> =
        chosen.filter_map(|pod| endpoint(service, pod, unready_too)).collect();
    endpoints.sort_by(|a, b| a.pod.cmp(&b.pod));
    endpoints
}

fn endpoint(service: &Service, pod: &Pod, unready_too: bool) -> Option<Endpoint> {
    let status = pod.status.as_ref()?;
    if matches!(status.phase.as_deref(), Some("Succeeded" | "Failed")) {
        return None;
    }
    let address = status.pod_ip.as_deref()?.parse().ok()?;
    let terminating = pod.metadata.deletion_timestamp.is_some();
    let ports =
        ports(service).filter_map(|(number, port)| Some((number, target(port, pod)?))).collect();
    let ready = unready_too || (is_ready(pod) && !terminating);
    Some(Endpoint {
        address,
        pod: pod.name_any(),
        uid: pod.uid().unwrap_or_default(),
        ready,
        ports,
    })
}

/// The pod's port that a Service's port leads to.
fn target(port: &ServicePort, pod: &Pod) -> Option<u16> {
    let number = match &port.target_port {
        None => port.port,
        Some(IntOrString::Int(number)) => *number,
        Some(IntOrString::String(name)) => {
            let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
            let mut ports = containers.flat_map(|container| container.ports.iter().flatten());
            ports.find(|port| port.name.as_deref() == Some(name))?.container_port
        }
    };
    u16::try_from(number).ok()
}

/// Where connections to the Service's `port` may go now.
pub(super) fn ready_at(endpoints: &[Endpoint], port: u16) -> Vec<SocketAddrV4> {
    let ready = endpoints.iter().filter(|endpoint| endpoint.ready);
    ready
        .filter_map(|endpoint| {
            Some(SocketAddrV4::new(endpoint.address, *endpoint.ports.get(&port)?))
        })
        .collect()
}

/// The EndpointSlice and the Endpoints object of a Service, for server-side apply.
pub(super) fn objects(service: &Service, endpoints: &[Endpoint]) -> (Value, Value) {
    let (name, namespace) = (service.name_any(), service.namespace());
    let owner = json!([{
        "apiVersion": "v1", "kind": "Service", "name": name, "uid": service.meta().uid,
        "controller": true, "blockOwnerDeletion": true,
    }]);
    let listed: Vec<_> = ports(service)
        .map(|(number, port)| {
            // Every pod of a set has the same ports, so the first one's stand for all.
            let target = endpoints.iter().find_map(|endpoint| endpoint.ports.get(&number)).unwrap_or(&number);
            json!({"name": port.name.clone().unwrap_or_default(), "port": target, "protocol": "TCP"})
        })
        .collect();
    let reference = |endpoint: &Endpoint| json!({"kind": "Pod", "name": endpoint.pod, "namespace": namespace, "uid": endpoint.uid});
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": format!("{name}-warren"),
            "labels": {"kubernetes.io/service-name": name, "endpointslice.kubernetes.io/managed-by": "warren-dev"},
            "ownerReferences": owner,
        },
        "addressType": "IPv4",
        "ports": listed,
        "endpoints": endpoints.iter().map(|endpoint| json!({
            "addresses": [endpoint.address],
            "conditions": {"ready": endpoint.ready, "serving": endpoint.ready},
            "targetRef": reference(endpoint),
        })).collect::<Vec<_>>(),
    });
    let addresses = |ready: bool| -> Vec<Value> {
        let chosen = endpoints.iter().filter(|endpoint| endpoint.ready == ready);
        chosen
            .map(|endpoint| json!({"ip": endpoint.address, "targetRef": reference(endpoint)}))
            .collect()
    };
    let mut subset = json!({"ports": listed});
    for (field, ready) in [("addresses", true), ("notReadyAddresses", false)] {
        let addresses = addresses(ready);
        if !addresses.is_empty() {
            subset[field] = addresses.into();
        }
    }
    let subsets = if endpoints.is_empty() { json!([]) } else { json!([subset]) };
    let endpoints = json!({
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {"name": name, "ownerReferences": owner},
        "subsets": subsets,
    });
    (slice, endpoints)
}

#[cfg(test)]
mod tests;
