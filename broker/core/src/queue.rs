//! One queue: what waits in it, who takes from it, what is out and not yet acknowledged.
//!
//! ```text
//!              publish                 deliver (manual ack), get
//!  (outside) ──────────▶ ready ──────────────────────────────▶ held ──ack──▶ (gone)
//!                          ▲ │                                  │ │
//!                          │ ├── deliver (no ack), purge ─▶ gone│ └─reject, over the limit─▶ dead
//!                          │ └── expired, over the length ─▶ dead
//!                          └────────────── requeue ─────────────┘
//! ```
//!
//! # Invariants
//!
//! - A message is in exactly one place: ready, held, dead or gone.
//! - Messages of one priority leave in the order of their ids; a requeued one has its old id, and
//!   so its old place.
//! - A message is ready only while no consumer has credit for it, or the first one is in a page.
//!
//! # What the caller owes
//!
//! - After making the queue and after each batch of commands: ask [`Queue::next_deadline`] and
//!   send [`Command::Expire`] when it comes.
//! - When someone declares the queue again: [`Command::Touch`].
//! - About once a second while messages are held: [`Queue::release_buffers`].
//! - Where memory is short: [`Queue::page_out`], and what its effects ask for.
//! - [`Effect::DeadLetter`]: route the message like any other and publish it where it goes; then
//!   [`Queue::landed`].
//!
//! Pure state: see [`Queue::apply`].

mod arguments;
mod changes;
mod command;
mod consumers;
mod dead_letter;
mod dedup;
mod effect;
mod expiry;
mod ids;
mod overflow;
mod pages;
mod paging;
mod ready;
mod reconfigure;
mod redelivery;
mod schedule;
mod settings;
mod subscriptions;

use std::collections::BTreeSet;
use std::sync::Arc;

use hashbrown::HashMap;

use crate::dedup::Key;
use crate::id::{ConsumerId, MessageId};
use crate::message::Message;
pub(crate) use crate::queue::arguments::{COMPARED, DEAD_LETTER_EXCHANGE, KIND, check_belonging};
pub use crate::queue::changes::{Changes, Entered, Purged, Remembered};
pub use crate::queue::command::{Command, Once, Subscription};
use crate::queue::consumers::Consumers;
use crate::queue::dead_letter::{Reason, goes_in_circles};
pub use crate::queue::dedup::KnownKey;
use crate::queue::dedup::Windows;
pub use crate::queue::effect::{Deletion, Effect};
pub use crate::queue::ids::IdSet;
pub use crate::queue::pages::{Page, PageNumber, PageSize, Paged, Pages};
pub use crate::queue::paging::Left;
use crate::queue::paging::Paging;
use crate::queue::ready::{Entry, Ready};
pub use crate::queue::redelivery::HandedOut;
use crate::queue::redelivery::TimesHandedOut;
use crate::queue::schedule::{TimeIndex, Totals};
pub use crate::queue::settings::{DeadLetterTo, Kind, Overflow, Settings};
pub use crate::queue::subscriptions::ConsumerView;
use crate::time::Timestamp;

/// A table of held messages this large is given back once it is empty.
const LARGE: usize = 1_024;

/// A queue with one copy of its messages, in memory.
#[derive(Debug)]
pub struct Queue {
    settings: Arc<Settings>,
    last_id: u64,
    ready: Ready,
    held: HashMap<MessageId, Held>,
    held_retained: u64,
    held_body_bytes: u64,
    consumers: Consumers,
    /// When somebody used it last; none before the first `Expire` or use.
    last_used: Option<Timestamp>,
    /// The largest id of a logged message that was ever handed out.
    delivered: MessageId,
    /// Messages on their way to a dead-letter exchange that a log has to know until they are there.
    dying: BTreeSet<MessageId>,
    /// Of a durable queue, what a log does not know yet.
    changes: Option<Box<Changes>>,
    /// Once messages have left for pages.
    paging: Option<Box<Paging>>,
    /// How often messages were handed out, of those that were more than once.
    handed_out: Option<Box<TimesHandedOut>>,
    /// Keys of messages that came before, if anybody wants to know.
    windows: Option<Box<Windows>>,
    /// Of a delayed exchange's queue, what is not due yet.
    schedule: Option<Box<TimeIndex>>,
    deleted: bool,
}

/// A message that was delivered and not yet settled. `consumer` is none after `Get`.
#[derive(Debug)]
struct Held {
    consumer: Option<ConsumerId>,
    /// What it was counted with: copying it out of a read buffer changes its size.
    retained: u64,
    entry: Entry,
}

/// Figures about one queue at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Messages that wait.
    pub ready: u64,
    /// Messages delivered and not yet settled.
    pub unacked: u64,
    /// Bytes of the bodies of the waiting messages.
    pub ready_bytes: u64,
    /// Bytes of the bodies of the unsettled messages.
    pub unacked_bytes: u64,
    /// How many of them are in memory, and not in pages alone.
    pub here: u64,
    /// Bytes of memory that these take, names, headers and bookkeeping included. A message
    /// that waits in several queues counts in each.
    pub retained_bytes: u64,
    /// Consumers.
    pub consumers: u32,
    /// Keys of messages that were here, [`BYTES_PER_KEY`](crate::dedup::BYTES_PER_KEY) each.
    pub keys: u64,
    /// Duplicates that it did not take, since it was made or the node was started.
    pub duplicates: u64,
}

// === impl Queue ===

impl Queue {
    /// An empty queue.
    #[must_use]
    pub fn new(settings: Arc<Settings>) -> Self {
        Self {
            last_id: 0,
            ready: Ready::default(),
            held: HashMap::new(),
            held_retained: 0,
            held_body_bytes: 0,
            consumers: Consumers::new(settings.single_active),
            last_used: None,
            delivered: MessageId(0),
            dying: BTreeSet::new(),
            changes: settings.durable.then(Box::default),
            paging: None,
            handed_out: None,
            windows: None,
            schedule: settings.schedule.then(Box::default),
            deleted: false,
            settings,
        }
    }

    /// How the queue behaves.
    #[must_use]
    pub fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    /// How much is in the queue now. Cheap: nothing is counted.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let delayed = self.schedule.as_ref().map_or_else(Totals::default, |due| due.totals());
        Counts {
            ready: self.ready.len() + delayed.messages,
            here: self.ready.here() + self.held.len() as u64 + delayed.here,
            unacked: self.held.len() as u64,
            ready_bytes: self.ready.body_bytes() + delayed.body_bytes,
            unacked_bytes: self.held_body_bytes,
            retained_bytes: self.ready.retained() + self.held_retained + delayed.retained,
            consumers: self.consumers.len() as u32,
            keys: self.key_count(),
            duplicates: self.windows.as_ref().map_or(0, |windows| windows.duplicates),
        }
    }

    /// Copies held messages out of the connections' read buffers, which they would otherwise keep
    /// alive as a whole. Messages that wait were copied when they began to wait; those delivered
    /// at once are usually acknowledged so soon that copying them would be wasted.
    pub fn release_buffers(&mut self) {
        for held in self.held.values_mut() {
            held.entry.message.compact();
        }
    }

    /// Applies one command and appends what it causes to `effects`, in the order to be carried out.
    ///
    /// The same state, command and time give the same effects everywhere. After
    /// [`Effect::Deleted`] the queue ignores everything.
    pub fn apply(&mut self, command: Command, now: Timestamp, effects: &mut Vec<Effect>) {
        if self.deleted {
            return;
        }
        match command {
            Command::Publish(message) => self.publish(message, None, now, effects),
            Command::PublishOnce(once) => {
                self.publish(once.message, Some(&once.keys), now, effects);
            }
            Command::Subscribe(terms) => self.subscribe(terms, now, effects),
            Command::Unsubscribe { consumer } => self.unsubscribe(consumer, now, effects),
            Command::Grant { consumer, deliveries } => {
                self.consumers.grant(consumer, deliveries);
                self.dispatch(now, effects);
            }
            Command::SetPrefetch { consumer, prefetch } => {
                self.consumers.set_prefetch(consumer, prefetch);
                self.dispatch(now, effects);
            }
            Command::Ack { ids } => {
                self.settle(&ids, now, effects, |queue, entry, _| queue.note_gone(&entry));
            }
            Command::Reject { ids } => self.settle(&ids, now, effects, |queue, entry, effects| {
                queue.bury(&entry, Reason::Rejected, now, effects);
            }),
            Command::Requeue { ids } => {
                self.settle(&ids, now, effects, |queue, entry, effects| {
                    queue.take_back(entry, now, effects);
                });
            }
            Command::Get { no_ack } => self.get(no_ack, now, effects),
            Command::Purge => self.purge(effects),
            Command::Delete { if_unused, if_empty } => self.delete(if_unused, if_empty, effects),
            Command::Touch => self.touch(now),
            Command::Reconfigure(settings) => self.reconfigure(settings, now, effects),
            Command::Expire => self.expire(now, effects),
        }
        if self.paging.is_some() {
            self.tend_pages(now, effects);
        }
    }

    fn publish(
        &mut self,
        message: Message,
        on_the_way: Option<&Arc<[Key]>>,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        if !self.settings.schedule && goes_in_circles(&message, &self.settings.name) {
            return;
        }
        let keys = self.keys(&message, on_the_way);
        if let Some(first) = self.first_with(&keys, now) {
            return self.turn_away(first, effects);
        }
        if self.refuses(&message, now, effects) {
            return;
        }
        self.last_id += 1;
        let mut entry = Entry {
            id: MessageId(self.last_id),
            expires: expiry::of(&self.settings, &message, now),
            deliveries: 0,
            priority: self.priority_of(&message),
            logged: self.is_logged(&message),
            message,
        };
        self.remember(entry.id, entry.logged, &keys, now);
        if self.settings.schedule {
            return self.put_off(entry, now);
        }
        if self.ready.is_empty()
            && let Some((consumer, no_ack)) = self.consumers.take_next()
        {
            // Gone as soon as it is here: nothing that a log could bring back.
            entry.logged &= !no_ack;
            self.note_entered(&entry);
            return self.deliver(entry, consumer, no_ack, effects);
        }
        self.note_entered(&entry);
        self.ready.push(entry);
        self.expire_messages(now, effects);
        self.drop_excess(now, effects);
    }

    /// The message's priority as far as the queue tells priorities apart.
    fn priority_of(&self, message: &Message) -> u8 {
        match self.settings.max_priority {
            0 => 0,
            highest => message.properties().priority().unwrap_or(0).min(highest),
        }
    }

    fn dispatch(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        self.clear_head(now, effects);
        while self.ready.has_head()
            && let Some((consumer, no_ack)) = self.consumers.take_next()
            && let Some(entry) = self.ready.pop()
        {
            self.deliver(entry, consumer, no_ack, effects);
            self.clear_head(now, effects);
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
        self.consumers.charge(consumer, entry.message.weight());
        let message = self.hand_out(entry, Some(consumer), no_ack);
        effects.push(Effect::Deliver { consumer, id, redelivered, message });
    }

    fn get(&mut self, no_ack: bool, now: Timestamp, effects: &mut Vec<Effect>) {
        self.touch(now);
        self.clear_head(now, effects);
        if self.ready.is_cold() {
            self.ask_for_page();
            return effects.push(Effect::NotYet { no_ack });
        }
        let Some(entry) = self.ready.pop() else { return effects.push(Effect::GotNothing) };
        let (id, redelivered) = (entry.id, entry.deliveries > 0);
        let message = self.hand_out(entry, None, no_ack);
        let remaining = self.ready.len();
        effects.push(Effect::Got { id, redelivered, message, remaining });
    }

    /// The message for the client; kept as held unless nobody will acknowledge it.
    fn hand_out(
        &mut self,
        mut entry: Entry,
        consumer: Option<ConsumerId>,
        no_ack: bool,
    ) -> Message {
        self.recount(&mut entry);
        if no_ack {
            self.note_gone(&entry);
            return if entry.deliveries == 0 { entry.message } else { self.shown(&entry) };
        }
        self.note_handed_out(&entry);
        self.note_handed_out_again(&entry);
        let message = self.shown(&entry);
        let retained = entry.retained();
        self.held_retained += retained;
        self.held_body_bytes += entry.message.body_len() as u64;
        self.held.insert(entry.id, Held { consumer, retained, entry });
        message
    }

    /// Takes messages from whoever holds them and does with each what the command says.
    fn settle(
        &mut self,
        ids: &[MessageId],
        now: Timestamp,
        effects: &mut Vec<Effect>,
        mut with: impl FnMut(&mut Self, Entry, &mut Vec<Effect>),
    ) {
        for id in ids {
            let Some(Held { consumer, retained, entry }) = self.held.remove(id) else { continue };
            self.held_retained -= retained;
            self.held_body_bytes -= entry.message.body_len() as u64;
            if let Some(consumer) = consumer {
                self.consumers.settled(consumer);
            }
            with(self, entry, effects);
        }
        if self.held.is_empty() && self.held.capacity() > LARGE {
            self.held = HashMap::new();
        }
        self.drop_excess(now, effects);
        self.dispatch(now, effects);
    }

    fn purge(&mut self, effects: &mut Vec<Effect>) {
        self.note_purged();
        self.purge_pages();
        self.forget_purged_handed_out();
        effects.push(Effect::Purged { messages: self.ready.clear() });
    }

    /// Ends the queue: everyone is told, everything in it is gone.
    fn end(&mut self, reason: Deletion, effects: &mut Vec<Effect>) {
        self.deleted = true;
        for consumer in self.consumers.clear() {
            effects.push(Effect::ConsumerGone { consumer });
        }
        self.held = HashMap::new();
        self.held_retained = 0;
        self.held_body_bytes = 0;
        self.dying = BTreeSet::new();
        self.changes = None;
        self.paging = None;
        self.handed_out = None;
        self.windows = None;
        let delayed = self.schedule.take().map_or(0, |schedule| schedule.totals().messages);
        effects.push(Effect::Deleted { messages: self.ready.clear() + delayed, reason });
    }
}

#[cfg(test)]
mod tests;
