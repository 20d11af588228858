//! What a connection makes of TLS, and of clients that come to the wrong port.

use crate::connection::Task;
use crate::tls::stream::Established;

/// What TLS begins with: a handshake record, of version 3.
const CLIENT_HELLO: &[u8] = &[0x16, 0x03];

// === impl Task ===

impl Task {
    /// The client and the broker have agreed on TLS: who it is may be known already.
    pub(super) fn established(&mut self, established: Established) {
        let Established { version, cipher_suite, peer } = &established;
        let connection = self.session.id().0;
        let subject = peer.as_ref().map(|peer| peer.subject.as_str());
        tracing::debug!(connection, version, cipher_suite, subject, "TLS established");
        if let Some(user) = peer.as_ref().and_then(|peer| peer.user.as_ref()) {
            self.session.certified(user);
        } else if let Some(subject) = subject {
            tracing::warn!(
                connection,
                subject,
                "the certificate does not name a user as it should"
            );
        }
        // Set once only: there is one handshake.
        let _ = self.profile.tls.set(established);
    }

    /// Says in the log why a client that speaks TLS gets nowhere here.
    pub(super) fn look_at_first_bytes(&mut self) {
        if !self.socket.is_secure() && self.socket.input().starts_with(CLIENT_HELLO) {
            let (connection, peer) = (self.session.id().0, self.profile.peer);
            tracing::warn!(connection, %peer, "a client speaks TLS on a port without it");
        }
    }
}
