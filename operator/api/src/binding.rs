//! `Binding`: which messages of an exchange go to a queue, or to another exchange.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    policy::{Adoption, DeletionPolicy},
    reference::ClusterRef,
    rules,
    topology::{TopologyResource, TopologyStatus, default_vhost},
};

const REBIND: &str = "a binding is its own identity in AMQP; create another Binding with the new value, then delete \
                      this one";

/// What a binding should be.
#[derive(CustomResource, Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "warren.dev",
    version = "v1alpha1",
    kind = "Binding",
    plural = "bindings",
    shortname = "bind",
    category = "warren",
    namespaced,
    status = "TopologyStatus",
    derive = "PartialEq",
    doc = "A binding in a broker: which messages of an exchange go to a queue or to another exchange.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason"
    ),
    printcolumn(name = "Cluster", type_ = "string", json_path = ".spec.clusterRef.name"),
    printcolumn(name = "Vhost", type_ = "string", json_path = ".spec.vhost"),
    printcolumn(name = "Source", type_ = "string", json_path = ".spec.source"),
    printcolumn(name = "Destination", type_ = "string", json_path = ".spec.destination"),
    printcolumn(name = "Key", type_ = "string", json_path = ".spec.routingKey"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(
    validation = rules::fixed("clusterRef", "create the Binding again for the other cluster and delete this one"),
    validation = rules::fixed("vhost", REBIND),
    validation = rules::fixed("source", REBIND),
    validation = rules::fixed("destination", REBIND),
    validation = rules::fixed("destinationType", REBIND),
    validation = rules::fixed("routingKey", REBIND),
    validation = rules::fixed("arguments", REBIND),
)]
#[serde(rename_all = "camelCase")]
pub struct BindingSpec {
    /// The BrokerCluster that holds both ends.
    pub cluster_ref: ClusterRef,

    /// Virtual host of both ends.
    #[serde(default = "default_vhost")]
    #[schemars(length(min = 1, max = 255))]
    pub vhost: String,

    /// The broker's name of the exchange that messages come from.
    #[schemars(length(max = 255))]
    #[x_kube(validation = Rule::new("self != ''")
        .message("the default exchange cannot be bound: every queue is already bound to it by its own name")
        .reason(Reason::FieldValueInvalid))]
    pub source: String,

    /// The broker's name of the queue or exchange that messages go to.
    #[schemars(length(max = 255))]
    #[x_kube(validation = Rule::new("self != ''")
        .message("name the queue or exchange that messages go to")
        .reason(Reason::FieldValueInvalid))]
    pub destination: String,

    /// What `destination` names.
    #[serde(default)]
    pub destination_type: DestinationType,

    /// Key that the exchange compares with a message's: literal for `direct`, a pattern with `*`
    /// and `#` for `topic`, unused by `fanout` and `headers`.
    #[serde(default)]
    #[schemars(length(max = 255))]
    pub routing_key: String,

    /// Further bind arguments; a `headers` exchange matches by them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "arguments_schema")]
    pub arguments: BTreeMap<String, Value>,

    /// What deleting this resource does to the binding.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

/// What a binding leads to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DestinationType {
    /// A queue.
    #[default]
    Queue,
    /// Another exchange.
    Exchange,
}

// === impl Binding ===

impl TopologyResource for Binding {
    fn cluster_ref(&self) -> &ClusterRef {
        &self.spec.cluster_ref
    }
    fn vhost(&self) -> &str {
        &self.spec.vhost
    }
    fn deletion_policy(&self) -> DeletionPolicy {
        self.spec.deletion_policy
    }
    fn adoption(&self) -> Adoption {
        Adoption::IfIdentical
    }
    fn topology_status(&self) -> TopologyStatus {
        self.status.clone().unwrap_or_default()
    }
}

fn arguments_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object", "maxProperties": 64, "x-kubernetes-preserve-unknown-fields": true })
}
