//! The ports of a broker: the same in the pod, in the Services and in the broker's own flags.

use k8s_openapi::{
    api::core::v1::{ContainerPort, ServicePort},
    apimachinery::pkg::util::intstr::IntOrString,
};
use operator_api::BrokerCluster;

/// One port of the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Port {
    /// Name in the pod and the Services.
    pub name: &'static str,
    /// Number in the pod and the Services.
    pub number: u16,
    /// What is spoken there, for meshes and load balancers.
    pub protocol: &'static str,
}

/// AMQP 0-9-1.
pub const AMQP: Port = Port { name: "amqp", number: 5672, protocol: "amqp" };
/// AMQP 0-9-1 over TLS.
pub const AMQPS: Port = Port { name: "amqps", number: 5671, protocol: "amqps" };
/// The management API over TLS.
pub const MANAGEMENT_TLS: Port = Port { name: "management-tls", number: 15671, protocol: "https" };
/// The management API and the health probes.
pub const MANAGEMENT: Port = Port { name: "management", number: 15672, protocol: "http" };
/// Prometheus metrics, without credentials.
pub const METRICS: Port = Port { name: "metrics", number: 15692, protocol: "http" };

/// The ports of a cluster's brokers.
pub fn of(cluster: &BrokerCluster) -> Vec<Port> {
    let tls: &[Port] = if cluster.spec.tls.is_some() { &[AMQPS, MANAGEMENT_TLS] } else { &[] };
    [&[AMQP, MANAGEMENT, METRICS], tls].concat()
}

// === impl Port ===

impl Port {
    /// As a port of the container. The transport is spelt out: it is part of the merge key.
    pub fn of_container(self) -> ContainerPort {
        ContainerPort {
            name: Some(self.name.to_owned()),
            container_port: self.number.into(),
            protocol: Some("TCP".to_owned()),
            ..ContainerPort::default()
        }
    }

    /// As a port of a Service that leads to the container's.
    pub fn of_service(self) -> ServicePort {
        ServicePort {
            name: Some(self.name.to_owned()),
            port: self.number.into(),
            target_port: Some(IntOrString::String(self.name.to_owned())),
            protocol: Some("TCP".to_owned()),
            app_protocol: Some(self.protocol.to_owned()),
            ..ServicePort::default()
        }
    }
}
