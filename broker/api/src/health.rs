//! The probes: `GET /health/live` and `GET /health/ready`, without credentials.

use serde::{Deserialize, Serialize};

/// Whether the probe passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// Answered with 200.
    Ok,
    /// Answered with 503; `reason` says why.
    Failed,
}

/// The body of a probe's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Whether the probe passed.
    pub status: HealthStatus,
    /// Why not, when it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
