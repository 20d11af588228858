//! Who the caller is: `GET /api/whoami`.

use serde::{Deserialize, Serialize};

/// The authenticated caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhoAmI {
    /// The user's name.
    pub name: String,
    /// Its tags, as in `administrator`.
    #[serde(default)]
    pub tags: Vec<String>,
}
