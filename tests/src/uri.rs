//! AMQP addresses: `amqp://user:password@host:port/vhost`.

use std::str::FromStr;

use anyhow::{Context, Error, bail};

/// Where a broker is and who we are to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uri {
    /// Name or address, without brackets.
    pub host: String,
    /// Defaults to 5672.
    pub port: u16,
    /// Defaults to `guest`.
    pub user: String,
    /// Defaults to `guest`.
    pub password: String,
    /// Defaults to `/`.
    pub vhost: String,
}

// === impl Uri ===

impl Uri {
    /// The broker at `host` and `port`, as the default user.
    pub fn local(host: impl Into<String>, port: u16) -> Self {
        let guest = || "guest".to_owned();
        Self { host: host.into(), port, user: guest(), password: guest(), vhost: "/".into() }
    }

    /// `host:port`, as sockets want it.
    pub fn address(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

impl std::fmt::Display for Uri {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (user, password) = (encode(&self.user), encode(&self.password));
        write!(out, "amqp://{user}:{password}@{}/{}", self.address(), encode(&self.vhost))
    }
}

impl FromStr for Uri {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let Some(rest) = text.strip_prefix("amqp://") else {
            bail!("{text}: an address begins with amqp://");
        };
        let (authority, vhost) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, place) = authority.rsplit_once('@').unwrap_or(("guest:guest", authority));
        let (user, password) = login.split_once(':').unwrap_or((login, "guest"));
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().context("port")?),
            _ => (place, 5672),
        };
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
            user: decode(user)?,
            password: decode(password)?,
            vhost: if vhost.is_empty() { "/".into() } else { decode(vhost)? },
        })
    }
}

fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).into() } else { format!("%{byte:02x}") })
        .collect()
}

fn decode(text: &str) -> Result<String, Error> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits: Vec<u8> = rest.by_ref().take(2).collect();
        let digits = str::from_utf8(&digits).ok().filter(|digits| digits.len() == 2);
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.context("a percent sign needs two digits")?);
    }
    Ok(String::from_utf8(bytes)?)
}

#[cfg(test)]
mod tests {
    use super::Uri;

    #[test]
    fn addresses_are_read_as_clients_write_them() {
        #[rustfmt::skip]
        let cases = [
            ("amqp://localhost",                 "amqp://guest:guest@localhost:5672/%2f"),
            ("amqp://127.0.0.1:5673/",           "amqp://guest:guest@127.0.0.1:5673/%2f"),
            ("amqp://a:b%40c@host/shop",         "amqp://a:b%40c@host:5672/shop"),
            ("amqp://a:b@[::1]:1/%2f",           "amqp://a:b@[::1]:1/%2f"),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<Uri>().unwrap().to_string(), expected, "{text}");
        }
        assert!("http://localhost".parse::<Uri>().is_err());
        assert!("amqp://a:%4@host".parse::<Uri>().is_err());
    }
}
