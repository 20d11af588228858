//! Routing what the client publishes, on one picture of the topology a run.

use std::sync::Arc;

use broker_core::message::Message;
use broker_core::refusal::Scope;
use broker_core::topology::{Routes, Vhost};
use broker_session::{Publish, Request};

use crate::connection::Task;
use crate::replies::Replies;

/// Channels on which a publish was refused. What was read together with it and came after it on such a
/// channel is not to be carried out; the session sees to what is read later.
#[derive(Debug, Default)]
pub(super) struct Refused {
    channels: Vec<u16>,
    connection: bool,
}

/// Counted over a run of publishes, then added to the node's metrics at once.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) received: u64,
    pub(super) routed: u64,
    confirmed: u64,
    pub(super) dropped: u64,
    pub(super) returned: u64,
}

// === impl Task ===

impl Task {
    /// Routes `first` and the publishes that follow it; returns the request after them.
    pub(super) fn publish(
        &mut self,
        first: Publish,
        requests: &mut impl Iterator<Item = Request>,
    ) -> Option<Request> {
        let node = Arc::clone(&self.node);
        let routes = node.directory.routes();
        let vhost = routes.vhost(&self.vhost);
        let mut tally = Tally::default();
        let mut next = Some(Request::Publish(first));
        while let Some(Request::Publish(publish)) = next {
            if let Some(vhost) = vhost {
                self.route(publish, (&routes, vhost), &mut tally);
            }
            next = requests.next();
        }
        tally.add_to(&node.metrics);
        if let Some(shortage) = node.shortage() {
            self.set_blocked(Some(shortage));
        }
        next
    }

    fn route(&mut self, publish: Publish, (routes, vhost): (&Routes, &Vhost), tally: &mut Tally) {
        let Publish { id, mandatory, confirm, message } = publish;
        if self.refused.covers(id.channel) {
            return;
        }
        tally.received += 1;
        let permitted = self.permissions.check_publish(routes, vhost, &message);
        if let Err(refusal) = permitted.and_then(|()| vhost.route(&message, &mut self.targets)) {
            // On a channel that the client has closed since, the refusal comes too late to matter.
            if self.session.is_open(id) {
                self.refused.add(id.channel, refusal.scope);
                self.session.refuse(id, refusal, &mut self.requests);
            }
            return;
        }
        let replied = self.reply(&message);
        let queues = self.targets.queues();
        let Some((last, others)) = queues.split_last() else {
            if replied {
                tally.routed += 1;
            } else if mandatory {
                tally.returned += 1;
                self.session.returned(id, &message);
            } else {
                tally.dropped += 1;
            }
            if confirm {
                tally.confirmed += 1;
                self.session.routed(id, 0);
            }
            return;
        };
        tally.routed += 1;
        if confirm {
            self.session.routed(id, u32::try_from(queues.len()).unwrap_or(u32::MAX));
        }
        let confirm = confirm.then_some(id);
        let open = message.without_blind_copies();
        if !self.targets.is_plain() {
            self.outgoing.publish_specially(&self.targets, &message, open.as_ref(), confirm);
            return;
        }
        let message = open.unwrap_or(message);
        for queue in others {
            self.outgoing.publish(*queue, message.clone(), confirm);
        }
        self.outgoing.publish(*last, message, confirm);
    }

    /// Sends a reply to whoever waits for it. False if it is none, or nobody does.
    #[inline]
    pub(super) fn reply(&self, message: &Message) -> bool {
        let key = message.routing_key();
        message.exchange().is_empty()
            && Replies::is_address(key)
            && self.node.replies.send(&self.vhost, key, message)
    }
}

// === impl Refused ===

impl Refused {
    pub(super) fn add(&mut self, channel: u16, scope: Scope) {
        self.channels.push(channel);
        self.connection |= scope == Scope::Connection;
    }

    fn covers(&self, channel: u16) -> bool {
        self.connection || self.channels.contains(&channel)
    }

    pub(super) fn clear(&mut self) {
        self.channels.clear();
        self.connection = false;
    }
}

// === impl Tally ===

impl Tally {
    pub(super) fn add_to(&self, metrics: &crate::metrics::Metrics) {
        metrics.received.inc_by(self.received);
        metrics.routed.inc_by(self.routed);
        metrics.confirmed.inc_by(self.confirmed);
        metrics.unroutable_dropped.inc_by(self.dropped);
        metrics.unroutable_returned.inc_by(self.returned);
    }
}
