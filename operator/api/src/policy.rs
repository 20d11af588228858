//! What becomes of a broker object when its resource goes, and when it was there before.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What happens in the broker when the resource is deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// The broker object is removed too, with the messages in it.
    #[default]
    Delete,
    /// The broker object stays as it is and is no longer managed.
    Retain,
}

/// Whether an object that already exists in the broker may be taken over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Adoption {
    /// Taken over when every attribute agrees with the manifest, refused otherwise.
    #[default]
    IfIdentical,
    /// Refused: the resource manages only what it declared itself.
    Never,
}
