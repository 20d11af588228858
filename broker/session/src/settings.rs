//! What the operator of a broker decides about every connection.

use broker_protocol::table::FieldTable;

/// Limits and identity, shared by all connections of a node.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What the broker says it is. `capabilities` are added by the session, which knows them.
    pub server_properties: FieldTable,

    /// The largest frame in bytes, all of it counted. Default 131,072, at least 4,096.
    pub frame_max: u32,

    /// How many channels there may be at a time, whatever their numbers. Default 2,047.
    pub channel_max: u16,

    /// Seconds between heartbeats that the broker proposes; 0 proposes none. Default 60.
    pub heartbeat_secs: u16,

    /// The largest body in bytes. Default 32 MiB.
    pub max_body: u64,

    /// How many publishes of uncommitted transactions one connection may have, over all its channels.
    /// Default 100,000.
    pub max_uncommitted: usize,

    /// Their bytes. Default 64 MiB.
    pub max_uncommitted_bytes: usize,

    /// How many consumers one connection may have, over all its channels. Default 10,000.
    pub max_consumers: usize,

    /// How many deliveries per consumer may be under way to the socket before more are granted; each
    /// started 4 KiB of a body count as one. Bounds what a client that does not read makes the broker
    /// hold: with the default of 2,048, 8 MiB and one message.
    pub window: u32,

    /// Milliseconds that a client has to get from connecting to an open connection. Default 10,000.
    pub handshake_ms: u64,

    /// Milliseconds that a client has to answer a close before it is cut off. Default 5,000.
    pub close_ms: u64,
}

// === impl Settings ===

impl Default for Settings {
    fn default() -> Self {
        Self {
            server_properties: FieldTable::new(),
            frame_max: 131_072,
            channel_max: 2_047,
            heartbeat_secs: 60,
            max_body: 32 << 20,
            max_uncommitted: 100_000,
            max_uncommitted_bytes: 64 << 20,
            max_consumers: 10_000,
            window: 2_048,
            handshake_ms: 10_000,
            close_ms: 5_000,
        }
    }
}
