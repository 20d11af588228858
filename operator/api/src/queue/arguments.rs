//! The declare arguments of a queue: typed fields become what RabbitMQ calls them.

use std::{collections::BTreeMap, time::Duration};

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use crate::queue::QueueSpec;

// === impl QueueSpec ===

impl QueueSpec {
    /// Every declare argument: the raw ones and those the typed fields stand for.
    ///
    /// Only quorum queues have a delivery limit, so a queue with one is a quorum queue unless it names
    /// another type, which the broker refuses by name.
    ///
    /// Durations are in milliseconds and sizes in bytes, as RabbitMQ has them. A duration or size
    /// too large for an AMQP integer is capped at `i64::MAX`, which the broker judges.
    pub fn declare_arguments(&self) -> BTreeMap<String, Value> {
        let millis = |value: &kube::core::Duration| {
            i64::try_from(Duration::from(*value).as_millis()).unwrap_or(i64::MAX).into()
        };
        let bytes = |value: u64| i64::try_from(value).unwrap_or(i64::MAX).into();
        let dead_letter = self.dead_letter.as_ref();
        let typed: [(&str, Option<Value>); 10] = [
            ("x-dead-letter-exchange", dead_letter.map(|to| to.exchange.clone().into())),
            (
                "x-dead-letter-routing-key",
                dead_letter.and_then(|to| to.routing_key.clone()).map(Value::from),
            ),
            ("x-message-ttl", self.message_ttl.as_ref().map(millis)),
            ("x-expires", self.expires.as_ref().map(millis)),
            ("x-max-length", self.max_length.map(Value::from)),
            (
                "x-max-length-bytes",
                self.max_length_bytes.as_ref().and_then(|size| size.bytes()).map(bytes),
            ),
            ("x-overflow", self.overflow.map(|overflow| overflow.as_str().into())),
            ("x-max-priority", self.max_priority.map(Value::from)),
            ("x-delivery-limit", self.delivery_limit.map(Value::from)),
            ("x-single-active-consumer", self.single_active_consumer.map(Value::from)),
        ];
        let mut arguments = self.arguments.clone();
        if self.delivery_limit.is_some() {
            arguments.entry("x-queue-type".to_owned()).or_insert_with(|| "quorum".into());
        }
        arguments
            .extend(typed.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        arguments
    }
}

/// Any argument is let through; those with a typed twin are named, so that CEL can see them.
pub(crate) fn arguments_schema(_: &mut SchemaGenerator) -> Schema {
    let number = json_schema!({ "type": "integer", "minimum": 0 });
    let text = json_schema!({ "type": "string", "maxLength": 255 });
    json_schema!({
        "type": "object",
        "maxProperties": 64,
        "properties": {
            "x-dead-letter-exchange": text,
            "x-dead-letter-routing-key": text,
            "x-delivery-limit": { "type": "integer" },
            "x-expires": number,
            "x-max-length": number,
            "x-max-length-bytes": number,
            "x-max-priority": number,
            "x-message-ttl": number,
            "x-overflow": text,
            "x-single-active-consumer": { "type": "boolean" },
        },
        "x-kubernetes-preserve-unknown-fields": true,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::queue::QueueSpec;

    #[test]
    fn typed_fields_become_the_arguments_rabbitmq_knows() {
        let spec: QueueSpec = serde_json::from_value(json!({
            "clusterRef": { "name": "orders" },
            "deadLetter": { "exchange": "orders.dead", "routingKey": "late" },
            "messageTtl": "1h30m",
            "expires": "500ms",
            "maxLength": 100_000,
            "maxLengthBytes": "10Gi",
            "overflow": "reject-publish-dlx",
            "maxPriority": 9,
            "deliveryLimit": 5,
            "singleActiveConsumer": true,
            "arguments": { "x-queue-mode": "lazy", "x-queue-type": "classic" },
        }))
        .expect("a valid spec");

        assert_eq!(
            serde_json::to_value(spec.declare_arguments()).expect("JSON"),
            json!({
                "x-dead-letter-exchange": "orders.dead",
                "x-dead-letter-routing-key": "late",
                "x-message-ttl": 5_400_000,
                "x-expires": 500,
                "x-max-length": 100_000,
                "x-max-length-bytes": 10_737_418_240_u64,
                "x-overflow": "reject-publish-dlx",
                "x-max-priority": 9,
                "x-delivery-limit": 5,
                "x-single-active-consumer": true,
                "x-queue-mode": "lazy",
                "x-queue-type": "classic",
            })
        );
    }

    #[test]
    fn a_queue_with_a_delivery_limit_is_of_the_type_that_has_one() {
        let spec: QueueSpec = serde_json::from_value(json!({
            "clusterRef": { "name": "orders" },
            "deliveryLimit": 5,
        }))
        .expect("a valid spec");

        assert_eq!(
            serde_json::to_value(spec.declare_arguments()).expect("JSON"),
            json!({ "x-delivery-limit": 5, "x-queue-type": "quorum" })
        );
    }

    #[test]
    fn a_plain_queue_has_no_arguments() {
        let spec: QueueSpec =
            serde_json::from_value(json!({ "clusterRef": { "name": "orders" } })).expect("valid");

        assert!(spec.declare_arguments().is_empty());
        assert!(spec.durable, "durable unless said otherwise");
        assert_eq!((spec.vhost.as_str(), spec.replicas), ("/", 1));
    }
}
