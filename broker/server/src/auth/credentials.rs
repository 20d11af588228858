//! One user and its password, and the directory they are read from.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use argon2::password_hash::phc::PasswordHash;
use broker_core::access::Password;
use subtle::ConstantTimeEq;

/// A file in the credentials directory larger than this is not a name or a password.
const MAX_BYTES: u64 = 4096;

/// A user's name and password, or the password's argon2 hash.
#[derive(Clone)]
pub(crate) struct Credentials {
    user: String,
    plain: Box<str>,
    hashed: Option<Password>,
}

/// Credentials that follow their files.
#[derive(Debug)]
pub(crate) struct Watched {
    directory: PathBuf,
    stamp: Stamp,
    credentials: Arc<Credentials>,
}

/// What tells that a file was replaced or rewritten.
type Stamp = [Option<(SystemTime, u64)>; 2];

/// Why the credentials directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{} {problem}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
}

// === impl Credentials ===

impl Credentials {
    fn new(user: &str, password: &str) -> Self {
        let hashed = password.starts_with("$argon2").then(|| Password::new(password));
        Self { user: user.to_owned(), plain: password.into(), hashed }
    }

    pub(super) fn user(&self) -> &str {
        &self.user
    }

    /// Whether they are this user's.
    pub(super) fn is_of(&self, user: &str) -> bool {
        self.user.as_bytes().ct_eq(user.as_bytes()).into()
    }

    /// The password, if it is kept as an argon2 PHC string.
    pub(super) fn hashed(&self) -> Option<&Password> {
        self.hashed.as_ref()
    }

    /// Whether this is the password, if it is kept as it is.
    pub(super) fn is_plain(&self, secret: &[u8]) -> bool {
        self.hashed.is_none() && bool::from(self.plain.as_bytes().ct_eq(secret))
    }

    fn read(directory: &Path) -> Result<Self, Error> {
        let user = read(&directory.join("username"))?;
        let path = directory.join("password");
        let password = read(&path)?;
        let credentials = Self::new(&user, &password);
        if credentials.hashed.is_some() && PasswordHash::new(&credentials.plain).is_err() {
            return Err(Error::Unusable {
                path,
                problem: "looks like an argon2 hash but is not one",
            });
        }
        Ok(credentials)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

// === impl Watched ===

impl Watched {
    pub(crate) fn open(directory: PathBuf) -> Result<Self, Error> {
        let stamp = stamp(&directory);
        let credentials = Arc::new(Credentials::read(&directory)?);
        Ok(Self { directory, stamp, credentials })
    }

    /// The credentials as the files have them now, or the last good ones while they have none.
    pub(crate) fn current(&mut self) -> Arc<Credentials> {
        let stamp = stamp(&self.directory);
        if stamp != self.stamp {
            match Credentials::read(&self.directory) {
                Ok(credentials) => {
                    tracing::info!(directory = %self.directory.display(), "credentials read again");
                    self.credentials = Arc::new(credentials);
                }
                Err(error) => tracing::warn!(%error, "credentials kept as they were"),
            }
            self.stamp = stamp;
        }
        Arc::clone(&self.credentials)
    }
}

fn stamp(directory: &Path) -> Stamp {
    ["username", "password"].map(|file| {
        let metadata = fs::metadata(directory.join(file)).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    })
}

/// A file's text without the line end that editors put there.
fn read(path: &Path) -> Result<String, Error> {
    let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
    let unusable = |problem| Error::Unusable { path: path.to_owned(), problem };
    if fs::metadata(path).map_err(unreadable)?.len() > MAX_BYTES {
        return Err(unusable("is larger than 4 KiB"));
    }
    let text = fs::read_to_string(path).map_err(unreadable)?;
    let text = text.trim_end_matches(['\n', '\r']);
    if text.is_empty() {
        return Err(unusable("is empty"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hashed_password_is_no_plain_one() {
        let hash = "$argon2id$v=19$m=8,t=1,p=1$ZGVjb3k$ZGVjb3k";
        let credentials = Credentials::new("app", hash);
        assert!(credentials.hashed().is_some() && !credentials.is_plain(hash.as_bytes()));
        let credentials = Credentials::new("app", "secret");
        assert!(credentials.is_plain(b"secret") && !credentials.is_plain(b"Secret"));
        assert!(credentials.is_of("app") && !credentials.is_of("App"));
    }

    #[test]
    fn the_password_is_not_printed() {
        let text = format!("{:?}", Credentials::new("app", "hidden"));
        assert!(text.contains("app") && !text.contains("hidden"));
    }
}
