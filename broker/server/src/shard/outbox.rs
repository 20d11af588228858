//! What a shard has for each connection, gathered over a batch and sent in one piece.

use broker_core::id::{ConnectionId, ConsumerId, MessageId, QueueId};
use broker_core::message::Message;
use broker_session::Delivery;
use hashbrown::HashMap;

use crate::link::{Event, Link};
use crate::shard::departures::Departures;

/// The consumers on a shard's queues and the connections they belong to.
#[derive(Debug, Default)]
pub(crate) struct Outboxes {
    consumers: HashMap<ConsumerId, usize>,
    by_connection: HashMap<ConnectionId, usize>,
    all: Vec<Option<Outbox>>,
    /// Places in `all` that are `None`, to be used again.
    free: Vec<usize>,
    /// Places with deliveries, in the order in which they got their first.
    filled: Vec<usize>,
    /// The consumer found last, since runs of deliveries to one consumer are the rule.
    last: Option<(ConsumerId, usize)>,
}

#[derive(Debug)]
struct Outbox {
    link: Link,
    consumers: usize,
    deliveries: Vec<Delivery>,
    /// Deliveries of the batch before, as a guess at how much room this one needs.
    expected: usize,
}

// === impl Outboxes ===

impl Outboxes {
    /// From now on deliveries to `consumer` go to `link`.
    pub(crate) fn add(&mut self, consumer: ConsumerId, link: &Link) {
        let connection = link.connection();
        let place = *self.by_connection.entry(connection).or_insert_with(|| {
            let outbox = Outbox::new(link.clone());
            if let Some(place) = self.free.pop() {
                self.all[place] = Some(outbox);
                place
            } else {
                self.all.push(Some(outbox));
                self.all.len() - 1
            }
        });
        if self.consumers.insert(consumer, place).is_none()
            && let Some(outbox) = &mut self.all[place]
        {
            outbox.consumers += 1;
        }
    }

    /// The consumer gets nothing more. Returns the way to its connection, if it was known.
    pub(crate) fn remove(
        &mut self,
        consumer: ConsumerId,
        departures: &mut Departures,
    ) -> Option<Link> {
        let place = self.consumers.remove(&consumer)?;
        self.last = None;
        let outbox = self.all[place].as_mut()?;
        outbox.consumers -= 1;
        let link = outbox.link.clone();
        if outbox.consumers == 0 {
            outbox.send(departures);
            self.all[place] = None;
            self.free.push(place);
            self.by_connection.remove(&link.connection());
        }
        Some(link)
    }

    /// Gathers one delivery. False if the consumer is not known.
    pub(crate) fn deliver(
        &mut self,
        queue: QueueId,
        (consumer, id): (ConsumerId, MessageId),
        redelivered: bool,
        message: Message,
    ) -> bool {
        let Some(place) = self.place(consumer) else { return false };
        let Some(outbox) = &mut self.all[place] else { return false };
        if outbox.deliveries.is_empty() {
            outbox.deliveries.reserve(outbox.expected);
            self.filled.push(place);
        }
        outbox.deliveries.push(Delivery { consumer, queue, id, redelivered, message });
        true
    }

    /// Sends everything gathered, one event a connection.
    pub(crate) fn send(&mut self, departures: &mut Departures) {
        for place in self.filled.drain(..) {
            if let Some(outbox) = &mut self.all[place] {
                outbox.send(departures);
            }
        }
    }

    /// Sends what is gathered for one consumer, so that something sent directly comes after it.
    pub(crate) fn flush(&mut self, consumer: ConsumerId, departures: &mut Departures) {
        if let Some(outbox) = self.place(consumer).and_then(|place| self.all[place].as_mut()) {
            outbox.send(departures);
        }
    }

    /// Tells a consumer's connection something, after what is gathered for it.
    pub(crate) fn tell(&mut self, consumer: ConsumerId, event: Event, departures: &mut Departures) {
        if let Some(outbox) = self.place(consumer).and_then(|place| self.all[place].as_mut()) {
            outbox.send(departures);
            departures.send(&outbox.link, event);
        }
    }

    fn place(&mut self, consumer: ConsumerId) -> Option<usize> {
        match self.last {
            Some((last, place)) if last == consumer => Some(place),
            _ => {
                let place = *self.consumers.get(&consumer)?;
                self.last = Some((consumer, place));
                Some(place)
            }
        }
    }
}

// === impl Outbox ===

impl Outbox {
    const MOST_EXPECTED: usize = 1024;

    fn new(link: Link) -> Self {
        Self { link, consumers: 0, deliveries: Vec::new(), expected: 0 }
    }

    fn send(&mut self, departures: &mut Departures) {
        if !self.deliveries.is_empty() {
            self.expected = self.deliveries.len().min(Self::MOST_EXPECTED);
            let deliveries = std::mem::take(&mut self.deliveries);
            departures.send(&self.link, Event::Deliveries(deliveries));
        }
    }
}
