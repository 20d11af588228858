//! `Exchange`: takes publishes and routes them to queues (AMQP 0-9-1, section 3.1).

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema, ResourceExt};
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    policy::{Adoption, DeletionPolicy},
    reference::ClusterRef,
    rules,
    topology::{TopologyResource, TopologyStatus, default_durable, default_vhost},
};

const RECREATE: &str = "AMQP fixes it when the exchange is declared; delete this Exchange and create it again, or \
                        create another one and move its bindings";

/// What an exchange should be.
#[derive(CustomResource, Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "warren.dev",
    version = "v1alpha1",
    kind = "Exchange",
    plural = "exchanges",
    shortname = "exch",
    category = "warren",
    namespaced,
    status = "TopologyStatus",
    derive = "PartialEq",
    doc = "An exchange in a broker: takes publishes and routes them to queues.",
    validation = rules::fixed_name("Exchange"),
    validation = rules::unreserved_name("Exchange"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Cluster", type_ = "string", json_path = ".spec.clusterRef.name"),
    printcolumn(name = "Vhost", type_ = "string", json_path = ".spec.vhost"),
    printcolumn(name = "Exchange", type_ = "string", json_path = ".status.name"),
    printcolumn(name = "Type", type_ = "string", json_path = ".spec.type"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(
    validation = rules::fixed("clusterRef", "create the Exchange again for the other cluster and delete this one"),
    validation = rules::fixed("vhost", RECREATE),
    validation = rules::fixed("type", RECREATE),
    validation = rules::fixed("durable", RECREATE),
    validation = rules::fixed("autoDelete", RECREATE),
    validation = rules::fixed("internal", RECREATE),
    validation = rules::fixed("alternateExchange", RECREATE),
    validation = rules::fixed("arguments", RECREATE),
    validation = rules::either("alternateExchange", "alternate-exchange"),
)]
#[serde(rename_all = "camelCase")]
pub struct ExchangeSpec {
    /// The BrokerCluster that holds the exchange.
    pub cluster_ref: ClusterRef,

    /// Virtual host.
    #[serde(default = "default_vhost")]
    #[schemars(length(min = 1, max = 255))]
    pub vhost: String,

    /// The broker's name for the exchange; `metadata.name` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub name: Option<String>,

    /// `direct`, `fanout`, `topic`, `headers`, or an extension's type that starts with `x-`.
    #[serde(rename = "type", default = "default_type")]
    #[schemars(length(max = 64))]
    #[x_kube(validation = Rule::new("self in ['direct', 'fanout', 'topic', 'headers'] || self.startsWith('x-')")
        .message("unknown exchange type: use direct, fanout, topic or headers (or an extension's type that starts \
                  with x-)")
        .reason(Reason::FieldValueInvalid))]
    pub type_: String,

    /// Whether the exchange survives a restart of the broker.
    #[serde(default = "default_durable")]
    pub durable: bool,

    /// Whether the broker deletes the exchange when its last binding goes.
    #[serde(default)]
    pub auto_delete: bool,

    /// Whether clients are refused to publish to it directly; other exchanges may route to it.
    #[serde(default)]
    pub internal: bool,

    /// Exchange that gets the messages this one cannot route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub alternate_exchange: Option<String>,

    /// Further declare arguments, as AMQP names them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "arguments_schema")]
    pub arguments: BTreeMap<String, Value>,

    /// What deleting this resource does to the exchange.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,

    /// Whether an exchange that already exists may be taken over.
    #[serde(default)]
    pub adoption: Adoption,
}

// === impl Exchange ===

impl Exchange {
    /// The broker's name for the exchange.
    pub fn broker_name(&self) -> String {
        self.spec.name.clone().unwrap_or_else(|| self.name_any())
    }
}

impl TopologyResource for Exchange {
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
        self.spec.adoption
    }
    fn topology_status(&self) -> TopologyStatus {
        self.status.clone().unwrap_or_default()
    }
}

// === impl ExchangeSpec ===

impl ExchangeSpec {
    /// Every declare argument: the raw ones and those the typed fields stand for.
    pub fn declare_arguments(&self) -> BTreeMap<String, Value> {
        let mut arguments = self.arguments.clone();
        if let Some(alternate) = &self.alternate_exchange {
            arguments.insert("alternate-exchange".to_owned(), Value::from(alternate.clone()));
        }
        arguments
    }
}

fn default_type() -> String {
    "direct".to_owned()
}

/// Any argument is let through; those with a typed twin are named, so that CEL can see them.
fn arguments_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 64,
        "properties": { "alternate-exchange": { "type": "string", "maxLength": 255 } },
        "x-kubernetes-preserve-unknown-fields": true,
    })
}
