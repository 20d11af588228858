//! Passwords that were right before, so that a client that comes again costs no slow hash.
//!
//! What is kept is a hash under a key that this process drew at its start and shows nobody, beside the
//! stored password it was right for: when that changes, the old one proves nothing any more.

use std::sync::Mutex;

use broker_core::access::Password;
use hashbrown::HashMap;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::lock::lock;
use crate::random;

/// Users that are remembered; one more and all are forgotten, which costs each a slow hash.
const MOST: usize = 100_000;

/// What was proven, by user.
pub(super) struct Proven {
    key: [u8; 32],
    known: Mutex<HashMap<Box<str>, Proof>>,
}

/// A secret that was right, as a digest, and the stored password it was right for.
struct Proof {
    password: Password,
    digest: [u8; 32],
}

// === impl Proven ===

impl Proven {
    pub(super) fn new() -> Self {
        Self { key: random::bytes(), known: Mutex::default() }
    }

    /// Whether this very secret was right for this stored password before.
    pub(super) fn knows(&self, user: &str, password: &Password, secret: &[u8]) -> bool {
        let digest = self.digest(user, secret);
        lock(&self.known).get(user).is_some_and(|proof| {
            proof.password == *password && bool::from(proof.digest.ct_eq(&digest))
        })
    }

    /// The secret was right.
    pub(super) fn learn(&self, user: &str, password: &Password, secret: &[u8]) {
        let digest = self.digest(user, secret);
        let mut known = lock(&self.known);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(user.into(), Proof { password: password.clone(), digest });
    }

    fn digest(&self, user: &str, secret: &[u8]) -> [u8; 32] {
        let length = (user.len() as u64).to_le_bytes();
        let hash = Sha256::new().chain_update(self.key).chain_update(length);
        hash.chain_update(user).chain_update(secret).finalize().into()
    }
}

impl std::fmt::Debug for Proven {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Proven")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_right_is_known_until_it_changes() {
        let proven = Proven::new();
        let (first, second) = (Password::new("first"), Password::new("second"));
        assert!(!proven.knows("u", &first, b"secret"));
        proven.learn("u", &first, b"secret");
        assert!(proven.knows("u", &first, b"secret"));
        assert!(!proven.knows("u", &first, b"other"));
        assert!(!proven.knows("v", &first, b"secret"));
        assert!(!proven.knows("u", &second, b"secret"), "the password was changed");
    }
}
