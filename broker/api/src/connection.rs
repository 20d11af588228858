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
    /// The broker's address.
    #[serde(default)]
    pub host: String,
    /// The broker's port.
    #[serde(default)]
    pub port: u16,
    /// Always `AMQP 0-9-1`.
    #[serde(default)]
    pub protocol: String,
    /// Always `network`.
    #[serde(default, rename = "type")]
    pub kind: String,
    /// What the client calls the connection (client property `connection_name`).
    #[serde(default)]
    pub user_provided_name: Option<String>,
    /// The user again, under the name of those who keep records.
    #[serde(default)]
    pub user_who_performed_action: String,
    /// The largest frame in bytes that was agreed on; 0 until then, as what follows.
    #[serde(default)]
    pub frame_max: u32,
    /// How many channels there may be.
    #[serde(default)]
    pub channel_max: u16,
    /// Seconds between heartbeats; 0 also for none.
    #[serde(default)]
    pub timeout: u64,
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
    /// Whether the client speaks TLS.
    #[serde(default)]
    pub ssl: bool,
    /// The version of TLS, as in `tlsv1.3`; none without TLS, as what follows.
    #[serde(default)]
    pub ssl_protocol: Option<String>,
    /// The cipher suite, as in `TLS13_AES_256_GCM_SHA384`.
    #[serde(default)]
    pub ssl_cipher: Option<String>,
    /// Whom the client's certificate is for, as in `CN=app,O=Example`; none if it has shown none.
    #[serde(default)]
    pub peer_cert_subject: Option<String>,
    /// Who signed the client's certificate.
    #[serde(default)]
    pub peer_cert_issuer: Option<String>,
    /// From when until when the client's certificate holds.
    #[serde(default)]
    pub peer_cert_validity: Option<String>,
    /// What the client said of itself (`connection.start-ok`, client-properties).
    #[serde(default)]
    pub client_properties: Arguments,
}
