//! Carrying out what a channel in tx mode has gathered.

use std::sync::Arc;

use broker_core::message::Message;
use broker_core::refusal::Refusal;
use broker_core::topology::Vhost;
use broker_protocol::reply::ReplyCode;
use broker_session::{Answer, Commit, Outcome, Publish, PublishId};

use crate::connection::Task;
use crate::connection::outgoing::Outgoing;
use crate::connection::publish::Tally;
use crate::connection::requests::settlement;

/// A transaction that was routed.
struct Routed {
    outgoing: Outgoing,
    /// Messages that no queue takes, and whether they are mandatory.
    unrouted: Vec<(PublishId, bool, Message)>,
    tally: Tally,
}

// === impl Task ===

impl Task {
    /// Refuses a publish that can not be committed, so that the client learns of it at once.
    pub(super) fn check(&mut self, publish: &Publish) {
        let node = Arc::clone(&self.node);
        let routes = node.directory.routes();
        let Some(vhost) = routes.vhost(&self.vhost) else { return };
        let permitted = self.permissions.check_publish(&routes, vhost, &publish.message);
        let routed = permitted.and_then(|()| vhost.route(&publish.message, &mut self.targets));
        if let Err(refusal) = routed {
            if self.session.is_open(publish.id) {
                self.refused.add(publish.id.channel, refusal.scope);
                self.session.refuse(publish.id, refusal, &mut self.requests);
            }
        } else if let Some(shortage) = self.node.shortage() {
            self.set_blocked(Some(shortage));
        }
    }

    /// Routes a transaction and hands each shard its part; or puts back what it would have settled.
    pub(super) fn commit(&mut self, commit: Commit) {
        // What the client sent before the commit comes before it.
        self.outgoing.send(&self.node, &self.link, &mut self.budget);
        let node = Arc::clone(&self.node);
        let routes = node.directory.routes();
        let Some(vhost) = routes.vhost(&self.vhost).filter(|_| self.session.is_open(commit.id))
        else {
            return self.give_up(commit, Answer::Done);
        };
        let Routed { mut outgoing, unrouted, mut tally } = match self.route_all(&commit, vhost) {
            Ok(routed) => routed,
            Err(refusal) => return self.give_up(commit, Answer::Refused(refusal)),
        };
        // What no queue takes may be a reply to a request, which nothing stores.
        for (id, mandatory, message) in unrouted {
            if self.reply(&message) {
                tally.routed += 1;
            } else if mandatory {
                tally.returned += 1;
                self.session.returned(id, &message);
            } else {
                tally.dropped += 1;
            }
        }
        tally.add_to(&node.metrics);
        for (queue, outcome, ids) in commit.settlements {
            outgoing.command(queue, settlement(outcome, ids));
        }
        if outgoing.is_empty() {
            return self.answer(Answer::Done);
        }
        outgoing.send_transaction(&node, &self.link, &mut self.budget);
    }

    fn route_all(&mut self, commit: &Commit, vhost: &Vhost) -> Result<Routed, Refusal> {
        let outgoing = Outgoing::new(self.node.shards.len());
        let mut routed = Routed { outgoing, unrouted: Vec::new(), tally: Tally::default() };
        for Publish { id, mandatory, message, .. } in &commit.publishes {
            vhost.route(message, &mut self.targets)?;
            routed.tally.received += 1;
            let queues = self.targets.queues();
            if queues.is_empty() {
                routed.unrouted.push((*id, *mandatory, message.clone()));
                continue;
            }
            routed.tally.routed += 1;
            let open = message.without_blind_copies();
            routed.outgoing.publish_specially(&self.targets, message, open.as_ref(), Some(*id));
        }
        Ok(routed)
    }

    /// The transaction does not take place.
    fn give_up(&mut self, commit: Commit, answer: Answer) {
        for (queue, _, ids) in commit.settlements {
            self.outgoing.command(queue, settlement(Outcome::Requeue, ids));
        }
        self.answer(answer);
    }

    /// The transaction survives a crash.
    pub(super) fn committed(&mut self, refused: bool) {
        self.answer(if refused {
            let detail = "partial tx completion";
            Answer::Refused(Refusal::new(ReplyCode::PreconditionFailed, detail))
        } else {
            Answer::Done
        });
    }
}
