//! One virtual host: `GET /api/vhosts`, `/api/vhosts/{name}`.

use serde::{Deserialize, Serialize};

/// A virtual host: a name space of exchanges, queues and bindings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vhost {
    /// Its name.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
}
