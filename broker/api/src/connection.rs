//! One client connection: `GET /api/connections`.

use serde::{Deserialize, Serialize};

use crate::arguments::Arguments;

/// A client connection that is open now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Connection {
    /// `PEER -> LOCAL`, unique among the connections that are open at one time.
    pub name: String,
    /// The node that holds the connection.
    #[serde(default)]
    pub node: String,
    /// The authenticated user; empty until the login is done.
    #[serde(default)]
    pub user: String,
    /// The vhost; empty until the client opened one.
    #[serde(default)]
    pub vhost: String,
    /// `starting`, `running`, `blocked` or `closing`.
    #[serde(default)]
    pub state: String,
    /// The client's address.
    #[serde(default)]
    pub peer_host: String,
    /// The client's port.
    #[serde(default)]
    pub peer_port: u16,
    /// Channels that are open on the connection.
    #[serde(default)]
    pub channels: u64,
    /// Bytes received from the client.
    #[serde(default)]
    pub recv_oct: u64,
    /// Bytes sent to the client.
    #[serde(default)]
    pub send_oct: u64,
    /// When the connection was accepted, in milliseconds since the Unix epoch.
    #[serde(default)]
    pub connected_at: u64,
    /// What the client said of itself (`connection.start-ok`, client-properties).
    #[serde(default)]
    pub client_properties: Arguments,
}
