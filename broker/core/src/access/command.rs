//! What can be changed about users and permissions.

use std::sync::Arc;

use crate::access::Access;
use crate::access::permission::{Permission, Place, TopicPermission};
use crate::access::user::{Password, User, UserLimits};
use crate::name::Name;

/// One change. Done twice it changes nothing the second time.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant's text says what its fields are")]
pub enum Command {
    /// Makes a user, or gives it another password and other tags; what is permitted to it stays.
    SetUser { name: Name, password: Option<Password>, tags: Vec<Name> },
    /// Deletes a user with all that was permitted to it. It need not exist.
    DeleteUser { name: Name },
    /// Limits what a user may use. Ignored if there is no such user.
    LimitUser { name: Name, limits: UserLimits },
    /// Permits something in a vhost, instead of what was. Ignored if there is no such user.
    Permit { user: Name, vhost: Name, permission: Permission },
    /// Permits nothing any more in a vhost.
    Forbid { user: Name, vhost: Name },
    /// Limits the routing keys on an exchange. Ignored if there is no such user.
    PermitTopic { user: Name, vhost: Name, exchange: Name, permission: TopicPermission },
    /// Lifts such limits: on one exchange, or on all of the vhost.
    ForgetTopic { user: Name, vhost: Name, exchange: Option<Name> },
    /// Keeps a named value, which is JSON and means nothing to the broker.
    SetParameter { name: Name, value: Name },
    /// Forgets such a value.
    ClearParameter { name: Name },
}

// === impl Access ===

impl Access {
    /// Carries out a change; false if it was so before.
    pub(crate) fn apply(&mut self, command: Command) -> bool {
        let changed = match command {
            Command::SetUser { name, password, tags } => self.set_user(name, password, tags),
            Command::DeleteUser { name } => self.users.remove(&name).is_some(),
            Command::LimitUser { name, limits } => {
                self.change_user(&name, |user| user.limits = limits)
            }
            Command::Permit { user, vhost, permission } => {
                self.change_place(&user, vhost, |place| place.permission = Some(permission))
            }
            Command::Forbid { user, vhost } => {
                self.change_place(&user, vhost, |place| place.permission = None)
            }
            Command::PermitTopic { user, vhost, exchange, permission } => {
                self.change_place(&user, vhost, |place| {
                    place.topics.insert(exchange, permission);
                })
            }
            Command::ForgetTopic { user, vhost, exchange } => {
                self.change_place(&user, vhost, |place| match exchange {
                    Some(exchange) => {
                        place.topics.remove(&exchange);
                    }
                    None => place.topics.clear(),
                })
            }
            Command::SetParameter { name, value } => {
                self.parameters.insert(name, value.clone()).as_ref() != Some(&value)
            }
            Command::ClearParameter { name } => self.parameters.remove(&name).is_some(),
        };
        self.version += u64::from(changed);
        changed
    }

    /// Forgets what was permitted in a vhost that has gone.
    pub(crate) fn forget_vhost(&mut self, gone: &Name) {
        let concerned = self.users().filter(|user| user.places.contains_key(gone));
        let names: Vec<Name> = concerned.map(|user| user.name.clone()).collect();
        for name in names {
            self.change_place(&name, gone.clone(), |place| *place = Place::default());
        }
        self.version += 1;
    }

    fn set_user(&mut self, name: Name, password: Option<Password>, tags: Vec<Name>) -> bool {
        if self.users.contains_key(&name) {
            return self.change_user(&name, |user| {
                user.password = password;
                user.tags = tags;
            });
        }
        self.users.insert(name.clone(), Arc::new(User::new(name, password, tags)));
        true
    }

    fn change_user(&mut self, name: &Name, change: impl FnOnce(&mut User)) -> bool {
        let Some(user) = self.users.get_mut(name) else { return false };
        let before = Arc::clone(user);
        change(Arc::make_mut(user));
        *user != before
    }

    fn change_place(&mut self, user: &Name, vhost: Name, change: impl FnOnce(&mut Place)) -> bool {
        self.change_user(user, |user| {
            let mut place = user.places.get(&vhost).cloned().unwrap_or_default();
            change(&mut place);
            if place.is_empty() {
                user.places.remove(&vhost);
            } else {
                user.places.insert(vhost, place);
            }
        })
    }
}
