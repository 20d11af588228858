//! What it costs to find a message's queues.

use std::hint::black_box;

use broker_core::topology::{
    Binding, Command, DeclareExchange, DeclareQueue, Destination, Topology,
};
use broker_core::{ConnectionId, Message, Name, QueueId, Targets};
use broker_protocol::properties::Properties;
use broker_protocol::table::FieldTable;
use criterion::{Criterion, criterion_group, criterion_main};

const US: ConnectionId = ConnectionId(1);

/// An exchange `e` of this kind with `bindings` queues, each bound with a key of its own.
fn topology(kind: &str, bindings: u64, key: impl Fn(u64) -> (String, FieldTable)) -> Topology {
    let mut topology = Topology::new();
    let vhost = Name::new("/");
    let mut apply = |command| topology.apply(command).expect("it is allowed");
    apply(Command::CreateVhost { vhost: vhost.clone() });
    apply(Command::DeclareExchange(DeclareExchange {
        vhost: vhost.clone(),
        name: "e".into(),
        kind: kind.into(),
        passive: false,
        durable: true,
        auto_delete: false,
        internal: false,
        delays: QueueId(0),
        arguments: FieldTable::new(),
    }));
    for n in 0..bindings {
        let name = Name::from(format!("queue-{n}"));
        apply(Command::DeclareQueue(DeclareQueue {
            vhost: vhost.clone(),
            name: name.clone(),
            generated_name: Name::new(""),
            id: QueueId(n),
            connection: US,
            passive: false,
            durable: true,
            exclusive: false,
            auto_delete: false,
            arguments: FieldTable::new(),
        }));
        let (routing_key, arguments) = key(n);
        let binding = Binding {
            vhost: vhost.clone(),
            source: "e".into(),
            destination: Destination::Queue(name),
            routing_key: routing_key.into(),
            arguments,
        };
        apply(Command::Bind(binding, US));
    }
    topology
}

fn topic_pattern(n: u64) -> (String, FieldTable) {
    let key = match n % 4 {
        0 => format!("order.{}.paid", n / 4),
        1 => format!("order.{}.*", n / 4),
        2 => format!("order.{}.#", n / 4),
        _ => format!("*.{}.shipped", n / 4),
    };
    (key, FieldTable::new())
}

fn headers_rule(n: u64) -> (String, FieldTable) {
    (String::new(), [("region", format!("r{n}"))].into_iter().collect())
}

fn routes(c: &mut Criterion) {
    let plain = |exchange: &str, key: &str| {
        Message::build(exchange, key, &Properties::default(), b"").expect("names are short")
    };
    let headers = Some([("region", "r7")].into_iter().collect());
    let properties = Properties { headers, ..Properties::default() };
    let with_headers = Message::build("e", "", &properties, b"").expect("names are short");
    let direct_key = |n: u64| (format!("key-{n}"), FieldTable::new());
    let cases = [
        ("default, 10,000 queues", topology("direct", 10_000, direct_key), plain("", "queue-7")),
        ("direct, 10 bindings", topology("direct", 10, direct_key), plain("e", "key-7")),
        ("direct, 10,000 bindings", topology("direct", 10_000, direct_key), plain("e", "key-7")),
        ("topic, 10 bindings", topology("topic", 10, topic_pattern), plain("e", "order.1.paid")),
        (
            "topic, 10,000 bindings",
            topology("topic", 10_000, topic_pattern),
            plain("e", "order.1777.paid"),
        ),
        ("headers, 10 bindings", topology("headers", 10, headers_rule), with_headers),
        ("fanout, 10 queues", topology("fanout", 10, direct_key), plain("e", "")),
    ];
    let mut group = c.benchmark_group("route");
    for (name, topology, message) in cases {
        let routes = topology.snapshot();
        let mut targets = Targets::new();
        group.bench_function(name, |b| {
            b.iter(|| {
                routes.route("/", black_box(&message), &mut targets).expect("it is allowed");
                black_box(targets.queues());
            });
        });
        assert!(!targets.is_empty(), "{name}");
    }
    group.finish();
}

criterion_group!(benches, routes);
criterion_main!(benches);
