//! Users: `GET /api/whoami`, `/api/users`, `/api/users/{name}`.

use serde::{Deserialize, Serialize};

use crate::lenient;
use crate::limits::LimitValues;

/// The authenticated caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhoAmI {
    /// The user's name.
    pub name: String,
    /// Its tags, as in `administrator`.
    #[serde(default)]
    pub tags: Vec<String>,
}

/// A user, without what is permitted to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Its name.
    pub name: String,
    /// The password's hash; empty if no password is right.
    #[serde(default)]
    pub password_hash: String,
    /// What made the hash: `argon2id`, or RabbitMQ's `rabbit_password_hashing_sha256` and `_sha512`.
    #[serde(default)]
    pub hashing_algorithm: String,
    /// Its tags, as in `administrator`.
    #[serde(default, deserialize_with = "lenient::tags")]
    pub tags: Vec<String>,
    /// How much it may use: `max-connections`, `max-channels`.
    #[serde(default, deserialize_with = "lenient::limits")]
    pub limits: LimitValues,
}

/// What `PUT /api/users/{name}` takes: at most one of password and hash.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UserChange {
    /// The password itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// A hash that was made elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_hash: Option<String>,
    /// What made it; `rabbit_password_hashing_sha256` if it does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hashing_algorithm: Option<String>,
    /// A list, or one string with commas. Needed.
    #[serde(deserialize_with = "lenient::some_tags", skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
}

/// What `POST /api/users/bulk-delete` takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BulkDelete {
    /// The users' names; those that do not exist are ignored.
    pub users: Vec<String>,
}
