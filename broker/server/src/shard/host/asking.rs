//! Questions to queues, and their answers.

use broker_core::id::QueueId;
use broker_core::queue::{Command, Effect};

use crate::link::{Event, Link, Reply};
use crate::shard::host::Host;
use crate::shard::promises::Promise;
use crate::shard::work::Question;

// === impl Host ===

impl Host {
    /// Asks a queue for somebody, who waits for nothing else.
    pub(super) fn ask(&mut self, link: &Link, queue: QueueId, question: Question) {
        let Some(slot) = self.queues.get(&queue) else {
            return self.departures.send(link, Event::Reply(Reply::NoQueue));
        };
        match question {
            Question::Declared { recorded } => {
                let counts = Reply::Counts(slot.queue.counts());
                if self.node.store.is_durable(recorded) {
                    self.departures.send(link, Event::Reply(counts));
                } else {
                    self.recorded = self.recorded.max(recorded);
                    self.promise(Some(link), counts);
                }
                self.apply(queue, Command::Touch);
                self.account(queue);
            }
            Question::Command(Command::Unsubscribe { consumer }) => {
                self.outboxes.flush(consumer, &mut self.departures);
                self.outboxes.remove(consumer, &mut self.departures);
                self.apply(queue, Command::Unsubscribe { consumer });
                self.carry_out(queue, None);
                self.departures.send(link, Event::Reply(Reply::Unsubscribed));
            }
            Question::Command(command) => {
                let consumer = match &command {
                    Command::Subscribe(terms) => {
                        self.outboxes.add(terms.consumer, link);
                        Some(terms.consumer)
                    }
                    _ => None,
                };
                self.apply(queue, command);
                if let (Some(consumer), [Effect::Refused(_)]) = (consumer, &self.effects[..]) {
                    self.outboxes.remove(consumer, &mut self.departures);
                }
                self.carry_out(queue, Some(link));
            }
        }
    }

    /// Carries out an effect that is an answer to `asker`, or a notice.
    pub(super) fn answer(&mut self, queue: QueueId, effect: Effect, asker: Option<&Link>) {
        let slot = self.queues.get(&queue);
        let timeout = slot.and_then(|slot| slot.queue.settings().consumer_timeout);
        match effect {
            Effect::Subscribed { .. } => {
                self.departures.reply(asker, Reply::Subscribed { timeout });
            }
            Effect::TimeoutChanged { consumer, timeout } => {
                let event = Event::TimeoutChanged(consumer, timeout);
                self.outboxes.tell(consumer, event, &mut self.departures);
            }
            Effect::Refused(refusal) => self.departures.reply(asker, Reply::Refused(refusal)),
            Effect::GotNothing => self.departures.reply(asker, Reply::GotNothing),
            Effect::NotYet { no_ack } => self.paging.park(queue, asker, no_ack),
            Effect::Purged { messages } => self.promise(asker, Reply::Purged(messages)),
            Effect::Got { id, redelivered, message, remaining } => {
                self.tally.delivered += 1;
                self.tally.redelivered += u64::from(redelivered);
                let got = Reply::Got { id, redelivered, message, remaining, timeout };
                self.departures.reply(asker, got);
            }
            _ => {}
        }
    }

    /// Answers once what was recorded so far survives a crash.
    pub(super) fn promise(&mut self, asker: Option<&Link>, reply: Reply) {
        if let Some(link) = asker {
            self.promises.make(Promise::Reply(link.clone(), reply));
        }
    }
}
