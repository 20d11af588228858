//! What the directory answers, it still knows after a restart.

use std::path::Path;

use broker_core::id::ConnectionId;
use broker_core::name::Name;
use broker_core::policy::{ApplyTo, Pattern, Policy, Rank};
use broker_core::topology::{Binding, DeclareExchange, DeclareQueue, Destination};
use broker_protocol::table::FieldTable;
use proptest::prelude::*;

use super::*;

/// One thing that a client may do.
#[derive(Debug, Clone)]
enum Step {
    Exchange { name: u8, kind: u8, durable: bool, auto_delete: bool },
    DeleteExchange(u8),
    Queue { name: u8, durable: bool, exclusive: bool },
    DeleteQueue(u8),
    Bind { source: u8, to: u8, to_queue: bool, key: u8 },
    Unbind { source: u8, to: u8, to_queue: bool, key: u8 },
    SetPolicy { name: u8, pattern: u8, operator: bool, length: u8 },
    DeletePolicy { name: u8, operator: bool },
    Close,
}

const CLIENT: ConnectionId = ConnectionId(9);

fn open(dir: &Path) -> Directory {
    let (store, recovered) = Store::open(dir, 1 << 20).unwrap();
    let mut found: Vec<_> = recovered.queues.keys().copied().collect();
    found.sort_unstable();
    assert_eq!(found, queues(&recovered.topology.snapshot()), "every queue is found, and no other");
    let directory = Directory::new(Arc::new(store), recovered.topology, recovered.next_queue, &[]);
    directory.change(Command::CreateVhost { vhost: "/".into() }, |_| {}).unwrap();
    directory
}

/// The durable queues, those of exchanges that hold messages back included.
fn queues(routes: &Routes) -> Vec<QueueId> {
    let named = routes.vhosts().flat_map(Vhost::queues).map(|queue| (queue.id, &queue.settings));
    let delays = routes.vhosts().flat_map(|vhost| vhost.delays().iter()).map(|(id, s)| (*id, s));
    let durable = named.chain(delays).filter(|(_, settings)| settings.durable);
    let mut ids: Vec<_> = durable.map(|(id, _)| id).collect();
    ids.sort_unstable();
    ids
}

fn lasting(directory: &Directory) -> Vec<String> {
    let commands = directory.inventory().0;
    let routes = directory.routes();
    let queues = routes.vhosts().flat_map(Vhost::queues).filter(|queue| queue.settings.durable);
    let effective = queues.map(|queue| format!("{:?} {:?}", queue.settings, queue.governed));
    commands.iter().map(|command| format!("{command:?}")).chain(effective).collect()
}

fn rank(operator: bool) -> Rank {
    if operator { Rank::Operator } else { Rank::User }
}

fn policy(name: u8, pattern: u8, rank: Rank, length: u8) -> Policy {
    let definition = FieldTable::from_iter([("max-length", length)]);
    let pattern = Pattern::new(["", "1", "^q"][usize::from(pattern)]).unwrap();
    let name = format!("p{name}").into();
    Policy::new(rank, name, pattern, ApplyTo::All, length.into(), definition).unwrap()
}

fn exchange(name: u8) -> Name {
    format!("e{name}").into()
}

fn queue(name: u8) -> Name {
    format!("q{name}").into()
}

fn binding(source: u8, to: u8, to_queue: bool, key: u8) -> Binding {
    Binding {
        vhost: "/".into(),
        source: exchange(source),
        destination: if to_queue {
            Destination::Queue(queue(to))
        } else {
            Destination::Exchange(exchange(to))
        },
        routing_key: format!("k{key}").into(),
        arguments: FieldTable::new(),
    }
}

fn command(directory: &Directory, step: Step) -> Option<Command> {
    let vhost = Name::new("/");
    Some(match step {
        Step::Exchange { name, kind, durable, auto_delete } => {
            Command::DeclareExchange(DeclareExchange {
                vhost,
                name: exchange(name),
                kind: ["direct", "fanout", "x-delayed-message"][usize::from(kind)].into(),
                passive: false,
                durable,
                auto_delete,
                internal: false,
                delays: QueueId(0),
                arguments: FieldTable::from_iter([("x-delayed-type", "fanout")]),
            })
        }
        Step::DeleteExchange(name) => {
            Command::DeleteExchange { vhost, name: exchange(name), if_unused: false }
        }
        Step::Queue { name, durable, exclusive } => Command::DeclareQueue(DeclareQueue {
            vhost,
            name: queue(name),
            generated_name: Name::new(""),
            id: directory.next_queue(),
            connection: CLIENT,
            passive: false,
            durable,
            exclusive,
            auto_delete: false,
            arguments: FieldTable::new(),
        }),
        Step::DeleteQueue(name) => {
            let name = queue(name);
            let id = directory.routes().vhost("/")?.queue(&name)?.id;
            Command::QueueGone { vhost, name, id }
        }
        Step::Bind { source, to, to_queue, key } => {
            Command::Bind(binding(source, to, to_queue, key), CLIENT)
        }
        Step::Unbind { source, to, to_queue, key } => {
            Command::Unbind(binding(source, to, to_queue, key), CLIENT)
        }
        Step::SetPolicy { name, pattern, operator, length } => {
            let rank = rank(operator);
            let policy = Arc::new(policy(name, pattern, rank, length));
            Command::SetPolicy { vhost, rank, policy }
        }
        Step::DeletePolicy { name, operator } => {
            Command::DeletePolicy { vhost, rank: rank(operator), name: format!("p{name}").into() }
        }
        Step::Close => Command::ConnectionClosed { connection: CLIENT },
    })
}

fn step() -> impl Strategy<Value = Step> {
    let ends = || (0..3_u8, 0..3_u8, any::<bool>(), 0..2_u8);
    prop_oneof![
        3 => (0..3_u8, 0..3_u8, prop::bool::weighted(0.8), any::<bool>()).prop_map(
            |(name, kind, durable, auto_delete)| Step::Exchange { name, kind, durable, auto_delete }
        ),
        1 => (0..3_u8).prop_map(Step::DeleteExchange),
        3 => (0..3_u8, any::<bool>(), prop::bool::weighted(0.3))
            .prop_map(|(name, durable, exclusive)| Step::Queue { name, durable, exclusive }),
        1 => (0..3_u8).prop_map(Step::DeleteQueue),
        6 => ends().prop_map(|(source, to, to_queue, key)| Step::Bind { source, to, to_queue, key }),
        4 => ends()
            .prop_map(|(source, to, to_queue, key)| Step::Unbind { source, to, to_queue, key }),
        3 => (0..2_u8, 0..3_u8, any::<bool>(), 0..4_u8).prop_map(
            |(name, pattern, operator, length)| Step::SetPolicy { name, pattern, operator, length }
        ),
        1 => (0..2_u8, any::<bool>())
            .prop_map(|(name, operator)| Step::DeletePolicy { name, operator }),
        1 => Just(Step::Close),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever clients did, with things that last and things that do not: what lasts is after a
    /// restart what it was before.
    #[test]
    fn what_lasts_comes_back(steps in proptest::collection::vec(step(), 0..60)) {
        let dir = tempfile::tempdir().unwrap();
        let directory = open(dir.path());
        for step in steps {
            if let Some(command) = command(&directory, step) {
                let _ = directory.change(command, |_| {});
            }
        }
        let before = lasting(&directory);
        directory.store.close();
        prop_assert_eq!(lasting(&open(dir.path())), before);
    }
}

/// Who is told that something is there may rely on it as much as who made it.
#[tokio::test]
async fn what_is_there_already_is_answered_for_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let directory = open(dir.path());
    let declare = Step::Exchange { name: 1, kind: 0, durable: true, auto_delete: false };
    let declare = command(&directory, declare).unwrap();
    let first = directory.change(declare.clone(), |_| {}).unwrap().recorded;
    let second = directory.change(declare, |_| {}).unwrap().recorded;
    assert!(first > Position::ZERO);
    assert_eq!(second, first);
}
