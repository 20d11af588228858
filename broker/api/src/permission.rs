//! Permissions: `/api/permissions`, `/api/topic-permissions` and what is below them.

use serde::{Deserialize, Serialize};

/// What one user may do in one vhost, as regular expressions over names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permission {
    /// The user.
    pub user: String,
    /// The vhost.
    pub vhost: String,
    /// What it may make and delete.
    pub configure: String,
    /// What it may write to.
    pub write: String,
    /// What it may read from.
    pub read: String,
}

/// What `PUT /api/permissions/{vhost}/{user}` takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermissionChange {
    /// What the user may make and delete.
    pub configure: String,
    /// What it may write to.
    pub write: String,
    /// What it may read from.
    pub read: String,
}

/// The routing keys that one user may use on one topic exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicPermission {
    /// The user.
    pub user: String,
    /// The vhost.
    pub vhost: String,
    /// The exchange.
    pub exchange: String,
    /// What it may publish with.
    pub write: String,
    /// What it may bind with.
    pub read: String,
}

/// What `PUT /api/topic-permissions/{vhost}/{user}` takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicPermissionChange {
    /// The exchange.
    pub exchange: String,
    /// What the user may publish with.
    pub write: String,
    /// What it may bind with.
    pub read: String,
}
