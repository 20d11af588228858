//! Logging in and choosing a virtual host.

use std::sync::Arc;

use broker_core::access::Actor;
use broker_core::name::Name;
use broker_core::refusal::Refusal;
use broker_protocol::reply::ReplyCode;
use broker_session::{Answer, Login, Mechanism};
use tokio::task::JoinSet;

use crate::auth::{Claim, Verdict};
use crate::connection::Task;
use crate::link::Event;
use crate::registry::Limits;

// === impl Task ===

impl Task {
    /// Has the credentials checked; the answer comes as an event when that takes long.
    pub(super) fn authenticate(&mut self, login: Login) {
        let peer = self.profile.peer.ip();
        if login.mechanism == Mechanism::External {
            // The certificate was verified in the handshake.
            let actor = {
                let routes = self.node.directory.routes();
                self.node.authenticator.vouched(routes.access(), &login.user, peer)
            };
            return self.login_checked(actor);
        }
        let secret = login.password.expose().to_vec();
        let claim = Claim { user: login.user, secret, peer };
        let verdict = {
            let routes = self.node.directory.routes();
            self.node.authenticator.judge(routes.access(), claim)
        };
        match verdict {
            Verdict::Known(actor) => self.login_checked(actor),
            Verdict::Slow(check) => {
                let (node, link) = (Arc::clone(&self.node), self.link.clone());
                self.login.insert(JoinSet::new()).spawn(async move {
                    link.send(Event::LoginChecked(node.check_slowly(check).await));
                });
            }
        }
    }

    /// The credentials were checked.
    pub(super) fn login_checked(&mut self, actor: Option<Actor>) {
        let user = self.session.user().to_string();
        if let Some(actor) = actor {
            tracing::info!(connection = self.session.id().0, peer = %self.profile.peer, user, "logged in");
            self.permissions.set_actor(actor);
            // Set once only: an update of the secret is of the same user.
            let _ = self.profile.user.set(user);
            let _ = self.profile.client.set(self.session.take_client_properties());
            self.answer(Answer::Done);
        } else {
            tracing::warn!(peer = %self.profile.peer, user, "login refused");
            self.node.metrics.logins_failed.inc();
            let text = "login was refused";
            self.answer(Answer::Refused(Refusal::new(ReplyCode::AccessRefused, text)));
        }
    }

    pub(super) fn open_vhost(&mut self, vhost: Name) {
        // Set once only, and before it is looked for: whoever deletes a vhost then finds all who are in it.
        let _ = self.profile.vhost.set(vhost.to_string());
        let _ = self.profile.limits.set(Limits {
            frame_max: self.session.frame_max(),
            channel_max: self.session.channel_max(),
            heartbeat: self.session.heartbeat_secs(),
        });
        match self.enter(&vhost) {
            Ok(()) => {
                self.vhost = vhost;
                self.permissions.forget();
                self.refresh_permissions();
                self.answer(Answer::Done);
            }
            Err(refusal) => {
                tracing::warn!(peer = %self.profile.peer, reason = refusal.text, "vhost refused");
                self.answer(Answer::Refused(refusal));
            }
        }
    }

    fn enter(&self, vhost: &Name) -> Result<(), Refusal> {
        let routes = self.node.directory.routes();
        let found = routes.vhost(vhost).ok_or_else(|| {
            Refusal::new(ReplyCode::NotAllowed, format_args!("vhost {vhost} not found"))
        })?;
        let actor = self.permissions.actor();
        if !routes.access().may_enter(actor, vhost) {
            let user = &actor.name;
            let detail = format_args!("access to vhost '{vhost}' refused for user '{user}'");
            return Err(Refusal::new(ReplyCode::NotAllowed, detail));
        }
        let user = routes.access().user(&actor.name).filter(|_| !actor.unlimited);
        let of_user = user.and_then(|user| user.limits.max_connections);
        let of_vhost = found.limits().max_connections;
        self.node.registry.enter(&self.profile, (vhost, of_vhost), (&actor.name, of_user))
    }
}
