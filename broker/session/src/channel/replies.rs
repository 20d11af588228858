//! A channel's subscription to direct replies.

use broker_core::id::ConsumerId;
use broker_core::name::Name;

/// A channel's consumer of replies.
#[derive(Debug)]
pub(crate) struct Replies {
    pub(crate) consumer: ConsumerId,
    pub(crate) tag: Box<str>,
    /// What its requests say to reply to.
    pub(crate) address: Name,
}
