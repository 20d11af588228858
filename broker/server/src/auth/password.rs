//! How passwords are stored and checked.
//!
//! New ones are hashed with argon2id and stored as a PHC string. Hashes that come from RabbitMQ, in a
//! definitions file, are kept as they are and checked as RabbitMQ does: base64 of four bytes of salt
//! and the digest of salt and password.

use argon2::password_hash::PasswordVerifier;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use broker_core::access::Password;
use sha2::{Digest, Sha256, Sha512};
use subtle::ConstantTimeEq;

/// What the methods are called in the management API.
const ARGON2ID: &str = "argon2id";
const SHA256: &str = "rabbit_password_hashing_sha256";
const SHA512: &str = "rabbit_password_hashing_sha512";

/// KiB that checking a password that somebody else has hashed may take.
const MOST_MEMORY: u32 = 256 << 10;

/// Passes over that memory, at most.
const MOST_PASSES: u32 = 16;

/// Bytes of salt in front of RabbitMQ's digests.
const SALT: usize = 4;

/// The hash of no password anybody knows: checked when there is none to check, which takes as long.
const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1$ZGVjb3lkZWNveWRlY295$\
                     FpWyOoM7CqKg8HMDd4RUtmqzEV4FtrIdhMflbWbAMR0";

/// What to store of a new password. Takes tens of milliseconds and 19 MiB: not for a shard.
pub(crate) fn hash(secret: &[u8]) -> Option<Password> {
    let hash = Argon2::default().hash_password(secret).ok()?;
    Some(Password::new(&hash.to_string()))
}

/// The same for a password that everybody knows, as guest's: there is nothing to protect, and a node
/// starts and lets in sooner.
pub(crate) fn hash_of_public(secret: &[u8]) -> Option<Password> {
    let params = Params::new(Params::MIN_M_COST, 1, 1, None).ok()?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    Some(Password::new(&argon2.hash_password(secret).ok()?.to_string()))
}

/// Whether `secret` is the password; an empty one never is. Slow for argon2, in any case for none.
pub(crate) fn is_right(password: Option<&Password>, secret: &[u8]) -> bool {
    let stored = password.map_or(DECOY, Password::expose);
    let right = match stored.split_once(':') {
        Some((SHA256, encoded)) => is_salted::<Sha256>(encoded, secret),
        Some((SHA512, encoded)) => is_salted::<Sha512>(encoded, secret),
        _ => Argon2::default().verify_password(secret, stored).is_ok(),
    };
    right && password.is_some() && !secret.is_empty()
}

/// What to store of a hash that somebody else made, by `method` (RabbitMQ's sha256 if there is none).
///
/// # Errors
///
/// Why it can not be checked.
pub(crate) fn import(encoded: &str, method: Option<&str>) -> Result<Password, String> {
    if encoded.starts_with("$argon2") && matches!(method, None | Some(ARGON2ID)) {
        return import_phc(encoded);
    }
    let method = method.unwrap_or(SHA256);
    let length = match method {
        SHA256 => SALT + <Sha256 as Digest>::output_size(),
        SHA512 => SALT + <Sha512 as Digest>::output_size(),
        ARGON2ID => return import_phc(encoded),
        other => return Err(format!("unknown hashing_algorithm: {other}")),
    };
    let decoded = BASE64_STANDARD.decode(encoded).map_err(|_| "password_hash is not base64")?;
    if decoded.len() != length {
        return Err(format!("password_hash is not one of {method}"));
    }
    Ok(Password::new(&format!("{method}:{encoded}")))
}

/// The hash and its method, as [`import`] takes them.
pub(crate) fn export(password: Option<&Password>) -> (&str, &str) {
    let stored = password.map_or("", Password::expose);
    match stored.split_once(':') {
        Some((method, encoded)) => (encoded, method),
        None => (stored, ARGON2ID),
    }
}

fn import_phc(text: &str) -> Result<Password, String> {
    let hash = PasswordHash::new(text).map_err(|_| "password_hash is not a PHC string")?;
    let params = Params::try_from(&hash).map_err(|_| "password_hash has odd parameters")?;
    if params.m_cost() > MOST_MEMORY || params.t_cost() > MOST_PASSES || params.p_cost() > 16 {
        return Err("password_hash is too costly to check".to_owned());
    }
    Ok(Password::new(text))
}

fn is_salted<D: Digest>(encoded: &str, secret: &[u8]) -> bool {
    let Ok(decoded) = BASE64_STANDARD.decode(encoded) else { return false };
    let Some((salt, digest)) = decoded.split_at_checked(SALT) else { return false };
    let found = D::new().chain_update(salt).chain_update(secret).finalize();
    found.as_slice().ct_eq(digest).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `test12` as hashed in RabbitMQ's guide to passwords.
    const FROM_RABBITMQ: &str = "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR";

    #[test]
    fn only_the_password_is_right() {
        let argon2 = hash(b"secret").unwrap();
        let public = hash_of_public(b"guest").unwrap();
        let imported = import(FROM_RABBITMQ, None).unwrap();
        #[rustfmt::skip]
        let cases = [
            (Some(&argon2),   "secret",        true),
            (Some(&argon2),   "Secret",        false),
            (Some(&argon2),   "",              false),
            (Some(&argon2),   argon2.expose(), false),
            (Some(&public),   "guest",         true),
            (Some(&public),   "gues",          false),
            (Some(&imported), "test12",        true),
            (Some(&imported), "test13",        false),
            (Some(&imported), "",              false),
            (None,            "",              false),
            (None,            "secret",        false),
        ];
        for (password, secret, expected) in cases {
            assert_eq!(is_right(password, secret.as_bytes()), expected, "{secret}");
        }
        let blank = hash(b"").unwrap();
        assert!(!is_right(Some(&blank), b""), "a blank password lets nobody in");
    }

    #[test]
    fn the_decoy_costs_what_a_password_costs() {
        let params = |text| Params::try_from(&PasswordHash::new(text).unwrap()).unwrap();
        let hash = hash(b"secret").unwrap();
        let (decoy, real) = (params(DECOY), params(hash.expose()));
        assert_eq!((decoy.m_cost(), decoy.t_cost()), (real.m_cost(), real.t_cost()));
        assert!(!is_right(Some(&Password::new(DECOY)), b"secret"));
    }

    #[test]
    fn hashes_are_imported_and_exported() {
        let argon2 = hash(b"secret").unwrap();
        let sha512 = BASE64_STANDARD.encode([7; 68]);
        for (encoded, method) in
            [(argon2.expose(), ARGON2ID), (FROM_RABBITMQ, SHA256), (sha512.as_str(), SHA512)]
        {
            let password = import(encoded, Some(method)).unwrap();
            assert_eq!(export(Some(&password)), (encoded, method));
        }
        #[rustfmt::skip]
        let bad = [
            ("%%%",         None,                                "not base64"),
            ("aGVsbG8=",    None,                                "not one of"),
            (FROM_RABBITMQ, Some(SHA512),                        "not one of"),
            (FROM_RABBITMQ, Some("rabbit_password_hashing_md5"), "unknown hashing_algorithm"),
            ("$argon2id$x", None,                                "PHC"),
            ("$argon2id$v=19$m=4194304,t=2,p=1$ZGVjb3lkZWNveWRlY295$FpWyOoM7CqKg8HMDd4RUtmqzEV4FtrIdhMflbWbAMR0", None, "too costly"),
        ];
        for (encoded, method, expected) in bad {
            let reason = import(encoded, method).unwrap_err();
            assert!(reason.contains(expected), "{encoded}: {reason}");
        }
    }
}
