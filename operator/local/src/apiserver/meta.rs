//! `metadata`: reading it, and the values that a server puts there.

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use rand::RngExt;
use serde_json::{Map, Value};

/// Characters of generated names; no vowels, so that no words appear.
const NAME_ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// A string in `metadata`, or `""`.
pub(crate) fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object["metadata"][field].as_str().unwrap_or_default()
}

/// `metadata` itself, made an object when it is not one.
pub(crate) fn metadata(object: &mut Value) -> &mut Map<String, Value> {
    if !object["metadata"].is_object() {
        object["metadata"] = Value::Object(Map::new());
    }
    match &mut object["metadata"] {
        Value::Object(map) => map,
        _ => unreachable!("it was made an object just above"),
    }
}

/// Whether a deletion was asked for and waits for finalizers or a grace period.
pub(crate) fn deleting(object: &Value) -> bool {
    !text(object, "deletionTimestamp").is_empty()
}

/// The finalizers, in order.
pub(crate) fn finalizers(object: &Value) -> Vec<&str> {
    let list = object["metadata"]["finalizers"].as_array();
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// `metadata.generation`, 0 when absent.
pub(crate) fn generation(object: &Value) -> i64 {
    object["metadata"]["generation"].as_i64().unwrap_or(0)
}

/// Now, in whole seconds, as Kubernetes writes times.
pub(crate) fn now() -> String {
    seconds(Timestamp::now())
}

/// Some seconds from now.
pub(crate) fn after(delay_seconds: i64) -> String {
    seconds(Timestamp::now() + SignedDuration::from_secs(delay_seconds))
}

fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A version-4 UUID.
pub(crate) fn uid() -> String {
    let mut b: [u8; 16] = rand::rng().random();
    b[6] = (b[6] & 0x0f) | 0x40;
    b[8] = (b[8] & 0x3f) | 0x80;
    let hex: String = b.iter().map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// Five characters after a `generateName`.
pub(crate) fn name_suffix() -> String {
    let mut rng = rand::rng();
    let pick = |_| char::from(NAME_ALPHABET[rng.random_range(0..NAME_ALPHABET.len())]);
    (0..5).map(pick).collect()
}

/// A bearer token that cannot be guessed.
pub(crate) fn random_token() -> String {
    let bytes: [u8; 32] = rand::rng().random();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Why `name` cannot name an object (RFC 1123 subdomain), if it cannot.
pub(crate) fn name_error(name: &str) -> Option<&'static str> {
    let label = |label: &str| {
        let bytes = label.as_bytes();
        let plain = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        bytes.iter().all(|b| plain(b) || *b == b'-')
            && bytes.first().is_some_and(plain)
            && bytes.last().is_some_and(plain)
    };
    if name.len() > 253 {
        return Some("must be no more than 253 characters");
    }
    (!name.split('.').all(label)).then_some(
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' \
         or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex \
         used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dns_subdomains() {
        let cases = [("a", true), ("a.b-c", true), ("A", false), ("-a", false), ("a..b", false)];
        for (name, valid) in cases {
            assert_eq!(name_error(name).is_none(), valid, "{name}");
        }
    }

    #[test]
    fn uids_are_version_four() {
        let uid = uid();
        assert_eq!(uid.len(), 36);
        assert_eq!(&uid[14..15], "4");
    }
}
