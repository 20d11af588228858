//! The queues of one shard: applies what they are asked to do and carries out the effects.
//!
//! One task a shard. It takes everything that is in the mailbox, applies it, and only then sends what
//! came of it: one event a connection for deliveries, one for settled publishes.

use std::sync::Arc;

use broker_core::id::{ConsumerId, QueueId};
use broker_core::message::Message;
use broker_core::queue::{Command, Counts, Deletion, Effect, Queue};
use broker_core::time::Timestamp;
use hashbrown::HashMap;

use crate::clock;
use crate::journal::{InMemory, Journal, Pending};
use crate::link::{Event, Link, Reply, Settled};
use crate::mailbox::Receiver;
use crate::node::Node;
use crate::shard::deadlines::Deadlines;
use crate::shard::outbox::Outboxes;
use crate::shard::work::{Batch, Item, Question, Work};

/// A shard's queues and what their consumers and publishers wait for.
#[derive(Debug)]
pub(crate) struct Host {
    node: Arc<Node>,
    queues: HashMap<QueueId, Slot>,
    outboxes: Outboxes,
    journal: InMemory,
    pending: Pending<(Link, Settled)>,
    deadlines: Deadlines,
    /// Empty between calls; kept for its memory.
    effects: Vec<Effect>,
    now: Timestamp,
    tally: Tally,
}

#[derive(Debug)]
struct Slot {
    queue: Queue,
    /// Bytes of its messages when last looked at.
    bytes: i64,
}

/// Counted over a batch, then added to the node's metrics and memory at once.
#[derive(Debug, Default)]
struct Tally {
    delivered: u64,
    redelivered: u64,
    acknowledged: u64,
    bytes: i64,
}

// === impl Host ===

impl Host {
    pub(crate) fn new(node: Arc<Node>) -> Self {
        Self {
            node,
            queues: HashMap::new(),
            outboxes: Outboxes::default(),
            journal: InMemory::default(),
            pending: Pending::default(),
            deadlines: Deadlines::default(),
            effects: Vec::new(),
            now: clock::now(),
            tally: Tally::default(),
        }
    }

    /// Works for ever on what comes in.
    pub(crate) async fn run(mut self, mut mailbox: Receiver<Work>) {
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                biased;
                () = mailbox.receive(&mut batch) => {}
                () = self.deadlines.wait() => {}
            }
            self.now = clock::now();
            for work in batch.drain(..) {
                self.work(work);
            }
            self.expire();
            self.finish();
            // A mailbox that is never empty must not starve the connections of this shard.
            tokio::task::yield_now().await;
        }
    }

    fn work(&mut self, work: Work) {
        match work {
            Work::Batch(batch) => self.batch(batch),
            Work::Ask { link, queue, question } => self.ask(&link, queue, question),
            Work::Create { id, settings } => {
                self.queues.insert(id, Slot { queue: Queue::new(settings), bytes: 0 });
                self.account(id);
            }
            Work::Remove(queues) => {
                for id in queues {
                    self.apply(id, Command::Delete { if_unused: false, if_empty: false });
                    self.carry_out(id, None);
                }
            }
            Work::Farewell(link) => {
                self.outboxes.send();
                link.send(Event::Farewell);
            }
            Work::Survey(answer) => {
                let counts = self.queues.iter().map(|(id, slot)| (*id, slot.queue.counts()));
                // The asker may have gone; then nobody wants to know.
                let _ = answer.send(counts.collect());
            }
        }
    }

    fn batch(&mut self, batch: Batch) {
        let mut settled =
            Settled { messages: batch.publishes, bytes: batch.bytes, outcomes: Vec::new() };
        let position = self.journal.append(batch.items.len());
        let mut items = batch.items.into_iter().peekable();
        while let Some(first) = items.next() {
            let id = first.queue();
            self.item(first, &mut settled);
            while let Some(next) = items.next_if(|item| item.queue() == id) {
                self.item(next, &mut settled);
            }
            self.carry_out(id, None);
        }
        if let Some(link) = batch.link
            && settled.messages > 0
        {
            self.pending.push(position, (link, settled));
        }
    }

    fn item(&mut self, item: Item, settled: &mut Settled) {
        match item {
            Item::Publish { queue, message, confirm } => {
                let before = self.effects.len();
                self.apply(queue, Command::Publish(message));
                if let Some(confirm) = confirm {
                    let refused = |effect: &Effect| matches!(effect, Effect::PublishRefused);
                    // A queue that went meanwhile takes messages with it, as any deleted queue does.
                    let accepted = !self.effects[before..].iter().any(refused);
                    settled.outcomes.push((confirm, accepted));
                }
            }
            Item::Command { queue, command } => {
                match &command {
                    Command::Ack { ids } => self.tally.acknowledged += ids.len() as u64,
                    Command::Unsubscribe { consumer } => drop(self.outboxes.remove(*consumer)),
                    _ => {}
                }
                self.apply(queue, command);
            }
        }
    }

    fn ask(&mut self, link: &Link, queue: QueueId, question: Question) {
        let Some(slot) = self.queues.get(&queue) else {
            return link.send(Event::Reply(Reply::NoQueue));
        };
        match question {
            Question::Counts => link.send(Event::Reply(Reply::Counts(slot.queue.counts()))),
            Question::Command(command) => {
                self.journal.append(usize::from(command.is_durable()));
                let consumer = match &command {
                    Command::Subscribe(terms) => {
                        self.outboxes.add(terms.consumer, link);
                        Some(terms.consumer)
                    }
                    _ => None,
                };
                self.apply(queue, command);
                if let (Some(consumer), [Effect::Refused(_)]) = (consumer, &self.effects[..]) {
                    self.outboxes.remove(consumer);
                }
                self.carry_out(queue, Some(link));
            }
        }
    }

    fn apply(&mut self, queue: QueueId, command: Command) {
        if let Some(slot) = self.queues.get_mut(&queue) {
            slot.queue.apply(command, self.now, &mut self.effects);
        }
    }

    /// Carries out the effects of one queue. Answers go to `asker`.
    fn carry_out(&mut self, id: QueueId, asker: Option<&Link>) {
        let mut effects = std::mem::take(&mut self.effects);
        for effect in effects.drain(..) {
            match effect {
                Effect::Deliver { consumer, id: message_id, redelivered, message } => {
                    self.tally.delivered += 1;
                    self.tally.redelivered += u64::from(redelivered);
                    self.outboxes.deliver(id, (consumer, message_id), redelivered, message);
                }
                Effect::PublishRefused => {}
                Effect::DeadLetter { message, .. } => self.republish(id, &message),
                Effect::ConsumerGone { consumer } => self.consumer_gone(consumer),
                Effect::Deleted { messages, reason } => {
                    self.gone(id, reason);
                    reply(asker, Reply::Deleted(messages));
                }
                answer => self.answer(answer, asker),
            }
        }
        self.effects = effects;
        self.account(id);
    }

    fn answer(&mut self, effect: Effect, asker: Option<&Link>) {
        match effect {
            Effect::Subscribed { .. } => reply(asker, Reply::Subscribed),
            Effect::Refused(refusal) => reply(asker, Reply::Refused(refusal)),
            Effect::GotNothing => reply(asker, Reply::GotNothing),
            Effect::Purged { messages } => reply(asker, Reply::Purged(messages)),
            Effect::Got { id, redelivered, message, remaining } => {
                self.tally.delivered += 1;
                self.tally.redelivered += u64::from(redelivered);
                reply(asker, Reply::Got { id, redelivered, message, remaining });
            }
            _ => {}
        }
    }

    fn consumer_gone(&mut self, consumer: ConsumerId) {
        self.outboxes.flush(consumer);
        if let Some(link) = self.outboxes.remove(consumer) {
            link.send(Event::ConsumerGone(consumer));
        }
    }

    fn republish(&self, from: QueueId, message: &Message) {
        if let Some(slot) = self.queues.get(&from) {
            self.node.republish(&slot.queue.settings().vhost, message);
        }
    }

    /// A queue has deleted itself: nobody may find it any more.
    fn gone(&mut self, id: QueueId, reason: Deletion) {
        let Some(slot) = self.queues.remove(&id) else { return };
        self.tally.bytes -= slot.bytes;
        self.deadlines.set(id, None);
        let settings = slot.queue.settings();
        tracing::debug!(vhost = %settings.vhost, queue = %settings.name, ?reason, "queue deleted");
        self.node.queue_gone(&settings.vhost, &settings.name, id);
    }

    /// Notes what a queue holds now, and when it wants to be looked at again.
    fn account(&mut self, id: QueueId) {
        let Some(slot) = self.queues.get_mut(&id) else { return };
        let Counts { ready_bytes, unacked_bytes, ready, unacked, .. } = slot.queue.counts();
        let bytes = ready_bytes + unacked_bytes + (ready + unacked) * Node::MESSAGE_OVERHEAD;
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.tally.bytes += bytes - slot.bytes;
        slot.bytes = bytes;
        self.deadlines.set(id, slot.queue.next_deadline());
    }

    fn expire(&mut self) {
        let due: Vec<_> = std::iter::from_fn(|| self.deadlines.pop(self.now)).collect();
        for id in due {
            self.journal.append(1);
            self.apply(id, Command::Expire);
            self.carry_out(id, None);
        }
    }

    /// Sends what the batch brought about.
    fn finish(&mut self) {
        self.outboxes.send();
        let durable = self.journal.durable();
        while let Some((link, settled)) = self.pending.pop(durable) {
            link.send(Event::Settled(settled));
        }
        let Tally { delivered, redelivered, acknowledged, bytes } = std::mem::take(&mut self.tally);
        let metrics = &self.node.metrics;
        metrics.delivered.inc_by(delivered);
        metrics.redelivered.inc_by(redelivered);
        metrics.acknowledged.inc_by(acknowledged);
        if let Some(blocked) = self.node.memory.change(bytes) {
            self.node.block_publishers(blocked);
        }
    }
}

fn reply(asker: Option<&Link>, reply: Reply) {
    if let Some(link) = asker {
        link.send(Event::Reply(reply));
    }
}
