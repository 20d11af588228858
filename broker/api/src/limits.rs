//! Limits: `/api/vhost-limits`, `/api/user-limits` and what is below them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Limits by name, as in `max-connections`; one that is missing or negative does not limit.
pub type LimitValues = BTreeMap<String, i64>;

/// The limits of one vhost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VhostLimits {
    /// The vhost.
    pub vhost: String,
    /// `max-connections`, `max-queues`.
    pub value: LimitValues,
}

/// The limits of one user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserLimits {
    /// The user.
    pub user: String,
    /// `max-connections`, `max-channels`.
    pub value: LimitValues,
}

/// What `PUT /api/vhost-limits/{vhost}/{name}` and `/api/user-limits/{user}/{name}` take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitChange {
    /// The limit; negative for none.
    pub value: i64,
}
