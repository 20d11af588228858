//! Arguments that only some types of queue have: on the others they are refused by name.

use broker_protocol::table::{FieldTable, Value};

use super::KIND;
use crate::queue::settings::{Kind, Settings};
use crate::refusal::Refusal;

/// What classic queues have alone.
const CLASSIC: [&str; 4] =
    ["x-max-priority", "x-queue-mode", "x-queue-version", "x-queue-master-locator"];

/// What quorum queues have alone. `x-queue-leader-locator` is not among it: RabbitMQ 3.10 refuses it on a
/// classic queue, and later versions take it.
const QUORUM: [&str; 5] = [
    "x-delivery-limit",
    "x-quorum-initial-group-size",
    "x-dead-letter-strategy",
    "x-max-in-memory-length",
    "x-max-in-memory-bytes",
];

/// What only RabbitMQ's streams have, which are not among the types here.
const STREAM: [&str; 3] =
    ["x-max-age", "x-stream-max-segment-size-bytes", "x-initial-cluster-size"];

/// What a consumer can ask of streams alone.
const OF_STREAM_CONSUMERS: &str = "x-stream-offset";

/// What a consumer can ask of classic queues alone.
const OF_CLASSIC_CONSUMERS: &str = "x-cancel-on-ha-failover";

/// Refuses arguments of another type of queue than the one that `table` names.
///
/// Not a part of reading the arguments, because a queue that an earlier version took is taken again.
pub(crate) fn check_belonging(table: &FieldTable, entity: &str) -> Result<(), Refusal> {
    let kind = match table.get(KIND).map(Value::as_str) {
        None | Some(Some("classic")) => Kind::Classic,
        Some(Some("quorum")) => Kind::Quorum,
        // It is refused itself.
        Some(_) => return Ok(()),
    };
    let others: &[&str] = if kind == Kind::Quorum { &CLASSIC } else { &QUORUM };
    let foreign = |name: &&&str| table.get(name).is_some();
    match others.iter().chain(&STREAM).find(foreign) {
        Some(name) => Err(refusal(name, entity, kind)),
        None => Ok(()),
    }
}

fn refusal(name: &str, entity: &str, kind: Kind) -> Refusal {
    let kind = match kind {
        Kind::Classic => "rabbit_classic_queue",
        Kind::Quorum => "rabbit_quorum_queue",
    };
    Refusal::precondition(format_args!("invalid arg '{name}' for {entity} of queue type {kind}"))
}

// === impl Settings ===

impl Settings {
    /// Whether a consumer may come to this queue with these arguments.
    ///
    /// # Errors
    ///
    /// 406 with the name of an argument that only another type of queue has.
    pub fn check_consumer(&self, arguments: &FieldTable) -> Result<(), Refusal> {
        let foreign = |name: &str| arguments.get(name).is_some();
        let name = match self.kind {
            _ if foreign(OF_STREAM_CONSUMERS) => OF_STREAM_CONSUMERS,
            Kind::Quorum if foreign(OF_CLASSIC_CONSUMERS) => OF_CLASSIC_CONSUMERS,
            _ => return Ok(()),
        };
        let entity = format!("queue '{}' in vhost '{}'", self.name, self.vhost);
        Err(refusal(name, &entity, self.kind))
    }
}
