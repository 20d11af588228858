//! One queue: what waits in it, who takes from it, what is out and not yet acknowledged.
//!
//! ```text
//!              publish                 deliver (manual ack), get
//!  (outside) ──────────▶ ready ──────────────────────────────▶ held ──ack──▶ (gone)
//!                          ▲ │                                   │
//!                          │ └── deliver (no ack), purge ─▶ gone  │
//!                          └────────────── requeue ──────────────┘
//! ```
//!
//! # Invariants
//!
//! - A message is in exactly one place: ready, held, or gone.
//! - Messages leave in the order of their ids; a requeued one has its old id, and so its old place.
//! - A message is ready only while no consumer has credit for it.
//!
//! Pure state: see [`Queue::apply`].

mod command;
mod consumers;
mod effect;
mod ready;
mod settings;

use hashbrown::HashMap;
use std::sync::Arc;

use crate::id::{ConsumerId, MessageId};
use crate::message::Message;
pub use crate::queue::command::{Command, Subscription};
use crate::queue::consumers::Consumers;
pub use crate::queue::effect::{Deletion, Effect};
use crate::queue::ready::{Entry, Ready};
pub use crate::queue::settings::Settings;
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// A queue with one copy of its messages, in memory.
#[derive(Debug)]
pub struct Queue {
    settings: Arc<Settings>,
    last_id: u64,
    ready: Ready,
    held: HashMap<MessageId, Held>,
    held_bytes: u64,
    consumers: Consumers,
    deleted: bool,
}

/// A message that was delivered and not yet settled. `consumer` is none after `Get`.
#[derive(Debug)]
struct Held {
    consumer: Option<ConsumerId>,
    entry: Entry,
}

/// Figures about one queue at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Messages that wait.
    pub ready: u64,
    /// Messages delivered and not yet settled.
    pub unacked: u64,
    /// Bytes of the waiting messages, see [`Message::size`].
    pub ready_bytes: u64,
    /// Bytes of the unsettled messages.
    pub unacked_bytes: u64,
    /// Consumers.
    pub consumers: u32,
}

// === impl Queue ===

impl Queue {
    /// An empty queue.
    #[must_use]
    pub fn new(settings: Arc<Settings>) -> Self {
        Self {
            settings,
            last_id: 0,
            ready: Ready::default(),
            held: HashMap::new(),
            held_bytes: 0,
            consumers: Consumers::default(),
            deleted: false,
        }
    }

    /// What the queue was declared with.
    #[must_use]
    pub fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    /// How much is in the queue now.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            ready: self.ready.len() as u64,
            unacked: self.held.len() as u64,
            ready_bytes: self.ready.bytes(),
            unacked_bytes: self.held_bytes,
            consumers: self.consumers.len() as u32,
        }
    }

    /// When [`Command::Expire`] is next due, if ever. Look again after every batch of commands:
    /// it may have moved either way.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        None
    }

    /// Applies one command and appends what it causes to `effects`, in the order to be carried out.
    ///
    /// The same state, command and time give the same effects everywhere. After
    /// [`Effect::Deleted`] the queue ignores everything.
    pub fn apply(&mut self, command: Command, now: Timestamp, effects: &mut Vec<Effect>) {
        if self.deleted {
            return;
        }
        let _ = now;
        match command {
            Command::Publish(message) => self.publish(message, effects),
            Command::Subscribe(terms) => self.subscribe(terms, effects),
            Command::Unsubscribe { consumer } => self.unsubscribe(consumer, effects),
            Command::Grant { consumer, deliveries } => {
                self.consumers.grant(consumer, deliveries);
                self.dispatch(effects);
            }
            Command::SetPrefetch { consumer, prefetch } => {
                self.consumers.set_prefetch(consumer, prefetch);
                self.dispatch(effects);
            }
            Command::Ack { ids } | Command::Reject { ids } => {
                for id in ids {
                    self.release(id);
                }
                self.dispatch(effects);
            }
            Command::Requeue { ids } => {
                for id in ids {
                    if let Some(mut entry) = self.release(id) {
                        entry.deliveries += 1;
                        self.ready.put_back(entry);
                    }
                }
                self.dispatch(effects);
            }
            Command::Get { no_ack } => self.get(no_ack, effects),
            Command::Purge => effects.push(Effect::Purged { messages: self.ready.clear() }),
            Command::Delete { if_unused, if_empty } => self.delete(if_unused, if_empty, effects),
            Command::Expire => {}
        }
    }

    fn publish(&mut self, message: Message, effects: &mut Vec<Effect>) {
        self.last_id += 1;
        let entry = Entry { id: MessageId(self.last_id), deliveries: 0, message };
        if self.ready.is_empty()
            && let Some((consumer, no_ack)) = self.consumers.take_next()
        {
            self.deliver(entry, consumer, no_ack, effects);
        } else {
            self.ready.push(entry);
        }
    }

    fn dispatch(&mut self, effects: &mut Vec<Effect>) {
        while !self.ready.is_empty()
            && let Some((consumer, no_ack)) = self.consumers.take_next()
            && let Some(entry) = self.ready.pop()
        {
            self.deliver(entry, consumer, no_ack, effects);
        }
    }

    fn deliver(
        &mut self,
        entry: Entry,
        consumer: ConsumerId,
        no_ack: bool,
        effects: &mut Vec<Effect>,
    ) {
        let (id, redelivered) = (entry.id, entry.deliveries > 0);
        let message = if no_ack { entry.message } else { self.hold(entry, Some(consumer)) };
        effects.push(Effect::Deliver { consumer, id, redelivered, message });
    }

    fn hold(&mut self, entry: Entry, consumer: Option<ConsumerId>) -> Message {
        let message = entry.message.clone();
        self.held_bytes += message.size() as u64;
        self.held.insert(entry.id, Held { consumer, entry });
        message
    }

    /// Takes a held message back from whoever held it.
    fn release(&mut self, id: MessageId) -> Option<Entry> {
        let Held { consumer, entry } = self.held.remove(&id)?;
        self.held_bytes -= entry.message.size() as u64;
        if let Some(consumer) = consumer {
            self.consumers.settled(consumer);
        }
        Some(entry)
    }

    fn subscribe(&mut self, terms: Subscription, effects: &mut Vec<Effect>) {
        if self.consumers.is_exclusive() || (terms.exclusive && self.consumers.len() > 0) {
            let Settings { vhost, name, .. } = &*self.settings;
            let detail = format!("queue '{name}' in vhost '{vhost}' in exclusive use");
            effects.push(Effect::Refused(Refusal::access(detail)));
            return;
        }
        effects.push(Effect::Subscribed { consumer: terms.consumer });
        self.consumers.add(terms);
        self.dispatch(effects);
    }

    fn unsubscribe(&mut self, consumer: ConsumerId, effects: &mut Vec<Effect>) {
        let left = self.consumers.remove(consumer);
        if left && self.settings.auto_delete && self.consumers.len() == 0 {
            self.end(Deletion::Unused, effects);
        }
    }

    fn get(&mut self, no_ack: bool, effects: &mut Vec<Effect>) {
        let Some(entry) = self.ready.pop() else {
            effects.push(Effect::GotNothing);
            return;
        };
        let (id, redelivered) = (entry.id, entry.deliveries > 0);
        let message = if no_ack { entry.message } else { self.hold(entry, None) };
        let remaining = self.ready.len() as u64;
        effects.push(Effect::Got { id, redelivered, message, remaining });
    }

    fn delete(&mut self, if_unused: bool, if_empty: bool, effects: &mut Vec<Effect>) {
        let Settings { vhost, name, .. } = &*self.settings;
        let refusal = if if_unused && self.consumers.len() > 0 {
            Some(Refusal::precondition(format_args!("queue '{name}' in vhost '{vhost}' in use")))
        } else if if_empty && !self.ready.is_empty() {
            Some(Refusal::precondition(format_args!("queue '{name}' in vhost '{vhost}' not empty")))
        } else {
            None
        };
        match refusal {
            Some(refusal) => effects.push(Effect::Refused(refusal)),
            None => self.end(Deletion::Requested, effects),
        }
    }

    fn end(&mut self, reason: Deletion, effects: &mut Vec<Effect>) {
        self.deleted = true;
        for consumer in self.consumers.clear() {
            effects.push(Effect::ConsumerGone { consumer });
        }
        self.held = HashMap::new();
        self.held_bytes = 0;
        effects.push(Effect::Deleted { messages: self.ready.clear(), reason });
    }
}

#[cfg(test)]
mod tests;
