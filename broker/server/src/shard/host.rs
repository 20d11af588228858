//! The queues of one shard: applies what they are asked to do and carries out the effects.
//!
//! One task a shard. It takes everything that is in the mailbox, applies it, and only then sends what
//! came of it: one event a connection for deliveries, one for settled publishes.

mod asking;
mod awaiting;
mod looking;
mod paging;
mod passing;
mod waiting;

use std::collections::VecDeque;
use std::sync::Arc;

use broker_core::id::{ConsumerId, QueueId};
use broker_core::message::Message;
use broker_core::queue::{Changes, Command, Deletion, Effect, Queue};
use broker_core::time::Timestamp;
use broker_session::PublishId;
use broker_storage::position::Position;
use hashbrown::HashMap;
use tokio::sync::watch;

use crate::clock;
use crate::durable::Progress;
use crate::durable::contents::Inventory;
use crate::durable::journal::Journal;
use crate::durable::replay::RecoveredQueue;
use crate::durable::whereabouts::Whereabouts;
use crate::link::{Event, Link, Reply, Settled};
use crate::mailbox::Receiver;
use crate::node::Node;
use crate::shard::deadlines::Deadlines;
use crate::shard::departures::Departures;
use crate::shard::host::waiting::{news, wait_until};
use crate::shard::outbox::Outboxes;
use crate::shard::paging::Paging;
use crate::shard::promises::{Promise, Promises};
use crate::shard::slot::Slot;
use crate::shard::uncertain::Uncertain;
use crate::shard::work::{Batch, Item, Landing, Work};
use crate::transactions::Transaction;

/// A shard's queues and what their consumers and publishers wait for.
#[derive(Debug)]
pub(crate) struct Host {
    pub(super) node: Arc<Node>,
    /// Each by itself: a table of them would be twice as large as what is in it whenever it has grown.
    pub(super) queues: HashMap<QueueId, Box<Slot>>,
    outboxes: Outboxes,
    pub(super) departures: Departures,
    journal: Journal,
    /// Transactions whose parts go to the log with the next batch,
    recording: Vec<Arc<Transaction>>,
    /// and dead messages whose copies do. What is recorded afterwards does not survive without them.
    landing: Vec<Arc<Landing>>,
    /// News of the log; none once it has ended, which is when the node does.
    progress: Option<watch::Receiver<Progress>>,
    /// Changes of the topology up to here were caused by this shard's queues.
    recorded: Position,
    pub(super) promises: Promises,
    pub(super) uncertain: Uncertain,
    deadlines: Deadlines,
    /// When queues have to give budget back to publishers, in order.
    due: VecDeque<(Timestamp, QueueId)>,
    /// Queues that hold unacknowledged messages in read buffers, perhaps.
    to_sweep: Vec<QueueId>,
    sweep_at: Timestamp,
    /// Empty between calls; kept for its memory.
    pub(super) effects: Vec<Effect>,
    /// What a log would record of a durable queue. Empty between calls; kept for its memory.
    changes: Changes,
    now: Timestamp,
    tally: Tally,
    paging: Paging,
}

/// Milliseconds between looks at held messages that keep read buffers alive.
const SWEEP_INTERVAL: u64 = 1_000;

/// What consecutive publishes to one queue in one batch amount to.
#[derive(Debug, Default)]
struct Run {
    messages: usize,
    bytes: usize,
}

/// Counted over a batch, then added to the node's metrics and memory at once.
#[derive(Debug, Default)]
struct Tally {
    delivered: u64,
    redelivered: u64,
    acknowledged: u64,
    duplicates: u64,
    bytes: i64,
}

// === impl Run ===

impl Run {
    fn add(&mut self, message: &Message) {
        self.messages += 1;
        self.bytes += message.size();
    }
}

// === impl Host ===

impl Host {
    /// With the queues that were recovered.
    pub(crate) fn new(node: Arc<Node>, recovered: Vec<(QueueId, RecoveredQueue)>) -> Self {
        let mut host = Self {
            journal: node.store.journal(),
            progress: Some(node.store.progress()),
            node,
            queues: HashMap::with_capacity(recovered.len()),
            outboxes: Outboxes::default(),
            departures: Departures::default(),
            recording: Vec::new(),
            landing: Vec::new(),
            recorded: Position::ZERO,
            promises: Promises::default(),
            uncertain: Uncertain::default(),
            deadlines: Deadlines::default(),
            due: VecDeque::new(),
            to_sweep: Vec::new(),
            sweep_at: Timestamp::default(),
            effects: Vec::new(),
            changes: Changes::default(),
            now: clock::now(),
            tally: Tally::default(),
            paging: Paging::default(),
        };
        for (id, queue) in recovered {
            host.queues.insert(id, Box::new(Slot::from(queue.restore())));
            host.take_up_pages(id);
        }
        host
    }

    /// Works for ever on what comes in.
    pub(crate) async fn run(mut self, mut mailbox: Receiver<Work>) {
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                biased;
                () = mailbox.receive(&mut batch) => {}
                () = wait_until(self.next_deadline()) => {}
                () = news(&mut self.progress) => {}
            }
            self.turn(&mut batch);
            // A mailbox that is never empty must not starve the connections of this shard.
            tokio::task::yield_now().await;
        }
    }

    /// Does everything in `batch`, and what it is time for.
    fn turn(&mut self, batch: &mut Vec<Work>) {
        self.now = clock::now();
        for work in batch.drain(..) {
            self.work(work);
        }
        self.act_on_time();
        self.finish();
    }

    fn work(&mut self, work: Work) {
        match work {
            Work::Batch(batch) => self.batch(batch),
            // The end of this round looks after it.
            Work::Recorded => {}
            Work::Ask { link, queue, question } => self.ask(&link, queue, question),
            Work::Create { id, settings } => {
                let nowhere = || Whereabouts::default();
                let slot = Slot::new(Queue::new(settings), nowhere(), nowhere());
                self.queues.insert(id, Box::new(slot));
                self.account(id);
            }
            Work::Remove(queues) => {
                for id in queues {
                    self.apply(id, Command::Delete { if_unused: false, if_empty: false });
                    self.carry_out(id, None);
                }
            }
            Work::Landed { queue, id } => {
                if let Some(slot) = self.queues.get_mut(&queue) {
                    slot.queue.landed(id, &mut self.effects);
                    self.carry_out(queue, None);
                }
            }
            Work::Relocate { file, answer } => {
                // The asker goes only with the node.
                let _ = answer.send(self.relocate(file));
            }
            Work::Weigh { file, answer } => {
                let weight = self.queues.values().map(|slot| slot.weigh(file)).sum();
                // As above.
                let _ = answer.send(weight);
            }
            Work::PageOut => self.page_out_everywhere(),
            Work::Page(report) => self.page_reported(report),
            Work::PageRead { queue, page, from, messages } => {
                self.page_read((queue, page), from, messages);
            }
            Work::Compact { segments, answer } => self.rewrite_pages(&segments, answer),
            Work::Farewell(link) => {
                self.paging.forget(&link);
                self.outboxes.send(&mut self.departures);
                self.departures.send(&link, Event::Farewell);
            }
            Work::Subscribers { queue, answer } => self.name_subscribers(queue, answer),
            Work::Survey(answer) => self.survey(answer),
        }
    }

    fn batch(&mut self, batch: Batch) {
        let mut settled = Settled::default();
        let mut awaited = Vec::new();
        let mut items = batch.items.into_iter().peekable();
        if let Some((transaction, part)) = &batch.part {
            self.departures.wait_for(Arc::clone(transaction));
            self.journal.begin(*part);
        }
        while let Some(first) = items.next() {
            let id = first.queue();
            let mut run = Run::default();
            let before =
                batch.part.as_ref().and_then(|_| Some(self.queues.get(&id)?.queue.marks().0));
            self.item(first, &mut run, &mut settled.outcomes);
            while let Some(next) = items.next_if(|item| item.queue() == id) {
                self.item(next, &mut run, &mut settled.outcomes);
            }
            awaited.extend(self.awaited(id));
            if let (Some(before), Some((transaction, _))) = (before, &batch.part) {
                self.note_uncertain(id, before, transaction);
            }
            self.carry_out(id, None);
            if run.messages > 0 {
                self.page_out(id);
            }
            if !self.owe(id, batch.link.as_ref(), &run) {
                settled.messages += run.messages;
                settled.bytes += run.bytes;
            }
        }
        if let Some((transaction, _)) = batch.part {
            self.journal.end();
            self.recording.push(Arc::clone(&transaction));
            if settled.outcomes.drain(..).any(|(_, accepted)| !accepted) {
                transaction.refuse();
            }
            let others = awaited.iter().filter(|other| !Arc::ptr_eq(other, &transaction));
            others.for_each(|other| other.keep_until_end(transaction.answer()));
            self.promises.make(Promise::Committed(transaction));
        }
        if let Some(link) = batch.link
            && (settled.messages > 0 || !settled.outcomes.is_empty())
        {
            self.promise_after(&awaited, Promise::Settled(link, settled));
        }
        match batch.landing {
            Some(landing) if awaited.is_empty() => self.landing.push(landing),
            Some(landing) => self.promise_after(&awaited, Promise::Landed(landing)),
            None => {}
        }
    }

    fn item(&mut self, item: Item, run: &mut Run, outcomes: &mut Vec<(PublishId, bool)>) {
        match item {
            Item::Publish { queue, message, confirm } => {
                run.add(&message);
                let accepted = self.take_in(queue, Command::Publish(message));
                outcomes.extend(confirm.map(|confirm| (confirm, accepted)));
            }
            Item::PublishOnce { queue, once, confirm } => {
                run.add(&once.message);
                let accepted = self.take_in(queue, Command::PublishOnce(once));
                outcomes.extend(confirm.map(|confirm| (confirm, accepted)));
            }
            Item::Command { queue, command } => {
                match &command {
                    Command::Ack { ids } => self.tally.acknowledged += ids.len() as u64,
                    Command::Unsubscribe { consumer } => {
                        // What it was handed a moment ago still goes to its connection, which gives it back.
                        self.carry_out(queue, None);
                        self.outboxes.remove(*consumer, &mut self.departures);
                    }
                    _ => {}
                }
                self.apply(queue, command);
            }
        }
    }

    /// Whether the queue does not refuse the message. One that went meanwhile takes messages with it,
    /// as any deleted queue does.
    fn take_in(&mut self, queue: QueueId, publish: Command) -> bool {
        let before = self.effects.len();
        self.apply(queue, publish);
        !self.effects[before..].iter().any(|effect| matches!(effect, Effect::PublishRefused))
    }

    pub(super) fn apply(&mut self, queue: QueueId, command: Command) {
        if let Some(slot) = self.queues.get_mut(&queue) {
            slot.queue.apply(command, self.now, &mut self.effects);
        }
    }

    /// Carries out the effects of one queue. Answers go to `asker`.
    pub(super) fn carry_out(&mut self, id: QueueId, asker: Option<&Link>) {
        let mut delivered = 0;
        let mut effects = std::mem::take(&mut self.effects);
        for effect in effects.drain(..) {
            match effect {
                Effect::Deliver { consumer, id: message_id, redelivered, message } => {
                    delivered += 1;
                    self.tally.redelivered += u64::from(redelivered);
                    self.outboxes.deliver(id, (consumer, message_id), redelivered, message);
                }
                Effect::PublishRefused => {}
                Effect::Duplicate { .. } => self.tally.duplicates += 1,
                Effect::DeadLetter { id: original, message } => {
                    self.republish(id, original, message);
                }
                Effect::Release { id: original, message } => self.release(id, original, message),
                Effect::ConsumerGone { consumer } => self.consumer_gone(consumer),
                Effect::Deleted { messages, reason } => {
                    self.gone(id, reason);
                    self.promise(asker, Reply::Deleted(messages));
                }
                Effect::PageOut { page, messages } => self.write_page(id, page, messages),
                Effect::PageIn { page } => self.read_page(id, page),
                Effect::PageDone { page } => self.page_done(id, page),
                answer => self.answer(id, answer, asker),
            }
        }
        self.effects = effects;
        self.tally.delivered += delivered;
        if delivered > 0
            && let Some(slot) = self.queues.get_mut(&id)
        {
            slot.delivered(delivered, self.now);
        }
        self.account(id);
    }

    fn consumer_gone(&mut self, consumer: ConsumerId) {
        self.outboxes.flush(consumer, &mut self.departures);
        if let Some(link) = self.outboxes.remove(consumer, &mut self.departures) {
            self.departures.send(&link, Event::ConsumerGone(consumer));
        }
    }

    /// Records again what is only in `file` of the log or before, and tells what the snapshot needs.
    fn relocate(&mut self, file: u32) -> Inventory {
        let mut inventory = Inventory { done: self.paging.take_done(), ..Inventory::default() };
        for (id, slot) in &mut self.queues {
            slot.relocate(*id, file, &mut self.journal, &mut inventory);
        }
        self.journal.commit();
        inventory
    }

    /// A queue has deleted itself: nobody may find it any more.
    fn gone(&mut self, id: QueueId, reason: Deletion) {
        let Some(mut slot) = self.queues.remove(&id) else { return };
        slot.give_all_back();
        self.tally.bytes += slot.take_change();
        self.pages_gone(&slot);
        self.deadlines.set(id, None);
        let settings = slot.queue.settings();
        tracing::debug!(vhost = %settings.vhost, queue = %settings.name, ?reason, "queue deleted");
        let recorded = self.node.queue_gone(&settings.vhost, &settings.name, id);
        self.recorded = self.recorded.max(recorded);
    }

    /// Notes what a queue holds now, and when it wants to be looked at again.
    pub(super) fn account(&mut self, id: QueueId) {
        let Some(slot) = self.queues.get_mut(&id) else { return };
        self.tally.bytes += slot.take_change();
        slot.record(id, &mut self.journal, &mut self.changes);
        if !slot.swept && slot.queue.counts().unacked > 0 {
            slot.swept = true;
            self.to_sweep.push(id);
            if self.to_sweep.len() == 1 {
                self.sweep_at = self.now.after(SWEEP_INTERVAL);
            }
        }
        self.deadlines.set(id, slot.queue.next_deadline());
    }

    /// Owes the publisher of a run its budget if the queue's consumers are behind; false if not.
    fn owe(&mut self, id: QueueId, link: Option<&Link>, run: &Run) -> bool {
        let Some(link) = link.filter(|_| run.messages > 0) else { return false };
        let Some(slot) = self.queues.get_mut(&id).filter(|slot| slot.is_behind()) else {
            return false;
        };
        let due = slot.owe(link.clone(), run.messages, run.bytes, self.now);
        self.due.push_back((due, id));
        true
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        let sweep = (!self.to_sweep.is_empty()).then_some(self.sweep_at);
        let due = self.due.front().map(|(due, _)| *due);
        [self.deadlines.first(), due, sweep].into_iter().flatten().min()
    }

    fn act_on_time(&mut self) {
        while let Some((_, id)) = self.due.pop_front_if(|(due, _)| *due <= self.now) {
            if let Some(slot) = self.queues.get_mut(&id) {
                slot.give_back(self.now);
            }
        }
        let due: Vec<_> = std::iter::from_fn(|| self.deadlines.pop(self.now)).collect();
        for id in due {
            self.apply(id, Command::Expire);
            self.carry_out(id, None);
        }
        if !self.to_sweep.is_empty() && self.sweep_at <= self.now {
            for id in std::mem::take(&mut self.to_sweep) {
                let Some(slot) = self.queues.get_mut(&id) else { continue };
                slot.swept = false;
                slot.queue.release_buffers();
                self.tally.bytes += slot.take_change();
            }
        }
    }

    /// Sends what the batch brought about.
    fn finish(&mut self) {
        self.outboxes.send(&mut self.departures);
        let handed_over = self.journal.commit();
        if handed_over != Position::MAX {
            self.recording.drain(..).for_each(|transaction| transaction.part_recorded());
            self.landing.clear();
        }
        self.departures.leave(&self.node);
        self.promises.place(handed_over.max(self.recorded));
        self.promises.keep(self.journal.durable());
        let Tally { delivered, redelivered, acknowledged, duplicates, bytes } =
            std::mem::take(&mut self.tally);
        let metrics = &self.node.metrics;
        metrics.delivered.inc_by(delivered);
        metrics.redelivered.inc_by(redelivered);
        metrics.acknowledged.inc_by(acknowledged);
        metrics.duplicates.inc_by(duplicates);
        if let Some(blocked) = self.node.memory.change(bytes) {
            self.node.block_publishers(blocked);
        }
    }
}

#[cfg(test)]
mod rig;
#[cfg(test)]
mod tests;
