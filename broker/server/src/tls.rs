//! TLS for AMQP and the management API: what clients are offered, following files that change.
//!
//! ```text
//!  files ──▶ Tls ── a configuration for each new connection ──▶ stream::Secure ──▶ session
//!    changed? read again; if they cannot be used, the last ones hold
//! ```
//!
//! The cryptography is rustls with ring. What a client has to prove, and which part of its
//! certificate is its name, are decided by [`TlsArgs`].

pub(crate) mod certificate;
mod files;
pub(crate) mod stream;

use std::sync::{Arc, Mutex};

use broker_core::time::Timestamp;
use rustls::ServerConfig;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::args::tls::{LoginFrom, TlsArgs};
use crate::lock::lock;
use crate::tls::certificate::Certificate;
pub(crate) use crate::tls::files::Error;
use crate::tls::files::{Files, Stamp};

/// AMQP clients that shake hands at one time. More wait to be accepted: until a client has proved
/// anything, what it may cost is bounded by this.
const MOST_HANDSHAKES: usize = 1024;

/// Offers TLS to clients.
#[derive(Debug)]
pub(crate) struct Tls {
    files: Files,
    login_from: LoginFrom,
    current: Mutex<Current>,
    handshakes: Arc<Semaphore>,
}

/// What was made of the files, and of which.
#[derive(Debug)]
struct Current {
    stamp: Stamp,
    amqp: Arc<ServerConfig>,
    management: Arc<ServerConfig>,
    expires: Option<Timestamp>,
}

/// What one AMQP client is offered.
#[derive(Debug)]
pub(crate) struct Offer {
    config: Arc<ServerConfig>,
    login_from: LoginFrom,
    /// A place among those who shake hands, given back once this one has.
    _place: Option<OwnedSemaphorePermit>,
}

// === impl Tls ===

impl Tls {
    /// None without a certificate.
    ///
    /// # Errors
    ///
    /// When the files cannot be used: better now than at the first client.
    pub(crate) fn new(args: &TlsArgs) -> Result<Option<Arc<Self>>, Error> {
        let Some(files) = Files::of(args) else { return Ok(None) };
        let current = Mutex::new(Current::read(&files)?);
        let handshakes = Arc::new(Semaphore::new(MOST_HANDSHAKES));
        Ok(Some(Arc::new(Self { files, login_from: args.tls_login_from, current, handshakes })))
    }

    /// A place for a client to shake hands, once there is one.
    pub(crate) async fn place(&self) -> Option<OwnedSemaphorePermit> {
        // The semaphore is never closed.
        Arc::clone(&self.handshakes).acquire_owned().await.ok()
    }

    /// What the next AMQP client is offered, as the files have it now.
    pub(crate) fn offer(&self, place: Option<OwnedSemaphorePermit>) -> Offer {
        let config = self.current(|current| Arc::clone(&current.amqp));
        Offer { config, login_from: self.login_from, _place: place }
    }

    /// What the next client of the management API is offered.
    pub(crate) fn management(&self) -> Arc<ServerConfig> {
        self.current(|current| Arc::clone(&current.management))
    }

    /// When the certificate ends to hold, as the files have it now.
    pub(crate) fn expires(&self) -> Option<Timestamp> {
        self.current(|current| current.expires)
    }

    fn current<T>(&self, take: impl FnOnce(&Current) -> T) -> T {
        let mut current = lock(&self.current);
        let stamp = self.files.stamp();
        if stamp != current.stamp {
            match Current::read(&self.files) {
                Ok(new) => *current = new,
                Err(error) => {
                    tracing::error!(%error, "the certificate for TLS stays what it was");
                    current.stamp = stamp;
                }
            }
        }
        take(&current)
    }
}

// === impl Current ===

impl Current {
    fn read(files: &Files) -> Result<Self, Error> {
        // Taken first: what changes while it is read is read once more.
        let stamp = files.stamp();
        let (amqp, management) = (Arc::new(files.amqp()?), Arc::new(files.management()?));
        let expires = files.expires();
        tracing::info!(file = %files.certificate().display(), "certificate for TLS read");
        Ok(Self { stamp, amqp, management, expires })
    }
}

// === impl Offer ===

impl Offer {
    /// The user that a certificate names, which the handshake has verified.
    fn user(&self, certificate: &Certificate<'_>) -> Option<String> {
        certificate.user(self.login_from)
    }
}

#[cfg(test)]
mod tests;
