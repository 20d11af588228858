//! Messages that a queue passes on: dead ones, and delayed ones whose time has come.

use std::sync::Arc;

use broker_core::message::Message;
use broker_core::name::Name;

use crate::node::Node;
use crate::shard::work::Landing;

/// A message on its way to other queues.
#[derive(Debug)]
pub(crate) struct Passed {
    pub(super) vhost: Name,
    /// The exchange that held it back, if one did; otherwise it goes where any message would.
    pub(super) from: Option<Name>,
    pub(super) message: Message,
    pub(super) landing: Option<Arc<Landing>>,
}

// === impl Passed ===

impl Passed {
    /// Routes it, as the topology is now, and sends it to the queues.
    pub(crate) fn go(self, node: &Node) {
        let Self { vhost, from, message, landing } = self;
        match from {
            Some(from) => node.release(&vhost, &from, &message, landing.as_ref()),
            None => node.republish(&vhost, &message, landing.as_ref()),
        }
    }
}
