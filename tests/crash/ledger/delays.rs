//! Delayed messages in the model: when each may come at the earliest, and in what order. And those that do
//! not live long: when each may come at the latest.
//!
//! The broker counts a delay from when the message arrives. A client knows only that this was between
//! the publish and the confirm, or the crash, so a message is due at one moment of a *span*. The clock
//! is the same for both.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{SystemTime, UNIX_EPOCH},
};

use crate::ledger::{Fate, Ledger, Message};

/// Milliseconds after which the broker is done with the original of a message that it has passed on: no
/// crash brings that back, though its copy was acknowledged.
const PASSED_ON: u64 = 500;

/// Milliseconds that a message which comes just in time may take to be seen.
const UNTIL_SEEN: u64 = 4_000;

/// When a message is due, or its life over: at some moment from `first` to `last`, in ms since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    delay: u64,
    first: u64,
    /// None while nobody knows when it arrived.
    last: Option<u64>,
}

/// What is known of delayed messages beside where they are.
#[derive(Debug, Default)]
pub(super) struct Delays {
    due: BTreeMap<Message, Due>,
    /// When an acknowledgement was known to be on disk.
    acknowledged: BTreeMap<Message, u64>,
    /// Of those that came, the one that was due last: not before then.
    frontier: Option<(u64, Message)>,
    /// When the broker was killed last.
    killed: u64,
}

/// Milliseconds since 1970, as the broker counts them.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}

// === impl Due ===

impl Due {
    /// Of a message that is published now, or later.
    pub(crate) fn after(delay: u64, now: u64) -> Self {
        Self { delay, first: now + delay, last: None }
    }

    /// The message has arrived by now, or never will.
    fn arrived(&mut self, now: u64) {
        self.last.get_or_insert(now + self.delay);
    }

    fn is_over(&self, now: u64) -> bool {
        self.last.is_some_and(|last| last < now)
    }
}

// === impl Delays ===

impl Delays {
    /// The message has arrived where it is held back.
    pub(super) fn confirmed(&mut self, message: Message, now: u64) {
        if let Some(due) = self.due.get_mut(&message) {
            due.arrived(now);
        }
    }

    /// The acknowledgement of a message is on disk. Whether it had been held back.
    pub(super) fn acknowledged(&mut self, message: Message, now: u64) -> bool {
        let was_delayed = self.due.contains_key(&message);
        if was_delayed {
            self.acknowledged.entry(message).or_insert(now);
        }
        was_delayed
    }

    /// The broker is dead: what has not arrived never will.
    pub(super) fn killed(&mut self, now: u64) {
        self.killed = now;
        self.due.values_mut().for_each(|due| due.arrived(now));
    }

    /// Says what is wrong with a message that comes now, for the `first` time or again.
    pub(super) fn observed(&mut self, message: Message, first: bool, now: u64) -> Option<String> {
        let due = *self.due.get(&message)?;
        if now < due.first {
            return Some(format!("came {} ms too early", due.first - now));
        }
        let before = self.frontier.filter(|(latest, _)| first && due.is_over(*latest));
        if first && self.frontier.is_none_or(|(latest, _)| latest < due.first) {
            self.frontier = Some((due.first, message));
        }
        before.map(|(_, other)| format!("came only after {other:?}, which was due later"))
    }

    /// By how much a message that lives until it is due comes too late, if it does.
    pub(super) fn is_past(&self, message: Message, now: u64) -> Option<u64> {
        let last = self.due.get(&message)?.last?;
        now.checked_sub(last + UNTIL_SEEN)
    }

    /// Whether the message must have been passed on by `now`.
    fn is_over(&self, message: &Message, now: u64) -> bool {
        self.due.get(message).is_none_or(|due| due.is_over(now))
    }

    /// Whether the message cannot be back, since its copy was acknowledged for good long before the crash.
    fn is_settled(&self, message: &Message) -> bool {
        self.acknowledged.get(message).is_some_and(|at| at + PASSED_ON < self.killed)
    }
}

// === impl Ledger ===

impl Ledger {
    /// The message, which is about to be sent, will be held back until then, or lives no longer.
    pub(crate) fn delaying(&mut self, message: Message, due: Due) {
        self.delays.due.insert(message, due);
    }

    /// The messages that must be in `queue` at `now`, having been delayed before.
    pub(crate) fn overdue(&self, queue: &str, now: u64) -> BTreeSet<Message> {
        let mut due = self.due(queue);
        due.retain(|message| self.delays.is_over(message, now));
        due
    }

    /// Compares what came out of `queue` after a crash, when all that was due at `now` had to be there,
    /// with what must have.
    pub(crate) fn reconcile_delayed(&mut self, queue: &str, found: &BTreeSet<Message>, now: u64) {
        let (mut missing, mut back) = (Vec::new(), Vec::new());
        for (message, entry) in self.families.entry(queue.to_owned()).or_default() {
            let (here, is_over) = (found.contains(message), self.delays.is_over(message, now));
            if entry.fate == Fate::Due && is_over && !here {
                missing.push(*message);
            }
            if entry.fate == Fate::Leaving && here && self.delays.is_settled(message) {
                back.push(*message);
            }
            entry.fate = match entry.fate {
                fate @ (Fate::Gone | Fate::Lost) => fate,
                _ if here => Fate::Due,
                fate if !is_over => fate,
                _ if !entry.confirmed => Fate::Lost,
                _ => Fate::Gone,
            };
            entry.confirmed |= here;
        }
        for (messages, what) in [(missing, "missing"), (back, "back though acknowledged long ago")]
        {
            if let (Some(first), Some(last)) = (messages.first(), messages.last()) {
                let count = messages.len();
                self.violated(format!("{queue}: {count} {what}, from {first:?} to {last:?}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELAYED: &str = "delayed";

    /// Messages of publisher 1 that are published and confirmed at these times, with these delays.
    fn delayed<const N: usize>(ledger: &mut Ledger, spans: [(u64, u64, u64); N]) -> [Message; N] {
        spans.map(|(sent, confirmed, delay)| {
            let message = ledger.send(1, &[DELAYED]);
            ledger.delaying(message, Due::after(delay, sent));
            ledger.confirmed_at(message, &[DELAYED], confirmed);
            message
        })
    }

    fn reconcile(ledger: &mut Ledger, found: &[Message], now: u64) -> usize {
        ledger.reconcile_delayed(DELAYED, &found.iter().copied().collect(), now);
        std::mem::take(&mut ledger.violations).len()
    }

    #[test]
    fn nothing_comes_before_its_time() {
        for (at, fine) in [(149, false), (150, true), (900, true)] {
            let mut ledger = Ledger::default();
            let [message] = delayed(&mut ledger, [(100, 110, 50)]);
            ledger.observed_at(DELAYED, message, false, at);
            assert_eq!(ledger.violations.is_empty(), fine, "at {at}: {:?}", ledger.violations);
        }
    }

    #[test]
    fn nothing_comes_after_its_life() {
        for (at, fine) in [(400, true), (360 + UNTIL_SEEN, false)] {
            let mut ledger = Ledger::default();
            let message = ledger.send(1, &["brief"]);
            ledger.delaying(message, Due::after(250, 100));
            ledger.confirmed_at(message, &["brief"], 110);
            ledger.observed_at("brief", message, false, at);
            assert_eq!(ledger.violations.is_empty(), fine, "at {at}: {:?}", ledger.violations);
        }
    }

    #[test]
    fn messages_come_in_the_order_of_their_times_where_that_is_known() {
        #[rustfmt::skip]
        let cases = [
            // first to come          then               fine   because
            ((100, 110, 50),          (100, 110, 500),   true,  "it is due later"),
            ((100, 110, 500),         (100, 110, 50),    false, "it was due earlier"),
            ((100, 110, 50),          (100, 110, 40),    true,  "both may be due at 150"),
            ((100, 110, 50),          (100, 110, 39),    false, "it was due at 149, at the latest"),
        ];
        for (first, second, fine, because) in cases {
            let mut ledger = Ledger::default();
            let [first, second] = delayed(&mut ledger, [first, second]);
            // Of two publishers: those of one are in order anyway.
            ledger.observed_at(DELAYED, first, false, 1_000);
            let wrong = ledger.delays.observed(second, true, 1_000);
            assert_eq!(wrong.is_none(), fine, "{because}: {wrong:?}");
        }
    }

    #[test]
    fn what_was_due_is_missed_and_what_is_not_due_is_not() {
        let mut ledger = Ledger::default();
        let [soon, late] = delayed(&mut ledger, [(100, 110, 50), (100, 110, 5_000)]);
        let unconfirmed = ledger.send(1, &[DELAYED]);
        ledger.delaying(unconfirmed, Due::after(50, 100));
        ledger.delays.killed(200);
        assert_eq!(reconcile(&mut ledger, &[soon], 1_000), 0);
        assert_eq!(reconcile(&mut ledger, &[], 1_000), 1, "it was due");
        ledger.observed_at(DELAYED, unconfirmed, false, 1_000);
        assert_eq!(ledger.violations.len(), 1, "it was lost, and is not lost any more");
        ledger.violations.clear();
        assert_eq!(reconcile(&mut ledger, &[late], 6_000), 0);
        assert_eq!(reconcile(&mut ledger, &[], 6_000), 1);
    }

    #[test]
    fn what_was_acknowledged_comes_back_only_if_that_was_just_before_the_crash() {
        for (acknowledged, violations) in [(1_900, 0), (1_000, 1)] {
            let mut ledger = Ledger::default();
            let [message] = delayed(&mut ledger, [(100, 110, 50)]);
            ledger.observed_at(DELAYED, message, false, 900);
            ledger.acknowledging(DELAYED, message);
            ledger.delays.acknowledged(message, acknowledged);
            ledger.delays.killed(2_000);
            assert_eq!(reconcile(&mut ledger, &[message], 2_100), violations);
        }
        let mut ledger = Ledger::default();
        let [message] = delayed(&mut ledger, [(100, 110, 50)]);
        ledger.acknowledging(DELAYED, message);
        ledger.delays.killed(2_000);
        assert_eq!(reconcile(&mut ledger, &[], 2_100), 0);
        ledger.observed_at(DELAYED, message, false, 3_000);
        assert_eq!(ledger.violations.len(), 1, "it did not come after that crash, so it is gone");
    }
}
