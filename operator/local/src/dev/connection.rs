//! The AMQP URL: which Service clients reach from outside, and with whose credentials.

use std::net::SocketAddr;

use k8s_openapi::api::core::v1::{Secret, Service};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Client, ResourceExt};
use tokio::sync::watch;

use crate::services::ServiceKey;
use crate::watches::Watches;

/// Knows the URL as soon as there is one.
pub(super) struct Connection {
    address: SocketAddr,
    chosen: watch::Receiver<Option<ServiceKey>>,
    services: Store<Service>,
    secrets: Store<Secret>,
    watches: Watches,
}

// === impl Connection ===

impl Connection {
    /// Follows Services and Secrets; `address` is where the chosen Service is reached.
    pub(super) fn new(
        client: Client,
        address: SocketAddr,
        chosen: watch::Receiver<Option<ServiceKey>>,
    ) -> Self {
        let mut watches = Watches::new(client);
        let (services, secrets) = (watches.follow(), watches.follow());
        Self { address, chosen, services, secrets, watches }
    }

    /// Tells when the URL may have changed.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.watches.changes()
    }

    /// The URL, once a Service was chosen and its Secret exists.
    pub(super) fn url(&self) -> Option<String> {
        let (namespace, name) = self.chosen.borrow().clone()?;
        let service = self.services.get(&ObjectRef::new(&name).within(&namespace))?;
        let secrets = self.secrets.state();
        let (username, password) =
            secrets.iter().find_map(|secret| credentials(secret, &service))?;
        let (username, password) = (escaped(&username), escaped(&password));
        Some(format!("amqp://{username}:{password}@{}/%2F", self.address))
    }
}

/// Username and password of a Secret with the same owner as the Service.
fn credentials(secret: &Secret, service: &Service) -> Option<(String, String)> {
    let same_owner = service
        .owner_references()
        .iter()
        .any(|owner| secret.owner_references().iter().any(|other| other.uid == owner.uid));
    if secret.namespace() != service.namespace() || !same_owner {
        return None;
    }
    let data = secret.data.as_ref()?;
    let text = |key: &str| String::from_utf8(data.get(key)?.0.clone()).ok();
    Some((text("username")?, text("password")?))
}

/// Percent-encodes everything but what RFC 3986 calls unreserved.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(char::from(byte));
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn credentials_belong_to_the_services_owner() {
        let service: Service = serde_json::from_value(json!({"metadata": {
            "name": "orders", "namespace": "shop",
            "ownerReferences": [{"apiVersion": "x", "kind": "y", "name": "orders", "uid": "1"}],
        }}))
        .unwrap();
        let secret = |namespace: &str, owner: &str, data: serde_json::Value| -> Secret {
            serde_json::from_value(json!({
                "metadata": {
                    "name": "orders-credentials", "namespace": namespace,
                    "ownerReferences": [{"apiVersion": "x", "kind": "y", "name": "orders", "uid": owner}],
                },
                "data": data,
            }))
            .unwrap()
        };
        let both = json!({"username": "YQ==", "password": "cC93"});
        let found = Some(("a".to_owned(), "p/w".to_owned()));
        assert_eq!(credentials(&secret("shop", "1", both.clone()), &service), found);
        assert_eq!(credentials(&secret("shop", "2", both.clone()), &service), None);
        assert_eq!(credentials(&secret("else", "1", both), &service), None);
        assert_eq!(credentials(&secret("shop", "1", json!({"username": "YQ=="})), &service), None);
    }

    #[test]
    fn a_url_survives_any_password() {
        assert_eq!(escaped("aZ0-._~"), "aZ0-._~");
        assert_eq!(escaped("p@ss:/?#ü"), "p%40ss%3A%2F%3F%23%C3%BC");
    }
}
