//! The two Services: one for clients, one that names every pod.

use k8s_openapi::api::core::v1::{Service, ServiceSpec};
use operator_api::{BrokerCluster, cluster::exposure::ExposureType};

use crate::{
    labels, names, owner,
    ports::{self, METRICS},
};

/// Where clients connect: any broker that is ready.
///
/// Metrics need no credentials, so they are left out as soon as the Service can be reached from
/// outside the Kubernetes cluster.
pub fn client_service(cluster: &BrokerCluster) -> Service {
    let exposure = &cluster.spec.service;
    let is_inside = exposure.type_ == ExposureType::ClusterIP;
    let ports = ports::of(cluster).into_iter().filter(|port| is_inside || *port != METRICS);
    let mut metadata = owner::child(cluster, names::client_service(cluster));
    metadata.annotations =
        Some(exposure.annotations.clone()).filter(|annotations| !annotations.is_empty());
    Service {
        metadata,
        spec: Some(ServiceSpec {
            type_: Some(exposure.type_.as_str().to_owned()),
            selector: Some(labels::selector(cluster)),
            ports: Some(ports.map(|port| port.of_service()).collect()),
            ..ServiceSpec::default()
        }),
        status: None,
    }
}

/// Headless: a DNS name for every pod, ready or not, so that brokers find each other at start.
pub fn nodes_service(cluster: &BrokerCluster) -> Service {
    Service {
        metadata: owner::child(cluster, names::nodes_service(cluster)),
        spec: Some(ServiceSpec {
            cluster_ip: Some("None".to_owned()),
            publish_not_ready_addresses: Some(true),
            selector: Some(labels::selector(cluster)),
            ports: Some(ports::of(cluster).into_iter().map(|port| port.of_service()).collect()),
            ..ServiceSpec::default()
        }),
        status: None,
    }
}

#[cfg(test)]
mod tests {
    use operator_api::{BrokerCluster, cluster::BrokerClusterSpec};
    use serde_json::{Value, json};

    use super::{client_service, nodes_service};

    fn cluster(service: Value) -> BrokerCluster {
        let spec: BrokerClusterSpec =
            serde_json::from_value(json!({ "service": service })).expect("a valid spec");
        BrokerCluster::new("orders", spec)
    }

    #[test]
    fn metrics_stay_inside() {
        #[rustfmt::skip]
        let cases = [
            (json!({}),                         vec![5672, 15672, 15692]),
            (json!({ "type": "NodePort" }),     vec![5672, 15672]),
            (json!({ "type": "LoadBalancer" }), vec![5672, 15672]),
        ];
        for (service, ports) in cases {
            let spec = client_service(&cluster(service)).spec.expect("a spec");
            assert_eq!(
                spec.ports.unwrap_or_default().iter().map(|port| port.port).collect::<Vec<_>>(),
                ports
            );
        }
    }

    #[test]
    fn tls_has_ports_of_its_own() {
        let spec = serde_json::from_value(json!({ "tls": { "secretName": "tls" } }));
        let cluster = BrokerCluster::new("orders", spec.expect("a valid spec"));
        for service in [client_service(&cluster), nodes_service(&cluster)] {
            let ports = service.spec.and_then(|spec| spec.ports).unwrap_or_default();
            let numbers: Vec<_> = ports.iter().map(|port| port.port).collect();
            assert_eq!(numbers, [5672, 15672, 15692, 5671, 15671]);
        }
    }

    #[test]
    fn annotations_are_passed_on() {
        let service = client_service(&cluster(json!({ "annotations": { "lb/internal": "true" } })));

        assert_eq!(json!(service.metadata.annotations), json!({ "lb/internal": "true" }));
        assert_eq!(
            client_service(&cluster(json!({}))).metadata.annotations,
            None,
            "none are none of ours"
        );
    }

    #[test]
    fn every_pod_has_a_name_before_it_is_ready() {
        let spec = nodes_service(&cluster(json!({}))).spec.expect("a spec");

        assert_eq!(
            (spec.cluster_ip.as_deref(), spec.publish_not_ready_addresses),
            (Some("None"), Some(true))
        );
    }
}
