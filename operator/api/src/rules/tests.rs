//! A table of manifests: what is accepted, and what people read when it is not.

use kube_cel::Validator;
use serde_json::{Value, json};

use crate::crds::crds;

/// The messages for `spec` of `kind`, named `name`, on creation or on update from `old`.
fn messages(kind: &str, name: &str, spec: &Value, old: Option<&Value>) -> Vec<String> {
    let crd = crds().into_iter().find(|crd| crd.spec.names.kind == kind).expect("a kind of ours");
    let crd = serde_json::to_value(crd).expect("JSON");
    let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let object = |spec: &Value| json!({ "apiVersion": "warren.dev/v1alpha1", "kind": kind, "metadata": { "name": name }, "spec": spec });
    let (new, old) = (object(spec), old.map(object));
    let defaulted = |object: &Value| kube_cel::apply_defaults(schema, object);
    match Validator::new().validate(schema, &defaulted(&new), old.as_ref().map(defaulted).as_ref())
    {
        Ok(()) => Vec::new(),
        Err(errors) => errors.into_vec().into_iter().map(|error| error.message).collect(),
    }
}

/// `spec` with a reference to a cluster and `overrides` laid over it.
fn with(overrides: &Value) -> Value {
    let mut spec = json!({ "clusterRef": { "name": "orders" } });
    let fields = overrides.as_object().expect("an object").clone();
    spec.as_object_mut().expect("an object").extend(fields);
    spec
}

/// Either no message is expected, or exactly one that contains this.
fn check(kind: &str, name: &str, spec: &Value, old: Option<&Value>, expected: Option<&str>) {
    let found = messages(kind, name, spec, old);
    match expected {
        None => assert_eq!(found, Vec::<String>::new(), "{kind} {name} {spec} over {old:?}"),
        Some(part) => assert!(
            found.len() == 1 && found[0].contains(part),
            "{kind} {name} {spec} over {old:?}: expected one message with {part:?}, found {found:?}"
        ),
    }
}

#[test]
fn a_new_exchange() {
    #[rustfmt::skip]
    let cases = [
        ("orders",    json!({}),                                    None),
        ("orders",    json!({ "type": "topic" }),                   None),
        ("orders",    json!({ "type": "x-consistent-hash" }),       None),
        ("orders",    json!({ "type": "topci" }),                   Some("use direct, fanout, topic or headers")),
        ("orders",    json!({ "name": "amq.topic" }),               Some("reserved for the broker")),
        ("amq.mine",  json!({}),                                    Some("reserved for the broker")),
        ("amq.mine",  json!({ "name": "mine" }),                    None),
        ("orders",    json!({ "alternateExchange": "rest" }),       None),
        ("orders",    json!({ "arguments": { "x-anything": 1 } }),  None),
        ("orders",    json!({ "alternateExchange": "rest", "arguments": { "alternate-exchange": "rest" } }),
                                                                    Some("set spec.alternateExchange or")),
    ];
    for (name, spec, expected) in cases {
        check("Exchange", name, &with(&spec), None, expected);
    }
}

#[test]
fn a_changed_exchange() {
    #[rustfmt::skip]
    let cases = [
        (json!({}),                          json!({}),                                     None),
        (json!({}),                          json!({ "durable": true, "type": "direct" }),  None),
        (json!({}),                          json!({ "durable": false }),                   Some("spec.durable cannot change: AMQP fixes it")),
        (json!({ "type": "topic" }),         json!({ "type": "fanout" }),                   Some("spec.type cannot change")),
        (json!({}),                          json!({ "vhost": "other" }),                   Some("spec.vhost cannot change")),
        (json!({}),                          json!({ "internal": true }),                   Some("spec.internal cannot change")),
        (json!({}),                          json!({ "autoDelete": true }),                 Some("spec.autoDelete cannot change")),
        (json!({}),                          json!({ "name": "orders" }),                   None),
        (json!({}),                          json!({ "name": "other" }),                    Some("spec.name cannot change: create another Exchange")),
        (json!({ "name": "other" }),         json!({}),                                     Some("spec.name cannot change")),
        (json!({}),                          json!({ "alternateExchange": "rest" }),        Some("spec.alternateExchange cannot change")),
        (json!({ "alternateExchange": "a" }), json!({}),                                    Some("spec.alternateExchange cannot change")),
        (json!({}),                          json!({ "arguments": { "x-a": 1 } }),          Some("spec.arguments cannot change")),
        (json!({ "arguments": { "x-a": 1 } }), json!({ "arguments": { "x-a": 2 } }),        Some("spec.arguments cannot change")),
        (json!({}),                          json!({ "clusterRef": { "name": "other" } }),  Some("spec.clusterRef cannot change")),
        (json!({}),                          json!({ "deletionPolicy": "Retain" }),         None),
        (json!({}),                          json!({ "adoption": "Never" }),                None),
    ];
    for (old, new, expected) in cases {
        check("Exchange", "orders", &with(&new), Some(&with(&old)), expected);
    }
}

#[test]
fn a_new_queue() {
    #[rustfmt::skip]
    let cases = [
        (json!({}),                                                                      None),
        (json!({ "messageTtl": "1h30m", "expires": "500ms", "maxLengthBytes": "10Gi" }), None),
        (json!({ "messageTtl": "soon" }),                                                Some("such as 500ms, 30s")),
        (json!({ "messageTtl": "-5s" }),                                                 Some("such as 500ms, 30s")),
        (json!({ "expires": "60" }),                                                     Some("such as 500ms, 30s")),
        (json!({ "maxLengthBytes": "99999999999Ti" }),                                   Some("7Ei at most")),
        (json!({ "maxLengthBytes": "lots" }),                                            Some("such as 500Mi, 10Gi")),
        (json!({ "arguments": { "x-max-length": 5 } }),                                  None),
        (json!({ "maxLength": 5, "arguments": { "x-max-length": 5 } }),                  Some("not both")),
        (json!({ "messageTtl": "5s", "arguments": { "x-message-ttl": 5 } }),             Some("spec.arguments['x-message-ttl']")),
        (json!({ "expires": "5s", "arguments": { "x-expires": 5 } }),                    Some("not both")),
        (json!({ "maxLengthBytes": "5", "arguments": { "x-max-length-bytes": 5 } }),     Some("not both")),
        (json!({ "overflow": "drop-head", "arguments": { "x-overflow": "drop-head" } }), Some("not both")),
        (json!({ "maxPriority": 5, "arguments": { "x-max-priority": 5 } }),              Some("not both")),
        (json!({ "deliveryLimit": 5, "arguments": { "x-delivery-limit": 5 } }),          Some("not both")),
        (json!({ "singleActiveConsumer": true, "arguments": { "x-single-active-consumer": true } }), Some("not both")),
        (json!({ "deadLetter": { "exchange": "d" }, "arguments": { "x-dead-letter-exchange": "d" } }), Some("not both")),
        (json!({ "deadLetter": { "exchange": "d" }, "arguments": { "x-dead-letter-routing-key": "d" } }), Some("not both")),
        (json!({ "deletionPolicy": "Retain" }),                                          None),
        (json!({ "onlyIfEmpty": true, "onlyIfUnused": true }),                           None),
        (json!({ "deletionPolicy": "Retain", "onlyIfEmpty": true }),                     Some("Retain never deletes")),
        (json!({ "deletionPolicy": "Retain", "onlyIfUnused": true }),                    Some("Retain never deletes")),
        (json!({ "name": "amq.gen-1" }),                                                 Some("reserved for the broker")),
    ];
    for (spec, expected) in cases {
        check("Queue", "billing", &with(&spec), None, expected);
    }
}

#[test]
fn a_changed_queue() {
    #[rustfmt::skip]
    let cases = [
        (json!({}),                                     json!({ "durable": false }),          Some("spec.durable cannot change")),
        (json!({}),                                     json!({ "autoDelete": true }),        Some("spec.autoDelete cannot change")),
        (json!({}),                                     json!({ "messageTtl": "5s" }),        Some("spec.messageTtl cannot change")),
        (json!({ "messageTtl": "5s" }),                 json!({ "messageTtl": "6s" }),        Some("spec.messageTtl cannot change")),
        (json!({ "expires": "5s" }),                    json!({}),                            Some("spec.expires cannot change")),
        (json!({ "maxLength": 5 }),                     json!({ "maxLength": 6 }),            Some("spec.maxLength cannot change")),
        (json!({ "maxLengthBytes": "5Gi" }),            json!({ "maxLengthBytes": "6Gi" }),   Some("spec.maxLengthBytes cannot change")),
        (json!({ "deadLetter": { "exchange": "a" } }),  json!({ "deadLetter": { "exchange": "b" } }), Some("spec.deadLetter cannot change")),
        (json!({}),                                     json!({ "overflow": "drop-head" }),   Some("spec.overflow cannot change")),
        (json!({}),                                     json!({ "maxPriority": 5 }),          Some("spec.maxPriority cannot change")),
        (json!({}),                                     json!({ "deliveryLimit": 5 }),        Some("spec.deliveryLimit cannot change")),
        (json!({}),                                     json!({ "singleActiveConsumer": true }), Some("spec.singleActiveConsumer cannot change")),
        (json!({}),                                     json!({ "name": "other" }),           Some("create another Queue")),
        (json!({}),                                     json!({ "replicas": 3 }),             None),
        (json!({}),                                     json!({ "deletionPolicy": "Retain" }), None),
        (json!({}),                                     json!({ "onlyIfEmpty": true }),       None),
    ];
    for (old, new, expected) in cases {
        check("Queue", "billing", &with(&new), Some(&with(&old)), expected);
    }
}

#[test]
fn a_binding() {
    let base = |overrides: Value| {
        let mut spec = with(&json!({ "source": "orders", "destination": "billing" }));
        spec.as_object_mut()
            .expect("an object")
            .extend(overrides.as_object().expect("an object").clone());
        spec
    };
    #[rustfmt::skip]
    let created = [
        (json!({}),                                  None),
        (json!({ "routingKey": "order.paid.#" }),    None),
        (json!({ "source": "" }),                    Some("the default exchange cannot be bound")),
        (json!({ "destination": "" }),               Some("name the queue or exchange")),
    ];
    for (spec, expected) in created {
        check("Binding", "billing-paid", &base(spec), None, expected);
    }
    #[rustfmt::skip]
    let changed = [
        (json!({ "source": "other" }),               Some("spec.source cannot change: a binding is its own identity")),
        (json!({ "destination": "other" }),          Some("spec.destination cannot change")),
        (json!({ "destinationType": "exchange" }),   Some("spec.destinationType cannot change")),
        (json!({ "routingKey": "order.#" }),         Some("spec.routingKey cannot change: a binding is its own identity in AMQP; create another")),
        (json!({ "arguments": { "x-match": "any" } }), Some("spec.arguments cannot change")),
        (json!({ "deletionPolicy": "Retain" }),      None),
    ];
    for (new, expected) in changed {
        check("Binding", "billing-paid", &base(new), Some(&base(json!({}))), expected);
    }
}

#[test]
fn a_cluster() {
    #[rustfmt::skip]
    let created = [
        ("orders",              json!({}),                                         None),
        ("orders",              json!({ "replicas": 3 }),                          None),
        ("orders",              json!({ "storage": { "size": "ten" } }),           Some("such as 500Mi, 10Gi")),
        ("orders",              json!({ "config": { "heartbeat": "500ms" } }),     Some("such as 60s or 2m")),
        ("orders",              json!({ "config": { "maxMessageSize": "16MiB" } }), Some("such as 500Mi, 10Gi")),
        ("orders",              json!({ "config": { "maxMessageSize": "32Mi" } }), None),
        ("orders",              json!({ "config": { "maxMessageSize": "33554433" } }), Some("at most 32Mi")),
        ("orders",              json!({ "config": { "maxMessageSize": "1Gi" } }),  Some("at most 32Mi")),
        ("orders",              json!({ "config": { "memoryWatermark": "7000000Ti" } }), None),
        ("orders",              json!({ "config": { "memoryWatermark": "999999999999999999999Ti" } }), Some("such as 500Mi, 10Gi")),
        ("orders",              json!({ "allowedNamespaces": { "from": "All" } }), None),
        ("orders",              json!({ "allowedNamespaces": { "from": "Selector" } }), Some("goes with from: Selector")),
        ("orders",              json!({ "allowedNamespaces": { "selector": {} } }), Some("goes with from: Selector")),
        ("orders",              json!({ "allowedNamespaces": { "from": "Selector", "selector": {} } }), None),
        ("orders",              json!({ "tls": { "secretName": "orders-tls" } }),  None),
        ("orders",              json!({ "tls": { "secretName": "t", "clientAuth": "Required", "caSecretName": "ca" } }), None),
        ("orders",              json!({ "tls": { "secretName": "t", "clientAuth": "Optional" } }), Some("who signs them")),
        ("9lives",              json!({}),                                         Some("beginning with a letter")),
        ("orders.eu",           json!({}),                                         Some("digits and dashes")),
        ("a-name-that-leaves-no-room-for-the-suffix", json!({}),                   Some("at most 40")),
    ];
    for (name, spec, expected) in created {
        check("BrokerCluster", name, &spec, None, expected);
    }
    #[rustfmt::skip]
    let changed = [
        (json!({}), json!({ "storage": { "size": "1Gi" } }),  None),
        (json!({}), json!({ "storage": { "size": "2Gi" } }),  Some("spec.storage.size cannot change")),
        (json!({}), json!({ "storage": { "storageClassName": "fast" } }), Some("storageClassName cannot change")),
        (json!({}), json!({ "storage": { "deletionPolicy": "Delete" } }), None),
        (json!({}), json!({ "replicas": 3 }),                 None),
        (json!({}), json!({ "config": { "logLevel": "debug" } }), None),
    ];
    for (old, new, expected) in changed {
        check("BrokerCluster", "orders", &new, Some(&old), expected);
    }
}
