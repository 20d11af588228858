//! Where a broker is and how to log in.

use std::fmt;

/// One broker, as the operator reaches it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Who this broker is to the operator, as in `shop/orders`. Connections are pooled by it, and a new address
    /// or password under the same identity replaces the pooled connections.
    pub cluster: String,
    /// Host name or IP address, without a port.
    pub host: String,
    /// The AMQP port.
    pub port: u16,
    /// The user to log in as.
    pub username: String,
    /// Its password.
    pub password: Password,
}

/// A password that does not show itself in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

// === impl Endpoint ===

impl Endpoint {
    /// `host:port`, with an IPv6 address in brackets.
    pub fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

// === impl Password ===

impl Password {
    /// Wraps a secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret itself, for the wire only.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_never_shows() {
        let password = Password::new("s3cret");
        assert!(!format!("{password:?}").contains("s3cret"));
        assert_eq!(password.reveal(), "s3cret");
    }

    #[test]
    fn an_ipv6_address_is_bracketed() {
        let endpoint = |host: &str| Endpoint {
            cluster: "shop/orders".into(),
            host: host.into(),
            port: 5672,
            username: "u".into(),
            password: Password::new("p"),
        };
        assert_eq!(endpoint("::1").address(), "[::1]:5672");
        assert_eq!(endpoint("127.0.0.1").address(), "127.0.0.1:5672");
    }
}
