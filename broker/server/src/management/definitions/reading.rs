//! What the parts of a document stand for.

use broker_api::{Binding, DestinationType, Parameter, Policy};
use broker_core::topology::{self, Destination};
use serde_json::Value;

use crate::management::failed::Failed;
use crate::management::json;
use crate::management::payload::short;

/// Whether an exchange is to be made: the others come with their vhost.
pub(super) fn is_ours(exchange: &str) -> bool {
    !exchange.is_empty() && !exchange.starts_with("amq.")
}

/// The operator policy that a parameter stands for.
pub(super) fn operator_policy(parameter: Parameter) -> Result<Policy, Failed> {
    let Parameter { vhost, name, mut value, .. } = parameter;
    if let Value::Object(policy) = &mut value {
        policy.insert("name".to_owned(), name.into());
        policy.insert("vhost".to_owned(), vhost.into());
    }
    serde_json::from_value(value).map_err(Failed::bad_request)
}

/// What to tell the topology of a binding.
pub(super) fn to_bind(binding: Binding) -> Result<topology::Binding, Failed> {
    let to = binding.destination.into();
    Ok(topology::Binding {
        vhost: binding.vhost.into(),
        source: binding.source.into(),
        destination: match binding.destination_type {
            DestinationType::Queue => Destination::Queue(to),
            DestinationType::Exchange => Destination::Exchange(to),
        },
        routing_key: short(&binding.routing_key)?,
        arguments: json::table(&binding.arguments)?,
    })
}
