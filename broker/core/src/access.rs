//! Who may do what: users, their tags and limits, and their permissions in vhosts.
//!
//! A permission is three patterns for one user in one vhost; what is not permitted is refused.
//! Whoever acts does so as an [`Actor`], and every answer is given on one picture of the metadata, so
//! that a change counts from the next operation on.
//!
//! ```text
//!  Actor ──▶ Access::tags                           what it may ask the management API for
//!        ──▶ Access::may_enter(vhost)               a permission there, whatever it says
//!        ──▶ Access::may(right, resource)           configure, write or read, by pattern
//!        └─▶ Access::may_on_topic(right, key)       write or read on a topic exchange, by routing key
//! ```

mod command;
mod permission;
mod user;

use std::sync::Arc;

use imbl::OrdMap;

pub use crate::access::command::Command;
pub use crate::access::permission::{Permission, Resource, Right, TopicPermission};
pub use crate::access::user::{Actor, Password, Tag, User, UserLimits};
use crate::name::Name;
use crate::refusal::Refusal;

/// Users and permissions at one moment. Cloning is cheap.
#[derive(Debug, Clone, Default)]
pub struct Access {
    users: OrdMap<Name, Arc<User>>,
    /// Named values of no meaning to the broker, as JSON.
    parameters: OrdMap<Name, Name>,
    version: u64,
}

// === impl Access ===

impl Access {
    /// Differs from before whenever anything in here does: what was concluded from an older version
    /// has to be concluded again.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// All users, by name.
    pub fn users(&self) -> impl Iterator<Item = &Arc<User>> {
        self.users.values()
    }

    /// The user of this name.
    #[must_use]
    pub fn user(&self, name: &str) -> Option<&Arc<User>> {
        self.users.get(name)
    }

    /// What a user may do in a vhost; none, if it may not even enter.
    #[must_use]
    pub fn permission(&self, vhost: &str, user: &str) -> Option<&Permission> {
        self.user(user)?.permission(vhost)
    }

    /// All parameters: name and value, which is JSON.
    pub fn parameters(&self) -> impl Iterator<Item = (&Name, &Name)> {
        self.parameters.iter()
    }

    /// Whether the actor bears a tag, or one that includes it. One who may do everything still does so in
    /// its own name.
    #[must_use]
    pub fn bears(&self, actor: &Actor, tag: Tag) -> bool {
        if actor.unlimited {
            return tag != Tag::Impersonator;
        }
        let bears = |user: &Arc<User>| user.tags.iter().any(|own| tag.is_included_in(own));
        self.user(&actor.name).is_some_and(bears)
    }

    /// Whether the actor may use a vhost at all.
    #[must_use]
    pub fn may_enter(&self, actor: &Actor, vhost: &str) -> bool {
        actor.unlimited || self.permission(vhost, &actor.name).is_some()
    }

    /// Whether the actor may do this.
    #[must_use]
    pub fn may(&self, actor: &Actor, vhost: &str, right: Right, resource: Resource<'_>) -> bool {
        actor.unlimited
            || self
                .permission(vhost, &actor.name)
                .is_some_and(|permission| permission.of(right).is_in(resource.name()))
    }

    /// Refuses what the actor may not do.
    ///
    /// # Errors
    ///
    /// 403 in RabbitMQ's wording.
    pub fn check(
        &self,
        actor: &Actor,
        vhost: &str,
        right: Right,
        resource: Resource<'_>,
    ) -> Result<(), Refusal> {
        if self.may(actor, vhost, right, resource) {
            return Ok(());
        }
        let user = &actor.name;
        Err(Refusal::access(format_args!(
            "{right} access to {resource} in vhost '{vhost}' refused for user '{user}'"
        )))
    }

    /// Whether a write to any exchange of the vhost is permitted, whatever the routing key: then there
    /// is nothing to check for a message.
    #[must_use]
    pub fn may_write_all(&self, actor: &Actor, vhost: &str) -> bool {
        let all = |user: &Arc<User>| {
            user.topics(vhost).next().is_none()
                && user.permission(vhost).is_some_and(|permission| permission.write.is_everything())
        };
        actor.unlimited || self.user(&actor.name).is_some_and(all)
    }

    /// Refuses a routing key that the actor may not write with, or bind with, on a topic exchange.
    /// Without a topic permission for that exchange any key will do.
    ///
    /// # Errors
    ///
    /// 403 in RabbitMQ's wording.
    pub fn check_topic(
        &self,
        actor: &Actor,
        vhost: &str,
        (exchange, key): (&str, &str),
        right: Right,
    ) -> Result<(), Refusal> {
        if actor.unlimited {
            return Ok(());
        }
        let user = &actor.name;
        let topic = self.user(user).and_then(|user| user.topic(vhost, exchange));
        match topic {
            Some(topic) if !topic.permits(right, key) => Err(Refusal::access(format_args!(
                "{right} access to topic '{key}' in exchange '{exchange}' in vhost '{vhost}' \
                 refused for user '{user}'"
            ))),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
