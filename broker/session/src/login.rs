//! Logging in: what the mechanisms PLAIN and AMQPLAIN carry.

use std::fmt;

use broker_protocol::table::{FieldTable, Value};
use broker_protocol::wire::Reader;

/// A way to log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// User and password (RFC 4616).
    Plain,
    /// User and password in a field table.
    AmqPlain,
    /// What the connection itself has proved, as by a certificate (RFC 4422, appendix A).
    External,
}

/// Who a client says it is, and its proof.
#[derive(Debug)]
pub struct Login {
    /// The mechanism that was used.
    pub mechanism: Mechanism,
    /// The user's name.
    pub user: String,
    /// The password. None is needed with [`Mechanism::External`]; it is empty then.
    pub password: Secret,
}

/// Bytes that are never shown.
pub struct Secret(Box<[u8]>);

// === impl Mechanism ===

impl Mechanism {
    /// The name in `connection.start`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::AmqPlain => "AMQPLAIN",
            Self::External => "EXTERNAL",
        }
    }

    /// Those offered to a client, in order; `certified` if its connection has proved who it is.
    pub(crate) fn offered(certified: bool) -> impl Iterator<Item = Self> {
        [Self::Plain, Self::AmqPlain].into_iter().chain(certified.then_some(Self::External))
    }
}

// === impl Login ===

impl Login {
    /// Reads the response of a mechanism; `None` if it is not one of its. `certified` is who the
    /// connection has proved the client to be: with EXTERNAL that counts, whatever the response is.
    pub(crate) fn parse(
        mechanism: Mechanism,
        response: &[u8],
        certified: Option<&str>,
    ) -> Option<Self> {
        match mechanism {
            Mechanism::Plain => Self::plain(response),
            Mechanism::AmqPlain => Self::amqplain(response),
            Mechanism::External => Some(Self {
                mechanism,
                user: certified?.to_owned(),
                password: Secret(Box::default()),
            }),
        }
    }

    /// RFC 4616: an identity to act for, which is ignored, the user and the password, with a zero before each of the last two.
    fn plain(response: &[u8]) -> Option<Self> {
        let mut parts = response.splitn(3, |octet| *octet == 0);
        let (_, user, password) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self {
            mechanism: Mechanism::Plain,
            user: str::from_utf8(user).ok()?.to_owned(),
            password: Secret(password.into()),
        })
    }

    /// A field table without its length, with `LOGIN` and `PASSWORD`.
    fn amqplain(response: &[u8]) -> Option<Self> {
        let mut counted = u32::try_from(response.len()).ok()?.to_be_bytes().to_vec();
        counted.extend_from_slice(response);
        let table = FieldTable::decode(&mut Reader::new(&counted)).ok()?;
        let Some(Value::String(password)) = table.get("PASSWORD") else { return None };
        Some(Self {
            mechanism: Mechanism::AmqPlain,
            user: table.get("LOGIN")?.as_str()?.to_owned(),
            password: Secret(password.clone()),
        })
    }
}

// === impl Secret ===

impl Secret {
    /// The bytes, to be compared in constant time and nothing else.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::{Login, Mechanism};

    type Case = (Mechanism, &'static [u8], Option<(&'static str, &'static [u8])>);

    #[test]
    fn responses_are_read() {
        use Mechanism::{AmqPlain, External, Plain};
        #[rustfmt::skip]
        let cases: [Case; 7] = [
            (Plain,    b"\0guest\0secret",       Some(("guest", b"secret"))),
            (Plain,    b"other\0guest\0secret",  Some(("guest", b"secret"))),
            (Plain,    b"\0guest\0sec\0ret",     Some(("guest", b"sec\0ret"))),
            (Plain,    b"\0guest",               None),
            (AmqPlain, b"\x05LOGINS\0\0\0\x01u\x08PASSWORDS\0\0\0\x01p", Some(("u", b"p"))),
            (AmqPlain, b"\x05LOGINS\0\0\0\x01u", None),
            (External, b"\0guest\0secret",       Some(("CN=app", b""))),
        ];
        for (mechanism, response, expected) in cases {
            let login = Login::parse(mechanism, response, Some("CN=app"));
            let found = login.as_ref().map(|login| (&*login.user, login.password.expose()));
            assert_eq!(found, expected, "{mechanism:?} {response:?}");
        }
    }

    #[test]
    fn without_a_certificate_nothing_is_proved() {
        assert!(Login::parse(Mechanism::External, b"CN=app", None).is_none());
        assert!(Mechanism::offered(false).all(|mechanism| mechanism != Mechanism::External));
    }

    #[test]
    fn a_password_is_not_shown() {
        let login = Login::parse(Mechanism::Plain, b"\0guest\0hunter2", None);
        assert!(!format!("{login:?}").contains("hunter2"));
    }
}
