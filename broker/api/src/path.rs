//! Paths of the API, with names percent-encoded.

use std::fmt::Write;

/// `/api/queues/{vhost}/{name}`.
pub fn queue(vhost: &str, name: &str) -> String {
    format!("/api/queues/{}/{}", encode(vhost), encode(name))
}

/// `/api/exchanges/{vhost}/{name}`; the default exchange is `amq.default`.
pub fn exchange(vhost: &str, name: &str) -> String {
    let name = if name.is_empty() { "amq.default" } else { name };
    format!("/api/exchanges/{}/{}", encode(vhost), encode(name))
}

/// `/api/bindings/{vhost}`.
pub fn bindings(vhost: &str) -> String {
    format!("/api/bindings/{}", encode(vhost))
}

/// Percent-encodes everything but the unreserved characters of RFC 3986, section 2.3.
pub fn encode(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_encoded() {
        #[rustfmt::skip]
        let cases = [
            ("/",       "%2F"),
            ("a b",     "a%20b"),
            ("größe",   "gr%C3%B6%C3%9Fe"),
            ("a-b._~1", "a-b._~1"),
        ];
        for (name, expected) in cases {
            assert_eq!(encode(name), expected);
        }
        assert_eq!(queue("/", "a/b"), "/api/queues/%2F/a%2Fb");
        assert_eq!(exchange("/", ""), "/api/exchanges/%2F/amq.default");
    }
}
