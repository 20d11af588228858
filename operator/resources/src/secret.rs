//! The Secret: credentials, and how to connect, for the broker and for applications alike.
//!
//! The keys are those of the Service Binding specification (servicebinding.io), so that frameworks
//! which know it connect by mounting the Secret.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;
use operator_api::BrokerCluster;

use crate::{credentials::Credentials, names, owner, ports::AMQP};

/// The Secret with these credentials.
pub fn secret(cluster: &BrokerCluster, credentials: &Credentials) -> Secret {
    let host = names::host(cluster);
    let entries = [
        ("host", host.clone()),
        ("password", credentials.password.clone()),
        ("port", AMQP.number.to_string()),
        ("provider", "warren".to_owned()),
        ("type", "amqp".to_owned()),
        ("uri", uri(credentials, &host, AMQP.number)),
        ("username", credentials.username.clone()),
    ];
    let data: BTreeMap<_, _> = entries
        .into_iter()
        .map(|(key, value)| (key.to_owned(), k8s_openapi::ByteString(value.into_bytes())))
        .collect();
    Secret {
        metadata: owner::child(cluster, names::secret(cluster)),
        type_: Some("Opaque".to_owned()),
        data: Some(data),
        ..Secret::default()
    }
}

/// The AMQP URI of the default virtual host (RabbitMQ's URI specification).
pub fn uri(credentials: &Credentials, host: &str, port: u16) -> String {
    format!(
        "amqp://{}:{}@{host}:{port}/%2F",
        escape(&credentials.username),
        escape(&credentials.password)
    )
}

/// Percent-encodes all but the unreserved characters (RFC 3986, section 2.3).
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(char::from(byte));
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use operator_api::{BrokerCluster, cluster::BrokerClusterSpec};

    use super::{secret, uri};
    use crate::credentials::Credentials;

    #[test]
    fn what_is_written_is_what_is_read_again() {
        let mut cluster = BrokerCluster::new("orders", BrokerClusterSpec::default());
        cluster.metadata.namespace = Some("shop".into());
        let credentials = Credentials { username: "shop".into(), password: "p@ss".into() };

        let secret = secret(&cluster, &credentials);

        assert_eq!(Credentials::from_secret(&secret), Some(credentials));
        let data = secret.data.expect("data");
        let text = |key: &str| String::from_utf8(data[key].0.clone()).expect("text");
        assert_eq!((text("host"), text("port")), ("orders.shop.svc".into(), "5672".into()));
        assert_eq!(text("uri"), "amqp://shop:p%40ss@orders.shop.svc:5672/%2F");
    }

    #[test]
    fn a_uri_survives_any_password() {
        #[rustfmt::skip]
        let cases = [
            ("shop", "s3cret",    "amqp://shop:s3cret@orders.shop.svc:5672/%2F"),
            ("a@b",  "p:/?#[]@%", "amqp://a%40b:p%3A%2F%3F%23%5B%5D%40%25@orders.shop.svc:5672/%2F"),
            ("ü",    "a b",       "amqp://%C3%BC:a%20b@orders.shop.svc:5672/%2F"),
        ];
        for (username, password, expected) in cases {
            let credentials = Credentials { username: username.into(), password: password.into() };
            assert_eq!(uri(&credentials, "orders.shop.svc", 5672), expected);
        }
    }
}
