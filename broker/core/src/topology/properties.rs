//! What a virtual host is for, and how much it may hold.

use crate::name::Name;

/// What is said of a virtual host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VhostProperties {
    /// For people to read.
    pub description: Name,
    /// Likewise.
    pub tags: Vec<Name>,
    /// The type of queues that are declared without one, where it fits; empty for `classic`.
    pub default_queue_type: Name,
}

/// How much a virtual host may hold at a time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VhostLimits {
    /// Connections; none is no limit.
    pub max_connections: Option<u32>,
    /// Queues; none is no limit.
    pub max_queues: Option<u32>,
}
