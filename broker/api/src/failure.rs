//! What every unsuccessful answer carries.

use serde::{Deserialize, Serialize};

/// The body of an answer with a status of 400 or above.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// A short, stable word, as in `not_authorised` or `not_found`.
    pub error: String,
    /// The same for a person to read.
    #[serde(default)]
    pub reason: String,
}
