//! Who may log in.
//!
//! The users in the node's metadata, and before them the one user whom `--credentials-dir` names, as a
//! mounted Secret does: it may do anything, is not in the metadata, and hides a user of the same name
//! there. Its files are read again when they change, so rotating the Secret needs no restart. The user
//! guest comes from loopback only unless `--allow-guest-remote` is given.
//!
//! Secrets are compared in constant time and never logged. A wrong user costs as much as a wrong
//! password.

mod credentials;
pub(crate) mod password;
mod proven;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Mutex;

use broker_core::access::{Access, Actor, Password};

pub(crate) use crate::auth::credentials::Error;
use crate::auth::credentials::Watched;
use crate::auth::proven::Proven;
use crate::lock::lock;

/// The user that comes from loopback only.
const GUEST: &str = "guest";

/// Decides on logins.
#[derive(Debug)]
pub(crate) struct Authenticator {
    /// The user that a directory names.
    directory: Option<Mutex<Watched>>,
    guest_remote: bool,
    proven: Proven,
}

/// Somebody who wants to be let in.
pub(crate) struct Claim {
    pub(crate) user: String,
    pub(crate) secret: Vec<u8>,
    /// Where it comes from.
    pub(crate) peer: IpAddr,
}

/// What can be said at once.
pub(crate) enum Verdict {
    /// Who it is, or nobody who may come in.
    Known(Option<Actor>),
    /// It takes a slow hash to find out.
    Slow(Check),
}

/// A claim that is to be checked, with what it has to be checked against.
pub(crate) struct Check {
    claim: Claim,
    actor: Actor,
    password: Option<Password>,
}

// === impl Authenticator ===

impl Authenticator {
    /// With the user of `directory`, if there is one, before all others.
    ///
    /// # Errors
    ///
    /// When the directory does not hold readable credentials: better now than at the first login.
    pub(crate) fn new(directory: Option<PathBuf>, guest_remote: bool) -> Result<Self, Error> {
        let directory = directory.map(Watched::open).transpose()?.map(Mutex::new);
        Ok(Self { directory, guest_remote, proven: Proven::new() })
    }

    /// The user whom the credentials directory names now.
    pub(crate) fn named_by_directory(&self) -> Option<String> {
        let credentials = lock(self.directory.as_ref()?).current();
        Some(credentials.user().to_owned())
    }

    /// Judges a claim if that is quick, as it is for whoever was let in before.
    pub(crate) fn judge(&self, access: &Access, claim: Claim) -> Verdict {
        if let Some(directory) = &self.directory {
            let credentials = lock(directory).current();
            if credentials.is_of(&claim.user) {
                let actor = Actor { name: claim.user.as_str().into(), unlimited: true };
                return match credentials.hashed() {
                    Some(password) => self.recall(claim, actor, Some(password.clone())),
                    None => Verdict::Known(credentials.is_plain(&claim.secret).then_some(actor)),
                };
            }
        }
        let actor = Actor::new(&claim.user);
        let password = access.user(&claim.user).and_then(|user| user.password.clone());
        self.recall(claim, actor, password)
    }

    /// Who it is that was verified by other means, as by a certificate; nobody if there is no such user.
    pub(crate) fn vouched(&self, access: &Access, user: &str, peer: IpAddr) -> Option<Actor> {
        let unlimited = self.named_by_directory().is_some_and(|name| name == user);
        let known = unlimited || (access.user(user).is_some() && self.may_come(user, peer));
        known.then(|| Actor { name: user.into(), unlimited })
    }

    /// Judges the rest. Takes tens of milliseconds: call it where that is no harm.
    pub(crate) fn check(&self, check: Check) -> Option<Actor> {
        let Check { claim, actor, password } = check;
        let right = password::is_right(password.as_ref(), &claim.secret);
        if let Some(password) = password.as_ref().filter(|_| right) {
            self.proven.learn(&claim.user, password, &claim.secret);
        }
        let may_come = actor.unlimited || self.may_come(&claim.user, claim.peer);
        (right && may_come).then_some(actor)
    }

    fn recall(&self, claim: Claim, actor: Actor, password: Option<Password>) -> Verdict {
        let known = password
            .as_ref()
            .is_some_and(|password| self.proven.knows(&claim.user, password, &claim.secret));
        if !known {
            return Verdict::Slow(Check { claim, actor, password });
        }
        let may_come = actor.unlimited || self.may_come(&claim.user, claim.peer);
        Verdict::Known(may_come.then_some(actor))
    }

    fn may_come(&self, user: &str, peer: IpAddr) -> bool {
        user != GUEST || self.guest_remote || is_loopback(peer)
    }
}

/// Loopback, also when written as an IPv4 address in IPv6.
fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests;
