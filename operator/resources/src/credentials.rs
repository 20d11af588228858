//! The user that a cluster's clients, and the operator itself, log in as.

use std::fmt;

use k8s_openapi::api::core::v1::Secret;

/// A user name and a password. The password is chosen by the caller, at random, once.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// User name.
    pub username: String,
    /// Password. Never printed.
    pub password: String,
}

// === impl Credentials ===

impl Credentials {
    /// What a Secret holds, whoever wrote it; `None` unless both parts are there, are text and are
    /// not empty. A trailing line break, as editors leave it, is not part of either.
    pub fn from_secret(secret: &Secret) -> Option<Self> {
        let data = secret.data.as_ref()?;
        let text = |key: &str| {
            let text = std::str::from_utf8(&data.get(key)?.0).ok()?.trim_end_matches(['\r', '\n']);
            (!text.is_empty()).then(|| text.to_owned())
        };
        Some(Credentials { username: text("username")?, password: text("password")? })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::{ByteString, api::core::v1::Secret};

    use super::Credentials;

    #[test]
    fn both_parts_are_needed() {
        #[rustfmt::skip]
        let cases = [
            // username              password                     read as
            (Some(&b"shop"[..]),     Some(&b"s3cret"[..]),        Some(("shop", "s3cret"))),
            (Some(&b"shop\n"[..]),   Some(&b"s3cret\r\n"[..]),    Some(("shop", "s3cret"))),
            (Some(&b"shop"[..]),     None,                        None),
            (Some(&b"shop"[..]),     Some(&b""[..]),              None),
            (Some(&b"shop"[..]),     Some(&b"\xff"[..]),          None),
            (None,                   None,                        None),
        ];
        for (username, password, expected) in cases {
            let entries = [("username", username), ("password", password)];
            let entry = |(key, value): (&str, Option<&[u8]>)| {
                Some((key.to_owned(), ByteString(value?.to_vec())))
            };
            let data = entries.into_iter().filter_map(entry).collect();
            let found = Credentials::from_secret(&Secret { data: Some(data), ..Secret::default() });
            let found =
                found.as_ref().map(|found| (found.username.as_str(), found.password.as_str()));
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_password_is_never_printed() {
        let credentials = Credentials { username: "shop".into(), password: "s3cret".into() };

        assert_eq!(format!("{credentials:?}"), r#"Credentials { username: "shop", .. }"#);
    }
}
