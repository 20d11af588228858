//! Users: how they prove who they are, what they may ask for, and how much they may use.

use std::fmt;
use std::sync::Arc;

use imbl::OrdMap;

use crate::access::permission::{Permission, Place, TopicPermission};
use crate::name::Name;

/// A user and all that is permitted to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name, unique.
    pub name: Name,
    /// How a password is checked; without one no password is right.
    pub password: Option<Password>,
    /// As in `administrator`. Others than the known ones mean nothing to the broker.
    pub tags: Vec<Name>,
    /// How much it may use.
    pub limits: UserLimits,
    /// What it may do, by vhost.
    pub(crate) places: OrdMap<Name, Place>,
}

/// A password's hash, with the method it was made by. This crate does not look inside.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Arc<str>);

/// How much one user may use at a time, over all its connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UserLimits {
    /// Connections; none is no limit.
    pub max_connections: Option<u32>,
    /// Channels; none is no limit.
    pub max_channels: Option<u32>,
}

/// A tag that the broker knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// May use the management API, in the vhosts it may enter.
    Management,
    /// The same, and may make policies there.
    Policymaker,
    /// May use the management API and see what everybody does.
    Monitoring,
    /// May do anything with the management API.
    Administrator,
    /// May publish in the name of another user.
    Impersonator,
}

/// Whoever does something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The user's name.
    pub name: Name,
    /// Whether it may do everything everywhere, as the user whom the node's own configuration names.
    pub unlimited: bool,
}

// === impl User ===

impl User {
    /// A user with nothing permitted.
    #[must_use]
    pub fn new(name: Name, password: Option<Password>, tags: Vec<Name>) -> Self {
        Self { name, password, tags, limits: UserLimits::default(), places: OrdMap::new() }
    }

    /// What it may do in a vhost.
    #[must_use]
    pub fn permission(&self, vhost: &str) -> Option<&Permission> {
        self.places.get(vhost)?.permission.as_ref()
    }

    /// The vhosts that it may enter, and what it may do there.
    pub fn permissions(&self) -> impl Iterator<Item = (&Name, &Permission)> {
        self.places.iter().filter_map(|(vhost, place)| Some((vhost, place.permission.as_ref()?)))
    }

    /// What routing keys it may use on an exchange of a vhost, if that is limited.
    #[must_use]
    pub fn topic(&self, vhost: &str, exchange: &str) -> Option<&TopicPermission> {
        self.places.get(vhost)?.topics.get(exchange)
    }

    /// All limits to routing keys in a vhost, by exchange.
    pub fn topics(&self, vhost: &str) -> impl Iterator<Item = (&Name, &TopicPermission)> {
        self.places.get(vhost).into_iter().flat_map(|place| place.topics.iter())
    }

    /// The vhosts that permissions of any kind speak of.
    pub fn vhosts(&self) -> impl Iterator<Item = &Name> {
        self.places.keys()
    }
}

// === impl Password ===

impl Password {
    /// What was stored.
    #[must_use]
    pub fn new(stored: &str) -> Self {
        Self(stored.into())
    }

    /// What to store, and to check passwords by.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hash]")
    }
}

// === impl Tag ===

impl Tag {
    /// The tag's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Management => "management",
            Self::Policymaker => "policymaker",
            Self::Monitoring => "monitoring",
            Self::Administrator => "administrator",
            Self::Impersonator => "impersonator",
        }
    }

    /// Whether who bears the tag named `other` may do what this one allows.
    pub(crate) fn is_included_in(self, other: &str) -> bool {
        let including: &[Self] = match self {
            Self::Management => {
                &[Self::Management, Self::Policymaker, Self::Monitoring, Self::Administrator]
            }
            Self::Policymaker => &[Self::Policymaker, Self::Administrator],
            Self::Monitoring => &[Self::Monitoring, Self::Administrator],
            Self::Administrator => &[Self::Administrator],
            Self::Impersonator => &[Self::Impersonator],
        };
        including.iter().any(|tag| tag.name() == other)
    }
}

// === impl Actor ===

impl Actor {
    /// A user, who may do what is permitted to it.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), unlimited: false }
    }
}
