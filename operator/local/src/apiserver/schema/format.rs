//! The named string formats that the API server checks; unknown names allow everything.

use std::net::{Ipv4Addr, Ipv6Addr};

use base64::{Engine, engine::general_purpose::STANDARD};
use k8s_openapi::jiff::{Timestamp, civil::Date};

/// Whether `text` is of the format `name`.
pub(crate) fn matches(name: &str, text: &str) -> bool {
    match name {
        "date-time" | "datetime" => text.parse::<Timestamp>().is_ok(),
        "date" => text.parse::<Date>().is_ok(),
        "duration" => duration(text),
        "ipv4" => text.parse::<Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<Ipv6Addr>().is_ok(),
        "ip" => text.parse::<std::net::IpAddr>().is_ok(),
        "byte" => STANDARD.decode(text.split_whitespace().collect::<String>()).is_ok(),
        "uuid" => uuid(text),
        "uri" => text.parse::<http::Uri>().is_ok_and(|uri| uri.scheme().is_some()),
        "email" => {
            text.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty())
        }
        "hostname" => !text.is_empty() && text.len() <= 253 && !text.contains(char::is_whitespace),
        _ => true,
    }
}

/// Go's durations, as in `1h30m` or `1.5s`.
fn duration(text: &str) -> bool {
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return true;
    }
    if rest.is_empty() {
        return false;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        if rest[..digits].parse::<f64>().is_err() {
            return false;
        }
        let unit = ["ns", "us", "µs", "ms", "s", "m", "h", "d", "w"]
            .into_iter()
            .filter(|unit| rest[digits..].starts_with(unit))
            .max_by_key(|unit| unit.len());
        let Some(unit) = unit else { return false };
        rest = &rest[digits + unit.len()..];
    }
    true
}

fn uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_tell_good_from_bad() {
        #[rustfmt::skip]
        let cases = [
            ("date-time", "2026-01-02T03:04:05Z", true),
            ("date-time", "yesterday",            false),
            ("duration",  "1h30m",                true),
            ("duration",  "1.5ms",                true),
            ("duration",  "1",                    false),
            ("duration",  "",                     false),
            ("ipv4",      "127.0.0.1",            true),
            ("ipv4",      "127.0.0.256",          false),
            ("byte",      "aGk=",                 true),
            ("byte",      "!",                    false),
            ("uuid",      "550e8400-e29b-41d4-a716-446655440000", true),
            ("made-up",   "anything",             true),
        ];
        for (name, text, expected) in cases {
            assert_eq!(matches(name, text), expected, "{name} {text}");
        }
    }
}
