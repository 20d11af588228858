//! What a queue was declared with, in the form in which its rules use it.

use crate::name::Name;

/// How one queue behaves. Fixed for the life of the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The virtual host.
    pub vhost: Name,
    /// The queue's name.
    pub name: Name,
    /// Survives a restart, with its persistent messages.
    pub durable: bool,
    /// Goes when its last consumer goes.
    pub auto_delete: bool,
}

// === impl Settings ===

impl Settings {
    /// A plain, transient queue.
    #[must_use]
    pub fn new(vhost: Name, name: Name) -> Self {
        Self { vhost, name, durable: false, auto_delete: false }
    }
}
