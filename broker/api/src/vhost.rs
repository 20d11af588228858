//! One virtual host: `/api/vhosts`, `/api/vhosts/{name}`.

use serde::{Deserialize, Serialize};

use crate::lenient;

/// A virtual host: a name space of exchanges, queues and bindings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vhost {
    /// Its name.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Likewise, for tools.
    #[serde(default, deserialize_with = "lenient::tags")]
    pub tags: Vec<String>,
    /// The type of queues that are declared without one.
    #[serde(default)]
    pub default_queue_type: String,
    /// Always false: messages are not traced.
    #[serde(default)]
    pub tracing: bool,
}

/// What `PUT /api/vhosts/{name}` takes. What it does not say stays as it was.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VhostChange {
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Likewise, for tools.
    #[serde(deserialize_with = "lenient::some_tags", skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// `classic` or `quorum`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_queue_type: Option<String>,
}
