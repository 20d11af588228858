//! How a change of the topology is written down.
//!
//! A record's body is a tag, then the command's fields as AMQP writes them: names are long strings
//! (a name may be longer than 255 bytes in no case, but a vhost's limit is ours to change), flags a
//! byte, arguments a field table. Only what survives a restart is ever written, so who asked, passive
//! declarations and exclusive queues have no place here. Each tag means one thing for ever; those from 9
//! to 19 are in [`access_record`](super::access_record).

mod policies;

use broker_core::id::{ConnectionId, QueueId};
use broker_core::name::Name;
use broker_core::topology::{
    Binding, Command, DeclareExchange, DeclareQueue, Destination, ExchangeKind,
};
use broker_protocol::table::FieldTable;
use broker_protocol::wire::{Field, Reader, Writer};
use bytes::BytesMut;

use crate::durable::access_record;
use crate::durable::fields::{flag, name, names};
use crate::durable::topology_record::policies::{DELETE_POLICY, SET_POLICY};

const CREATE_VHOST: u8 = 1;
const DELETE_VHOST: u8 = 2;
const DECLARE_EXCHANGE: u8 = 3;
const DELETE_EXCHANGE: u8 = 4;
const DECLARE_QUEUE: u8 = 5;
const QUEUE_GONE: u8 = 6;
const BIND: u8 = 7;
const UNBIND: u8 = 8;

/// The type of exchanges with a queue of their own, whose number follows.
const DELAYED: &str = ExchangeKind::DelayedMessage.name();

const TO_QUEUE: u8 = 0;
const TO_EXCHANGE: u8 = 1;

/// The connection that a replayed command names: none that will ever exist.
pub(crate) const NOBODY: ConnectionId = ConnectionId(0);

/// Appends `command` to `out`; returns whether it is one that is written down at all.
pub(crate) fn encode(command: &Command, out: &mut BytesMut) -> bool {
    let mut w = Writer::new(out);
    match command {
        Command::CreateVhost { vhost } => names(&mut w, CREATE_VHOST, &[vhost]),
        Command::DeleteVhost { vhost } => names(&mut w, DELETE_VHOST, &[vhost]),
        Command::DescribeVhost { vhost, properties } => {
            access_record::encode_properties(vhost, properties, &mut w);
        }
        Command::LimitVhost { vhost, limits } => {
            access_record::encode_limits(vhost, *limits, &mut w);
        }
        Command::Access(command) => access_record::encode(command, &mut w),
        Command::DeclareExchange(exchange) => encode_exchange(exchange, &mut w),
        Command::DeleteExchange { vhost, name, .. } => {
            names(&mut w, DELETE_EXCHANGE, &[vhost, name]);
        }
        Command::DeclareQueue(queue) => encode_queue(queue, &mut w),
        Command::QueueGone { vhost, name, id } => {
            names(&mut w, QUEUE_GONE, &[vhost, name]);
            id.0.write(&mut w);
        }
        Command::Bind(binding, _) => encode_binding(BIND, binding, &mut w),
        Command::Unbind(binding, _) => encode_binding(UNBIND, binding, &mut w),
        Command::SetPolicy { vhost, rank, policy } => {
            policies::encode_set(vhost, *rank, policy, &mut w);
        }
        Command::DeletePolicy { vhost, rank, name } => {
            policies::encode_delete(vhost, *rank, name, &mut w);
        }
        Command::ConnectionClosed { .. } => return false,
    }
    true
}

/// The command that `body` tells of; `None` when it was not written by [`encode`].
pub(crate) fn decode(body: &[u8]) -> Option<Command> {
    let mut r = Reader::new(body);
    let command = match r.u8().ok()? {
        CREATE_VHOST => Command::CreateVhost { vhost: name(&mut r)? },
        DELETE_VHOST => Command::DeleteVhost { vhost: name(&mut r)? },
        DECLARE_EXCHANGE => Command::DeclareExchange(decode_exchange(&mut r)?),
        DELETE_EXCHANGE => {
            Command::DeleteExchange { vhost: name(&mut r)?, name: name(&mut r)?, if_unused: false }
        }
        DECLARE_QUEUE => Command::DeclareQueue(decode_queue(&mut r)?),
        QUEUE_GONE => Command::QueueGone {
            vhost: name(&mut r)?,
            name: name(&mut r)?,
            id: QueueId(r.u64().ok()?),
        },
        BIND => Command::Bind(decode_binding(&mut r)?, NOBODY),
        UNBIND => Command::Unbind(decode_binding(&mut r)?, NOBODY),
        SET_POLICY => policies::decode_set(&mut r)?,
        DELETE_POLICY => policies::decode_delete(&mut r)?,
        tag => access_record::decode(tag, &mut r)?,
    };
    r.finish().ok()?;
    Some(command)
}

fn encode_exchange(exchange: &DeclareExchange, w: &mut Writer<'_>) {
    names(w, DECLARE_EXCHANGE, &[&exchange.vhost, &exchange.name, &exchange.kind]);
    for flag in [exchange.durable, exchange.auto_delete, exchange.internal] {
        u8::from(flag).write(w);
    }
    exchange.arguments.write(w);
    if &*exchange.kind == DELAYED {
        exchange.delays.0.write(w);
    }
}

fn decode_exchange(r: &mut Reader<'_>) -> Option<DeclareExchange> {
    let mut exchange = DeclareExchange {
        vhost: name(r)?,
        name: name(r)?,
        kind: name(r)?,
        passive: false,
        durable: flag(r)?,
        auto_delete: flag(r)?,
        internal: flag(r)?,
        delays: QueueId(0),
        arguments: FieldTable::read(r).ok()?,
    };
    if &*exchange.kind == DELAYED {
        exchange.delays = QueueId(r.u64().ok()?);
    }
    Some(exchange)
}

fn encode_queue(queue: &DeclareQueue, w: &mut Writer<'_>) {
    names(w, DECLARE_QUEUE, &[&queue.vhost, &queue.name]);
    queue.id.0.write(w);
    u8::from(queue.auto_delete).write(w);
    queue.arguments.write(w);
}

fn decode_queue(r: &mut Reader<'_>) -> Option<DeclareQueue> {
    let (vhost, name) = (name(r)?, name(r)?);
    // A name with the reserved prefix came from the server, and only the server may give it again.
    let by_server = name.starts_with("amq.");
    let none = Name::new("");
    let (name, generated_name) = if by_server { (none, name) } else { (name, none) };
    Some(DeclareQueue {
        vhost,
        name,
        generated_name,
        id: QueueId(r.u64().ok()?),
        connection: NOBODY,
        passive: false,
        durable: true,
        exclusive: false,
        auto_delete: flag(r)?,
        arguments: FieldTable::read(r).ok()?,
    })
}

fn encode_binding(tag: u8, binding: &Binding, w: &mut Writer<'_>) {
    let (kind, destination) = match &binding.destination {
        Destination::Queue(name) => (TO_QUEUE, name),
        Destination::Exchange(name) => (TO_EXCHANGE, name),
    };
    names(w, tag, &[&binding.vhost, &binding.source, destination, &binding.routing_key]);
    kind.write(w);
    binding.arguments.write(w);
}

fn decode_binding(r: &mut Reader<'_>) -> Option<Binding> {
    let (vhost, source, destination, routing_key) = (name(r)?, name(r)?, name(r)?, name(r)?);
    let destination = match r.u8().ok()? {
        TO_QUEUE => Destination::Queue(destination),
        TO_EXCHANGE => Destination::Exchange(destination),
        _ => return None,
    };
    let arguments = FieldTable::read(r).ok()?;
    Some(Binding { vhost, source, destination, routing_key, arguments })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_name() -> impl Strategy<Value = Name> {
        "[a-zä./#*]{0,40}".prop_map(Name::from)
    }

    fn any_arguments() -> impl Strategy<Value = FieldTable> {
        proptest::collection::vec(("[a-z-]{1,20}", any::<i64>()), 0..4)
            .prop_map(FieldTable::from_iter)
    }

    fn any_binding() -> impl Strategy<Value = Binding> {
        (any_name(), any_name(), any_name(), any_name(), any::<bool>(), any_arguments()).prop_map(
            |(vhost, source, to, routing_key, queue, arguments)| Binding {
                vhost,
                source,
                destination: if queue { Destination::Queue(to) } else { Destination::Exchange(to) },
                routing_key,
                arguments,
            },
        )
    }

    fn any_command() -> impl Strategy<Value = Command> {
        let exchange = (any_name(), any_name(), any_name(), any::<[bool; 3]>(), any_arguments());
        let queue = (any_name(), any_name(), any::<u64>(), any::<bool>(), any_arguments());
        prop_oneof![
            any_name().prop_map(|vhost| Command::CreateVhost { vhost }),
            any_name().prop_map(|vhost| Command::DeleteVhost { vhost }),
            exchange.prop_map(
                |(vhost, name, kind, [durable, auto_delete, internal], arguments)| {
                    let passive = false;
                    Command::DeclareExchange(DeclareExchange {
                        vhost,
                        name,
                        kind,
                        passive,
                        durable,
                        auto_delete,
                        internal,
                        delays: QueueId(0),
                        arguments,
                    })
                }
            ),
            (any_name(), any_name()).prop_map(|(vhost, name)| {
                Command::DeleteExchange { vhost, name, if_unused: false }
            }),
            queue.prop_map(|(vhost, name, id, auto_delete, arguments)| {
                Command::DeclareQueue(DeclareQueue {
                    vhost,
                    name,
                    generated_name: Name::new(""),
                    id: QueueId(id),
                    connection: NOBODY,
                    passive: false,
                    durable: true,
                    exclusive: false,
                    auto_delete,
                    arguments,
                })
            }),
            (any_name(), any_name(), any::<u64>())
                .prop_map(|(vhost, name, id)| Command::QueueGone { vhost, name, id: QueueId(id) }),
            any_binding().prop_map(|binding| Command::Bind(binding, NOBODY)),
            any_binding().prop_map(|binding| Command::Unbind(binding, NOBODY)),
        ]
    }

    proptest! {
        #[test]
        fn a_command_comes_back(command in any_command()) {
            let mut bytes = BytesMut::new();
            prop_assert!(encode(&command, &mut bytes));
            let back = decode(&bytes).expect("what was encoded decodes");
            prop_assert_eq!(format!("{back:?}"), format!("{command:?}"));
        }

        #[test]
        fn garbage_is_refused_calmly(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = decode(&bytes);
        }
    }

    #[test]
    fn who_left_is_not_written_down() {
        let gone = Command::ConnectionClosed { connection: ConnectionId(3) };
        assert!(!encode(&gone, &mut BytesMut::new()));
    }
}
