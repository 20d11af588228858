//! Logging in: what the mechanisms PLAIN and AMQPLAIN carry.

use std::fmt;

use broker_protocol::table::{FieldTable, Value};
use broker_protocol::wire::Reader;

/// The mechanisms that are offered, as `connection.start` lists them.
pub(crate) const MECHANISMS: &str = "PLAIN AMQPLAIN";

/// Who a client says it is, and its proof.
#[derive(Debug)]
pub struct Login {
    /// The mechanism that was used, as in `PLAIN`.
    pub mechanism: &'static str,
    /// The user's name.
    pub user: String,
    /// The password.
    pub password: Secret,
}

/// Bytes that are never shown.
pub struct Secret(Box<[u8]>);

// === impl Login ===

impl Login {
    /// Reads the response of a mechanism; `None` if the mechanism is not offered or the response is not one of its.
    pub(crate) fn parse(mechanism: &str, response: &[u8]) -> Option<Self> {
        match mechanism {
            "PLAIN" => Self::plain(response),
            "AMQPLAIN" => Self::amqplain(response),
            _ => None,
        }
    }

    /// New credentials of a user who is logged in; `None` if they are empty.
    pub(crate) fn renewed(user: &str, secret: &[u8]) -> Option<Self> {
        let password = Secret(secret.into());
        (!secret.is_empty()).then(|| Self { mechanism: "PLAIN", user: user.to_owned(), password })
    }

    /// RFC 4616: an identity to act for, which is ignored, the user and the password, with a zero before each of the last two.
    fn plain(response: &[u8]) -> Option<Self> {
        let mut parts = response.splitn(3, |octet| *octet == 0);
        let (_, user, password) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self {
            mechanism: "PLAIN",
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
            mechanism: "AMQPLAIN",
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
    use super::Login;

    type Case = (&'static str, &'static [u8], Option<(&'static str, &'static [u8])>);

    #[test]
    fn responses_are_read() {
        #[rustfmt::skip]
        let cases: [Case; 7] = [
            ("PLAIN",    b"\0guest\0secret",       Some(("guest", b"secret"))),
            ("PLAIN",    b"other\0guest\0secret",  Some(("guest", b"secret"))),
            ("PLAIN",    b"\0guest\0sec\0ret",     Some(("guest", b"sec\0ret"))),
            ("PLAIN",    b"\0guest",               None),
            ("AMQPLAIN", b"\x05LOGINS\0\0\0\x01u\x08PASSWORDS\0\0\0\x01p", Some(("u", b"p"))),
            ("AMQPLAIN", b"\x05LOGINS\0\0\0\x01u", None),
            ("EXTERNAL", b"",                      None),
        ];
        for (mechanism, response, expected) in cases {
            let login = Login::parse(mechanism, response);
            let found = login.as_ref().map(|login| (&*login.user, login.password.expose()));
            assert_eq!(found, expected, "{mechanism} {response:?}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let login = Login::parse("PLAIN", b"\0guest\0hunter2");
        assert!(!format!("{login:?}").contains("hunter2"));
    }
}
