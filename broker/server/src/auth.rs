//! Who may log in.
//!
//! Without `--credentials-dir` there is the user guest with the password guest, and only from
//! loopback. With it there is the one user that the directory names, as a mounted Secret does; the
//! files are read again when they change, so rotating the Secret needs no restart.
//!
//! Secrets are compared in constant time and never logged. A wrong user costs as much as a wrong
//! password.

mod credentials;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Mutex;

pub(crate) use crate::auth::credentials::Error;
use crate::auth::credentials::{Credentials, Watched};
use crate::lock::lock;

/// Decides on logins.
#[derive(Debug)]
pub(crate) struct Authenticator {
    source: Source,
}

#[derive(Debug)]
enum Source {
    /// guest/guest; `remote` lifts the restriction to loopback.
    Guest { user: Credentials, remote: bool },
    /// The user that a directory names.
    Directory(Mutex<Watched>),
}

// === impl Authenticator ===

impl Authenticator {
    /// With the user of `directory`, or guest when there is none.
    ///
    /// # Errors
    ///
    /// When the directory does not hold readable credentials: better now than at the first login.
    pub(crate) fn new(directory: Option<PathBuf>, guest_remote: bool) -> Result<Self, Error> {
        let source = match directory {
            Some(directory) => Source::Directory(Mutex::new(Watched::open(directory)?)),
            None => {
                Source::Guest { user: Credentials::new("guest", "guest"), remote: guest_remote }
            }
        };
        Ok(Self { source })
    }

    /// Whether `password` proves that this is `user`, who may come from `peer`.
    ///
    /// Takes tens of milliseconds when the stored password is hashed: call it where that is no harm.
    pub(crate) fn admits(&self, user: &str, password: &[u8], peer: IpAddr) -> bool {
        match &self.source {
            Source::Guest { user: guest, remote } => {
                guest.admit(user, password) & (*remote || is_loopback(peer))
            }
            Source::Directory(watched) => {
                let credentials = lock(watched).current();
                credentials.admit(user, password)
            }
        }
    }

    /// Whether there is a user of this name who may come from `peer`; for clients that have proved
    /// otherwise who they are.
    pub(crate) fn knows(&self, user: &str, peer: IpAddr) -> bool {
        match &self.source {
            Source::Guest { user: guest, remote } => {
                guest.is_of(user) && (*remote || is_loopback(peer))
            }
            Source::Directory(watched) => lock(watched).current().is_of(user),
        }
    }

    /// Whether checking a login is slow, because the stored password is hashed.
    pub(crate) fn is_slow(&self) -> bool {
        match &self.source {
            Source::Guest { .. } => false,
            Source::Directory(watched) => lock(watched).current().is_hashed(),
        }
    }
}

/// Loopback, also when written as an IPv4 address in IPv6.
fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guest_comes_from_loopback_only() {
        #[rustfmt::skip]
        let cases = [
            ("guest", "guest", "127.0.0.1",        false, true),
            ("guest", "guest", "127.9.9.9",        false, true),
            ("guest", "guest", "::1",              false, true),
            ("guest", "guest", "::ffff:127.0.0.1", false, true),
            ("guest", "guest", "10.0.0.1",         false, false),
            ("guest", "guest", "10.0.0.1",         true,  true),
            ("guest", "wrong", "127.0.0.1",        false, false),
            ("Guest", "guest", "127.0.0.1",        false, false),
            ("guest", "",      "127.0.0.1",        false, false),
        ];
        for (user, password, peer, remote, expected) in cases {
            let auth = Authenticator::new(None, remote).unwrap();
            let admitted = auth.admits(user, password.as_bytes(), peer.parse().unwrap());
            assert_eq!(admitted, expected, "{user} from {peer}");
        }
    }

    #[test]
    fn a_directory_replaces_guest_and_is_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let write = |user: &str, password: &str| {
            std::fs::write(directory.path().join("username"), user).unwrap();
            std::fs::write(directory.path().join("password"), password).unwrap();
        };
        write("app\n", "first\n");
        let auth = Authenticator::new(Some(directory.path().to_owned()), false).unwrap();
        let peer: IpAddr = "10.0.0.1".parse().unwrap();
        assert!(!auth.admits("guest", b"guest", "127.0.0.1".parse().unwrap()));
        assert!(auth.admits("app", b"first", peer));
        write("app", "the second");
        assert!(!auth.admits("app", b"first", peer));
        assert!(auth.admits("app", b"the second", peer));
        std::fs::remove_file(directory.path().join("password")).unwrap();
        assert!(auth.admits("app", b"the second", peer), "the last good ones hold");
    }

    #[test]
    fn a_directory_without_credentials_is_refused_at_the_start() {
        let directory = tempfile::tempdir().unwrap();
        let error = Authenticator::new(Some(directory.path().to_owned()), false).unwrap_err();
        assert!(error.to_string().contains("username"), "{error}");
    }
}
