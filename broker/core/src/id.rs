//! Numbers that tell things apart: connections, queues, consumers, messages.

/// One client connection, for as long as the node runs. Owner of its exclusive queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// One incarnation of a queue: a queue deleted and declared again has another id.
///
/// The caller of a declare chooses it and may encode the owning shard in it (`id % shards`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueId(pub u64);

/// One consumer, unique on the node; chosen by whoever subscribes, never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConsumerId(pub u64);

/// A message's place in one queue: 1, 2, 3, … in the order of arrival.
///
/// A message that goes back keeps its id, and so its place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub u64);
