//! What a user may do in one vhost.

use std::fmt;

use crate::name::Name;
use crate::pattern::{NotAPattern, Pattern, escape};

/// What somebody wants to do to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// Make it, or delete it.
    Configure,
    /// Put messages into it.
    Write,
    /// Take messages out of it.
    Read,
}

/// What something is wanted of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource<'a> {
    /// A queue.
    Queue(&'a str),
    /// An exchange; the default one is known as `amq.default`.
    Exchange(&'a str),
}

/// The patterns that the names of resources have to match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// To be made and deleted.
    pub configure: Pattern,
    /// To be written to.
    pub write: Pattern,
    /// To be read from.
    pub read: Pattern,
}

/// The patterns that routing keys have to match on one topic exchange.
///
/// `{username}` and `{vhost}` in them stand for those of the user concerned, taken literally.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicPermission {
    /// To be published with.
    pub write: Pattern,
    /// To be bound with.
    pub read: Pattern,
}

// === impl Permission ===

impl Permission {
    /// The pattern for `right`.
    #[must_use]
    pub fn of(&self, right: Right) -> &Pattern {
        match right {
            Right::Configure => &self.configure,
            Right::Write => &self.write,
            Right::Read => &self.read,
        }
    }

    /// Everything.
    #[must_use]
    pub fn full() -> Self {
        let all = Pattern::new(".*").expect("it is a pattern");
        Self { configure: all.clone(), write: all.clone(), read: all }
    }
}

// === impl TopicPermission ===

impl TopicPermission {
    /// What these patterns mean for a user in a vhost.
    ///
    /// # Errors
    ///
    /// The first of the two that is none, and why.
    pub fn new(
        (write, read): (&str, &str),
        user: &str,
        vhost: &str,
    ) -> Result<Self, (&'static str, NotAPattern)> {
        let expand = |name, text: &str| {
            let meaning = text.replace("{username}", &escape(user));
            let meaning = meaning.replace("{vhost}", &escape(vhost));
            // Clients of this protocol have none, so that it stands for itself, as in RabbitMQ.
            let meaning = meaning.replace("{client_id}", "\\{client_id\\}");
            Pattern::expanded(text, &meaning).map_err(|reason| (name, reason))
        };
        Ok(Self { write: expand("write", write)?, read: expand("read", read)? })
    }

    /// Whether a routing key may be used.
    #[must_use]
    pub fn permits(&self, right: Right, key: &str) -> bool {
        match right {
            Right::Configure => false,
            Right::Write => self.write.is_in(key),
            Right::Read => self.read.is_in(key),
        }
    }
}

// === impl Right ===

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Configure => "configure",
            Self::Write => "write",
            Self::Read => "read",
        })
    }
}

// === impl Resource ===

impl<'a> Resource<'a> {
    /// The name that patterns are compared with.
    #[must_use]
    pub fn name(self) -> &'a str {
        match self {
            Self::Exchange("") => "amq.default",
            Self::Queue(name) | Self::Exchange(name) => name,
        }
    }
}

impl fmt::Display for Resource<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if matches!(self, Self::Queue(_)) { "queue" } else { "exchange" };
        write!(f, "{kind} '{}'", self.name())
    }
}

/// Permissions of one user in one vhost.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) permission: Option<Permission>,
    /// By exchange.
    pub(crate) topics: imbl::OrdMap<Name, TopicPermission>,
}

// === impl Place ===

impl Place {
    pub(crate) fn is_empty(&self) -> bool {
        self.permission.is_none() && self.topics.is_empty()
    }
}
