//! Logging in and choosing a virtual host.

use std::sync::Arc;

use broker_core::name::Name;
use broker_core::refusal::Refusal;
use broker_protocol::reply::ReplyCode;
use broker_session::{Answer, Login, Mechanism};

use crate::connection::Task;
use crate::link::Event;

// === impl Task ===

impl Task {
    /// Has the credentials checked; the answer comes as an event when that takes long.
    pub(super) fn authenticate(&mut self, login: Login) {
        let peer = self.profile.peer.ip();
        if login.mechanism == Mechanism::External {
            // The certificate was verified in the handshake.
            let right = self.node.authenticator.knows(&login.user, peer);
            return self.login_checked(right);
        }
        if self.node.authenticator.is_slow() {
            let (node, link) = (Arc::clone(&self.node), self.link.clone());
            tokio::spawn(async move {
                let password = login.password.expose().to_vec();
                let right = node.check_login(login.user, password, peer).await;
                link.send(Event::LoginChecked(right));
            });
        } else {
            let right = self.node.authenticator.admits(&login.user, login.password.expose(), peer);
            self.login_checked(right);
        }
    }

    /// The credentials were checked.
    pub(super) fn login_checked(&mut self, right: bool) {
        let user = self.session.user().to_string();
        if right {
            tracing::info!(connection = self.session.id().0, peer = %self.profile.peer, user, "logged in");
            // Set once only: an update of the secret is of the same user.
            let _ = self.profile.user.set(user);
            let _ = self.profile.client.set(self.session.client_properties().clone());
            self.answer(Answer::Done);
        } else {
            tracing::warn!(peer = %self.profile.peer, user, "login refused");
            self.node.metrics.logins_failed.inc();
            let text = "login was refused";
            self.answer(Answer::Refused(Refusal::new(ReplyCode::AccessRefused, text)));
        }
    }

    pub(super) fn open_vhost(&mut self, vhost: Name) {
        if self.node.directory.routes().vhost(&vhost).is_none() {
            let refusal =
                Refusal::new(ReplyCode::NotAllowed, format_args!("vhost {vhost} not found"));
            return self.answer(Answer::Refused(refusal));
        }
        // Set once only: a connection opens one virtual host.
        let _ = self.profile.vhost.set(vhost.to_string());
        self.vhost = vhost;
        self.answer(Answer::Done);
    }
}
