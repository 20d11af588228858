//! The model: what each client did to each message, and so where the message may or must be.
//!
//! A message is followed by *family*: the queue it was published to and that queue's dead-letter
//! queue together. It must be in one of them from its confirm until an acknowledgement was sent.
//!
//! ```text
//!          confirm, or seen after a crash          acknowledged, purged, deleted: sent
//!   Sent ────────────────────────────────▶ Due ────────────────────────────────────────▶ Leaving
//!    │                                      ▲      seen after a crash: that was lost        │ │
//!    │                                      └───────────────────────────────────────────────┘ │
//!    └── not seen after a crash ──▶ Lost    Gone ◀── answered, or not seen after a crash ─────┘
//! ```
//!
//! Where the broker keeps a window of keys a publisher sends again what it does not know to have
//! arrived, and some that it does: what was lost may come then, and nothing comes twice.

pub(crate) mod delays;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::ledger::delays::{Delays, now};

/// Who published it, and the how manieth of theirs it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Message {
    pub(crate) publisher: u64,
    pub(crate) number: u64,
}

/// Where a message is, as far as its clients can know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// May be there: its confirm has not come.
    Sent,
    /// Must be there.
    Due,
    /// May be there: it was told to go, and the broker has not said that it did.
    Leaving,
    /// Must not be there.
    Gone,
    /// It may have been lost with a crash, unconfirmed.
    Lost,
}

#[derive(Debug)]
struct Entry {
    fate: Fate,
    /// The broker has said that it is there, or it was seen after a crash.
    confirmed: bool,
    /// A copy may be in the dead-letter queue, and may have come there more than once.
    rejected: bool,
    /// An acknowledgement was sent at some time.
    acknowledged: bool,
}

type Family = BTreeMap<Message, Entry>;

/// What is known of every message, and what was found to be wrong.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    families: HashMap<String, Family>,
    numbers: HashMap<u64, u64>,
    /// The latest message by each publisher, of each lane, that came out of each queue for the first
    /// time.
    frontier: HashMap<(String, u64, u8), u64>,
    /// Of messages that are held back before they come to a queue.
    delays: Delays,
    /// Queues that are being emptied while others publish to them.
    emptying: BTreeSet<String>,
    seen_ever: BTreeSet<(String, Message)>,
    seen_in_this_life: BTreeSet<(String, Message)>,
    /// Broken promises, in words.
    pub(crate) violations: Vec<String>,
}

/// The queue that dead messages of `queue` go to.
pub(crate) fn grave(queue: &str) -> Option<&'static str> {
    match queue {
        "orders" => Some("dead"),
        "brief" => Some("expired"),
        "capped" => Some("spilled"),
        _ => None,
    }
}

/// Whether messages of `queue` die though nobody rejects them.
pub(crate) fn is_deadly(queue: &str) -> bool {
    matches!(queue, "brief" | "capped")
}

/// Whether dead messages of another queue go to `queue`.
pub(crate) fn is_grave(queue: &str) -> bool {
    family(queue) != queue
}

/// Whether the broker passes messages on to `queue` from somewhere else: after a crash it may do so once
/// more.
pub(crate) fn may_repeat(queue: &str) -> bool {
    is_grave(queue) || queue == "delayed"
}

fn family(queue: &str) -> &str {
    match queue {
        "dead" => "orders",
        "expired" => "brief",
        "spilled" => "capped",
        other => other,
    }
}

// === impl Message ===

impl Message {
    /// Its priority in `queue`: messages are in order among those of the same.
    pub(crate) fn priority(self, queue: &str) -> u8 {
        // Below 4.
        if queue == "ranked" { (self.number % 4) as u8 } else { 0 }
    }

    /// Messages of one publisher are in order in `queue` among those of the same lane.
    pub(crate) fn lane(self, queue: &str) -> u8 {
        // Below 8.
        if queue == "delayed" { (self.number % 8) as u8 } else { self.priority(queue) }
    }

    /// As a body, with so many bytes behind.
    pub(crate) fn to_body(self, padding: usize) -> Vec<u8> {
        let mut body = format!("{}:{}:", self.publisher, self.number).into_bytes();
        body.resize(body.len() + padding, b'.');
        body
    }

    /// From a body; `None` when it is not one of ours, or was damaged.
    pub(crate) fn from_body(body: &[u8]) -> Option<Self> {
        let mut parts = str::from_utf8(body).ok()?.splitn(3, ':');
        let (publisher, number) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let whole = parts.next()?.bytes().all(|byte| byte == b'.');
        whole.then_some(Self { publisher, number })
    }
}

// === impl Ledger ===

impl Ledger {
    /// The next message of `publisher`, which is about to go to `queues`.
    pub(crate) fn send(&mut self, publisher: u64, queues: &[&str]) -> Message {
        let number = self.numbers.entry(publisher).or_default();
        *number += 1;
        let message = Message { publisher, number: *number };
        for queue in queues {
            let family = self.families.entry((*queue).to_owned()).or_default();
            let (confirmed, rejected, acknowledged) = Default::default();
            let entry = Entry { fate: Fate::Sent, confirmed, rejected, acknowledged };
            family.insert(message, entry);
        }
        message
    }

    /// The latest messages of `publisher` to `queue`, which are about to be sent there once more.
    pub(crate) fn send_again(&mut self, publisher: u64, queue: &str, most: u64) -> Vec<Message> {
        let last = self.numbers.get(&publisher).copied().unwrap_or_default();
        let numbers = last.saturating_sub(most) + 1..=last;
        let again: Vec<_> = numbers.map(|number| Message { publisher, number }).collect();
        for message in &again {
            self.change(queue, *message, Fate::Lost, Fate::Sent);
        }
        again
    }

    /// The broker has confirmed the message.
    pub(crate) fn confirmed(&mut self, message: Message, queues: &[&str]) {
        self.confirmed_at(message, queues, now());
    }

    fn confirmed_at(&mut self, message: Message, queues: &[&str], now: u64) {
        self.delays.confirmed(message, now);
        for queue in queues {
            let emptying = self.emptying.contains(*queue);
            let entry = self.families.get_mut(*queue).and_then(|f| f.get_mut(&message));
            let Some(entry) = entry else { continue };
            entry.confirmed = true;
            if entry.fate == Fate::Sent {
                // What was sent again may be known because it was acknowledged before the crash.
                let is_leaving = emptying || entry.acknowledged;
                entry.fate = if is_leaving { Fate::Leaving } else { Fate::Due };
            }
        }
    }

    /// The broker has said that it did not take the message.
    pub(crate) fn refused(&mut self, message: Message, queues: &[&str]) {
        for queue in queues {
            self.change(queue, message, Fate::Sent, Fate::Gone);
        }
    }

    /// An acknowledgement is about to be sent.
    pub(crate) fn acknowledging(&mut self, queue: &str, message: Message) {
        self.change(queue, message, Fate::Sent, Fate::Leaving);
        self.change(queue, message, Fate::Due, Fate::Leaving);
        if let Some(entry) = self.families.get_mut(family(queue)).and_then(|f| f.get_mut(&message))
        {
            entry.acknowledged = true;
        }
    }

    /// An acknowledgement to `queue`, which is no grave, is on disk.
    pub(crate) fn acknowledged(&mut self, queue: &str, message: Message) {
        // Of a message that was passed on the original may not be.
        if self.delays.acknowledged(message, now()) {
            return;
        }
        let entry = self.families.get(queue).and_then(|family| family.get(&message));
        // Of a message that died before a copy may be in the grave.
        if entry.is_some_and(|entry| !entry.rejected && !is_deadly(queue)) {
            self.change(queue, message, Fate::Leaving, Fate::Gone);
        }
    }

    /// A rejection is about to be sent.
    pub(crate) fn rejecting(&mut self, queue: &str, message: Message) {
        if let Some(entry) = self.families.get_mut(queue).and_then(|f| f.get_mut(&message)) {
            entry.rejected = true;
        }
    }

    /// Everything in the queue is about to be told to go, by the only one who publishes to it.
    pub(crate) fn emptying(&mut self, queue: &str) {
        self.leave(queue, |_| false);
    }

    /// Everything that waits in the queue is about to be told to go, or has been (`done`), while others
    /// publish to it. Those that are `spared` do not wait: a consumer holds them, or has rejected them.
    pub(crate) fn emptying_but(
        &mut self,
        queue: &str,
        done: bool,
        spared: impl Fn(&Message) -> bool,
    ) {
        if done {
            self.emptying.remove(queue);
        } else {
            self.emptying.insert(queue.to_owned());
        }
        self.leave(queue, spared);
    }

    fn leave(&mut self, queue: &str, spared: impl Fn(&Message) -> bool) {
        for (message, entry) in self.families.entry(queue.to_owned()).or_default() {
            if matches!(entry.fate, Fate::Sent | Fate::Due) && !spared(message) {
                entry.fate = Fate::Leaving;
            }
        }
    }

    /// The broker says that everything that was told to go is gone.
    pub(crate) fn emptied(&mut self, queue: &str) {
        for entry in self.families.entry(queue.to_owned()).or_default().values_mut() {
            if entry.fate == Fate::Leaving {
                entry.fate = Fate::Gone;
            }
        }
    }

    /// How many messages must be there.
    pub(crate) fn backlog(&self, queue: &str) -> usize {
        let due = |family: &Family| family.values().filter(|e| e.fate == Fate::Due).count();
        self.families.get(queue).map_or(0, due)
    }

    /// The broker is dead.
    pub(crate) fn killed(&mut self) {
        self.delays.killed(now());
    }

    /// The broker was started anew.
    pub(crate) fn new_life(&mut self) {
        self.emptying.clear();
        self.seen_in_this_life.clear();
        // What had died to make room before anybody saw it may be back, in its place.
        self.frontier.retain(|(queue, ..), _| queue != "capped");
    }

    /// A message came out of `queue`.
    pub(crate) fn observed(&mut self, queue: &str, message: Message, redelivered: bool) {
        self.observed_at(queue, message, redelivered, now());
    }

    fn observed_at(&mut self, queue: &str, message: Message, redelivered: bool, now: u64) {
        let fate = self.families.get(family(queue)).and_then(|f| f.get(&message)).map(|e| e.fate);
        match fate {
            None => self.violated(format!("{queue}: {message:?} never was sent there")),
            Some(fate @ (Fate::Gone | Fate::Lost)) => {
                self.violated(format!("{queue}: {message:?} was {fate:?}, and is there"));
            }
            Some(_) => {}
        }
        let seen = (queue.to_owned(), message);
        // What died may die again after a crash, so graves see copies more than once; of them only time
        // kills in the order of the queue.
        let is_source = !may_repeat(queue);
        if !self.seen_in_this_life.insert(seen.clone()) && !redelivered && is_source {
            self.violated(format!("{queue}: {message:?} came again, not flagged redelivered"));
        }
        if queue == "brief"
            && let Some(late) = self.delays.is_past(message, now)
        {
            self.violated(format!("{queue}: {message:?} came {late} ms after its time"));
        }
        let is_first = self.seen_ever.insert(seen);
        // Who looked into its queue held it for a while, and what stood behind it may have died meanwhile.
        let was_held =
            queue == "expired" && self.seen_ever.contains(&("brief".to_owned(), message));
        if queue == "delayed"
            && let Some(wrong) = self.delays.observed(message, is_first, now)
        {
            self.violated(format!("{queue}: {message:?} {wrong}"));
        }
        if is_first && !was_held && (is_source || matches!(queue, "expired" | "delayed")) {
            let place = (queue.to_owned(), message.publisher, message.lane(queue));
            let frontier = self.frontier.entry(place).or_default();
            let before = std::mem::replace(frontier, message.number.max(*frontier));
            if message.number < before {
                self.violated(format!("{queue}: {message:?} came only after number {before}"));
            }
        }
    }

    /// Compares what is in a queue and in its grave after a crash with what must be; `exact` when
    /// nothing can be on its way from the one to the other meanwhile.
    pub(crate) fn reconcile(
        &mut self,
        queue: &str,
        source: &BTreeSet<Message>,
        grave: &BTreeSet<Message>,
        exact: bool,
    ) {
        let mut missing = Vec::new();
        for (message, entry) in self.families.entry(queue.to_owned()).or_default() {
            let (here, there) = (source.contains(message), grave.contains(message));
            let may_be_dead = entry.rejected || is_deadly(queue);
            if entry.fate == Fate::Due && !here && !(there && may_be_dead) {
                missing.push(*message);
            }
            entry.fate = match entry.fate {
                fate @ (Fate::Gone | Fate::Lost) => fate,
                _ if here || there => Fate::Due,
                fate if !exact => fate,
                // Its acknowledgement may be lost together with it.
                _ if !entry.confirmed => Fate::Lost,
                _ => Fate::Gone,
            };
            entry.confirmed |= here || there;
        }
        if let (Some(first), Some(last)) = (missing.first(), missing.last()) {
            let count = missing.len();
            self.violated(format!("{queue}: {count} missing, from {first:?} to {last:?}"));
        }
    }

    /// The messages that must be in `queue` or its grave.
    pub(crate) fn due(&self, queue: &str) -> BTreeSet<Message> {
        let family = self.families.get(queue).into_iter().flatten();
        family.filter(|(_, entry)| entry.fate == Fate::Due).map(|(message, _)| *message).collect()
    }

    pub(crate) fn violated(&mut self, what: String) {
        self.violations.push(what);
    }

    fn change(&mut self, queue: &str, message: Message, from: Fate, to: Fate) {
        let entry = self.families.get_mut(family(queue)).and_then(|f| f.get_mut(&message));
        if let Some(entry) = entry.filter(|entry| entry.fate == from) {
            entry.fate = to;
        }
    }
}

#[cfg(test)]
mod tests;
