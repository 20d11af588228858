//! What can be asked of the topology, and what came of it.

use std::sync::Arc;

use broker_protocol::table::FieldTable;

use crate::access;
use crate::id::{ConnectionId, QueueId};
use crate::name::Name;
use crate::policy::{Policy, Rank};
use crate::queue::Settings;
use crate::topology::properties::{VhostLimits, VhostProperties};

/// One change to, or question about, the vhosts, exchanges, queues, bindings, users and permissions.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each variant's text says what its fields are")]
pub enum Command {
    /// Makes a virtual host with its predeclared exchanges. It may exist already.
    CreateVhost { vhost: Name },
    /// Removes a virtual host, all that is in it and all permissions there. It need not exist.
    DeleteVhost { vhost: Name },
    /// Says what a virtual host is for.
    DescribeVhost { vhost: Name, properties: VhostProperties },
    /// Limits what a virtual host may hold.
    LimitVhost { vhost: Name, limits: VhostLimits },
    /// Changes users or permissions.
    Access(access::Command),
    /// `exchange.declare`.
    DeclareExchange(DeclareExchange),
    /// `exchange.delete`. It need not exist.
    DeleteExchange { vhost: Name, name: Name, if_unused: bool },
    /// `queue.declare`.
    DeclareQueue(DeclareQueue),
    /// A queue has deleted itself or been deleted ([`queue::Effect::Deleted`]): it and its
    /// bindings leave the topology. Ignored if the name now belongs to another incarnation.
    ///
    /// [`queue::Effect::Deleted`]: crate::queue::Effect::Deleted
    QueueGone { vhost: Name, name: Name, id: QueueId },
    /// `queue.bind` or `exchange.bind`. The binding may exist already.
    Bind(Binding, ConnectionId),
    /// `queue.unbind` or `exchange.unbind`. The binding need not exist.
    Unbind(Binding, ConnectionId),
    /// Adds or replaces a policy. It may be there already.
    SetPolicy { vhost: Name, rank: Rank, policy: Arc<Policy> },
    /// Removes a policy. It need not exist.
    DeletePolicy { vhost: Name, rank: Rank, name: Name },
    /// A connection has ended: its exclusive queues leave the topology.
    ConnectionClosed { connection: ConnectionId },
}

/// An exchange as asked for.
#[derive(Debug, Clone)]
pub struct DeclareExchange {
    /// The virtual host.
    pub vhost: Name,
    /// The exchange's name.
    pub name: Name,
    /// The type's name as sent, as in `topic`.
    pub kind: Name,
    /// Only ask whether it exists; everything below is then ignored.
    pub passive: bool,
    /// Survives a restart.
    pub durable: bool,
    /// Goes when the last binding from it goes.
    pub auto_delete: bool,
    /// Clients cannot publish to it; only other exchanges do.
    pub internal: bool,
    /// The number that the queue of its delayed messages gets, if it comes to be and needs one; 0 if
    /// whoever asks leaves that to others.
    pub delays: QueueId,
    /// `alternate-exchange` and the type's own arguments.
    pub arguments: FieldTable,
}

/// A queue as asked for.
#[derive(Debug, Clone)]
pub struct DeclareQueue {
    /// The virtual host.
    pub vhost: Name,
    /// The queue's name; empty: the server names it.
    pub name: Name,
    /// What the server names it if it has to: a fresh `amq.gen-…` from a random source.
    pub generated_name: Name,
    /// The id it gets if it comes to be.
    pub id: QueueId,
    /// The connection that asks: the owner if the queue is exclusive.
    pub connection: ConnectionId,
    /// Only ask whether it exists; everything below is then ignored.
    pub passive: bool,
    /// Survives a restart.
    pub durable: bool,
    /// Only this connection may use it, and it goes with the connection.
    pub exclusive: bool,
    /// Goes when its last consumer goes.
    pub auto_delete: bool,
    /// The `x-` arguments.
    pub arguments: FieldTable,
}

/// A rule: what `source` gets under `routing_key` goes to `destination` too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Binding {
    /// The virtual host.
    pub vhost: Name,
    /// The exchange bound from.
    pub source: Name,
    /// What is bound to it.
    pub destination: Destination,
    /// The routing key, or the pattern for a topic exchange.
    pub routing_key: Name,
    /// Arguments; part of the binding's identity, in any order.
    pub arguments: FieldTable,
}

/// What a binding leads to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destination {
    /// A queue, by name.
    Queue(Name),
    /// An exchange, by name.
    Exchange(Name),
}

/// What came of a command that was not refused.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each variant's text says what its fields are")]
pub enum Outcome {
    /// Done, and there is nothing more to know. `changed` is false if it was so before: there is
    /// then no new snapshot to publish.
    Done { changed: bool },
    /// Answer to `DeclareQueue`. `created`: make the queue on the shard that owns `id`, with these
    /// settings, before answering the client. Otherwise ask that shard for the counts.
    Queue { name: Name, id: QueueId, created: bool, settings: Arc<Settings> },
    /// These queues have left the topology and have to be deleted on their shards with
    /// [`queue::Command::Delete`](crate::queue::Command::Delete), unconditionally.
    Removed { queues: Vec<(Name, QueueId)> },
    /// Policies have changed, and with them the settings of these queues: tell each on its shard with
    /// [`queue::Command::Reconfigure`](crate::queue::Command::Reconfigure). Tell them before anybody can
    /// change the policies again, so that every queue comes to have the latest.
    Governed { queues: Vec<(QueueId, Arc<Settings>)> },
}
