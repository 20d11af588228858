//! The consumers of a queue and whose turn it is.
//!
//! A consumer has credit while it may hold another message (prefetch) and its connection can take
//! another (window). Those with credit stand in line, one line a priority; who is served goes to
//! the end of their line. Those without are in no line and cost nothing to pass over.
//!
//! Where only a single one may be active, all others stay out of line however much credit they
//! have. When the active one leaves, the highest priority follows, among equals the one that has
//! been there longest.

use std::cmp::Reverse;
use std::collections::VecDeque;

use crate::id::ConsumerId;
use crate::queue::command::Subscription;
use crate::queue::subscriptions::ConsumerView;

/// All consumers of one queue.
#[derive(Debug, Default)]
pub(super) struct Consumers {
    /// By id, ascending.
    all: Vec<Consumer>,
    /// By priority, descending. Every consumer in a line has credit.
    lines: Vec<Line>,
    single_active: bool,
    /// The one consumer that gets messages, where only one does.
    active: Option<ConsumerId>,
    /// How many have ever come.
    arrivals: u64,
}

#[derive(Debug)]
struct Consumer {
    terms: Subscription,
    /// Its number in the order of arrival.
    arrival: u64,
    /// Messages it holds unsettled.
    holds: u32,
    /// What is left of its window. Below zero after a message larger than what was left.
    window: i64,
    in_line: bool,
}

#[derive(Debug)]
struct Line {
    priority: i32,
    waiting: VecDeque<ConsumerId>,
}

// === impl Consumers ===

impl Consumers {
    pub(super) fn new(single_active: bool) -> Self {
        Self { single_active, ..Self::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether the one consumer there is wants to stay alone.
    pub(super) fn is_exclusive(&self) -> bool {
        self.all.first().is_some_and(|consumer| consumer.terms.exclusive)
    }

    /// Adds a consumer at the end of its line; one with the same id is replaced.
    pub(super) fn add(&mut self, terms: Subscription) {
        let id = terms.consumer;
        self.remove(id);
        let at = self.all.partition_point(|other| other.terms.consumer < id);
        self.arrivals += 1;
        let arrival = self.arrivals;
        let window = terms.window.into();
        self.all.insert(at, Consumer { terms, arrival, holds: 0, window, in_line: false });
        if self.single_active && self.active.is_none() {
            self.active = Some(id);
        }
        self.line_up(at);
    }

    /// Removes a consumer; false if there was none.
    pub(super) fn remove(&mut self, id: ConsumerId) -> bool {
        let Some(at) = self.find(id) else { return false };
        let consumer = self.all.remove(at);
        let priority = consumer.terms.priority;
        if consumer.in_line
            && let Ok(line) = self.line(priority)
        {
            self.lines[line].waiting.retain(|&waiting| waiting != id);
        }
        if !self.all.iter().any(|other| other.terms.priority == priority)
            && let Ok(line) = self.line(priority)
        {
            self.lines.remove(line);
        }
        if self.active == Some(id) {
            self.hand_over();
        }
        true
    }

    /// Makes the next consumer the active one.
    fn hand_over(&mut self) {
        let next =
            self.all.iter().min_by_key(|other| (Reverse(other.terms.priority), other.arrival));
        self.active = next.map(|consumer| consumer.terms.consumer);
        if let Some(at) = self.active.and_then(|id| self.find(id)) {
            self.line_up(at);
        }
    }

    pub(super) fn views(&self) -> impl Iterator<Item = ConsumerView<'_>> {
        self.all.iter().map(|Consumer { terms, holds, .. }| ConsumerView {
            terms,
            unacked: *holds,
            active: !self.single_active || self.active == Some(terms.consumer),
        })
    }

    /// Removes all and returns their ids, ascending.
    pub(super) fn clear(&mut self) -> impl Iterator<Item = ConsumerId> + use<> {
        self.lines = Vec::new();
        self.active = None;
        std::mem::take(&mut self.all).into_iter().map(|consumer| consumer.terms.consumer)
    }

    /// Takes one delivery's worth of credit from the consumer whose turn it is: its id, and
    /// whether it takes messages without acknowledging.
    pub(super) fn take_next(&mut self) -> Option<(ConsumerId, bool)> {
        let line = self.lines.iter_mut().find(|line| !line.waiting.is_empty())?;
        let id = line.waiting.pop_front()?;
        let at = self.find(id)?;
        let consumer = &mut self.all[at];
        consumer.in_line = false;
        consumer.window -= 1;
        if !consumer.terms.no_ack {
            consumer.holds += 1;
        }
        let no_ack = consumer.terms.no_ack;
        self.line_up(at);
        Some((id, no_ack))
    }

    /// The message that the consumer's turn was for counts as `weight` deliveries.
    #[inline]
    pub(super) fn charge(&mut self, id: ConsumerId, weight: u32) {
        if weight > 1
            && let Some(at) = self.find(id)
        {
            self.all[at].window -= i64::from(weight - 1);
            self.step_out(at);
        }
    }

    pub(super) fn grant(&mut self, id: ConsumerId, deliveries: u32) {
        if let Some(at) = self.find(id) {
            self.all[at].window += i64::from(deliveries);
            self.line_up(at);
        }
    }

    pub(super) fn set_prefetch(&mut self, id: ConsumerId, prefetch: u32) {
        if let Some(at) = self.find(id) {
            self.all[at].terms.prefetch = prefetch;
            self.step_out(at);
            self.line_up(at);
        }
    }

    /// A message the consumer held is settled. It may have left since.
    pub(super) fn settled(&mut self, id: ConsumerId) {
        if let Some(at) = self.find(id) {
            self.all[at].holds = self.all[at].holds.saturating_sub(1);
            self.line_up(at);
        }
    }

    fn find(&self, id: ConsumerId) -> Option<usize> {
        self.all.binary_search_by_key(&id, |consumer| consumer.terms.consumer).ok()
    }

    fn line(&self, priority: i32) -> Result<usize, usize> {
        self.lines.binary_search_by(|line| priority.cmp(&line.priority))
    }

    /// Puts a consumer at the end of its line if it has credit and is not in line yet.
    fn line_up(&mut self, at: usize) {
        let consumer = &self.all[at];
        let (id, priority) = (consumer.terms.consumer, consumer.terms.priority);
        let passive = self.single_active && self.active != Some(id);
        if consumer.in_line || passive || !consumer.has_credit() {
            return;
        }
        self.all[at].in_line = true;
        let line = match self.line(priority) {
            Ok(line) => line,
            Err(line) => {
                self.lines.insert(line, Line { priority, waiting: VecDeque::new() });
                line
            }
        };
        self.lines[line].waiting.push_back(id);
    }

    /// Takes a consumer that has lost its credit out of its line.
    fn step_out(&mut self, at: usize) {
        let consumer = &self.all[at];
        if !consumer.in_line || consumer.has_credit() {
            return;
        }
        let (id, priority) = (consumer.terms.consumer, consumer.terms.priority);
        self.all[at].in_line = false;
        if let Ok(line) = self.line(priority) {
            self.lines[line].waiting.retain(|&waiting| waiting != id);
        }
    }
}

// === impl Consumer ===

impl Consumer {
    fn has_credit(&self) -> bool {
        let Subscription { prefetch, no_ack, .. } = self.terms;
        self.window > 0 && (no_ack || prefetch == 0 || self.holds < prefetch)
    }
}
