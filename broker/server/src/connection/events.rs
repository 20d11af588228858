//! What the shards and the node tell a connection.

use std::sync::atomic::Ordering;

use broker_session::Answer;

use crate::connection::Task;
use crate::link::{Event, Settled};

// === impl Task ===

impl Task {
    /// Takes everything that has come.
    pub(super) fn handle_events(&mut self) {
        let mut events = std::mem::take(&mut self.events);
        for event in events.drain(..) {
            self.handle_event(event);
        }
        self.events = events;
        self.perform();
    }

    fn handle_event(&mut self, event: Event) {
        match event {
            Event::Deliveries(deliveries) => {
                for delivery in deliveries {
                    self.session.deliver(delivery, &mut self.requests);
                }
            }
            Event::Answered(to, message) => self.answered(to, &message),
            Event::Settled(Settled { messages, bytes, outcomes }) => {
                self.budget.give_back(messages, bytes);
                self.node.metrics.confirmed.inc_by(outcomes.len() as u64);
                for (publish, ok) in outcomes {
                    self.session.settled(publish, ok);
                }
            }
            Event::Committed { refused } => self.committed(refused),
            Event::Reply(reply) => self.replied(reply),
            Event::Recorded => self.recorded(),
            Event::LoginChecked(actor) => self.login_checked(actor),
            Event::ConsumerGone(consumer) => self.session.cancelled(consumer, &mut self.requests),
            Event::TimeoutChanged(consumer, timeout) => self.session.set_timeout(consumer, timeout),
            Event::Relieved => self.set_blocked(self.node.shortage().filter(|_| self.blocked)),
            Event::Report(answer) => {
                // The asker may have gone; then nobody wants to know.
                let _ = answer.send(self.session.report());
            }
            Event::Stop => self.close("broker forced connection closure"),
            Event::Close(reason) => self.close(&reason),
            Event::Farewell => {
                self.farewells = self.farewells.map(|left| left.saturating_sub(1));
            }
        }
    }

    /// Answers the question under way; [`Task::perform`] goes on with what was parked.
    pub(super) fn answer(&mut self, answer: Answer) {
        self.session.answer(answer, self.now, &mut self.requests);
        self.answered = true;
    }

    /// Stops or resumes reading from a client that publishes, and tells it so.
    ///
    /// Set only when it publishes while the node is short of something: one that only consumes
    /// goes on.
    pub(super) fn set_blocked(&mut self, shortage: Option<&'static str>) {
        let blocked = shortage.is_some();
        if blocked != self.blocked {
            // Acknowledgements may lie unread behind what could not be taken.
            self.session.not_listening(self.now);
            self.blocked = blocked;
            self.profile.blocked.store(blocked, Ordering::Relaxed);
            self.session.blocked(shortage);
        }
    }
}
