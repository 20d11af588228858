//! A queue on its shard, with what the shard keeps beside it.

use std::collections::{BTreeMap, VecDeque};

use broker_core::dedup::BYTES_PER_KEY;
use broker_core::id::QueueId;
use broker_core::queue::{Changes, Counts, Overflow, PageNumber, PageSize, Queue};
use broker_core::time::Timestamp;
use broker_storage::pages::page::PageRef;

use crate::durable::contents::{Inventory, Mark, Weight};
use crate::durable::count_record;
use crate::durable::journal::Journal;
use crate::durable::page_record::SavedPage;
use crate::durable::replay::Restored;
use crate::durable::whereabouts::Whereabouts;
use crate::link::{Event, Link, Settled};
use crate::memory::Memory;

/// Messages that wait in a queue with consumers above which its publishers are paced.
const BEHIND: u64 = 4_096;

/// Milliseconds that a publish is paced at most: a queue takes in what its consumers cannot keep up
/// with, only not faster than [`Budget`](crate::connection) each such time.
const MOST_DELAY: u64 = 100;

/// One queue.
///
/// Pacing: a publisher that is faster than the queue's consumers gets its budget back as they take
/// messages, and not as the queue stores them. The two then run at one rate with little in between,
/// instead of filling memory that the consumers then have to work off. It never waits longer than
/// `MOST_DELAY` for it, so a queue whose consumers are slow or stuck still takes messages in.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) queue: Queue,
    /// What its messages occupied when last looked at.
    bytes: i64,
    /// Messages ever delivered.
    delivered: u64,
    /// Budget to be given back, in the order of the publishes it is for.
    owed: VecDeque<Owed>,
    /// Whether it stands in line to have its buffers released.
    pub(crate) swept: bool,
    whereabouts: Whereabouts,
    /// The same for the keys of messages that came before.
    keys_at: Whereabouts,
    /// The first log file that says how often messages were handed out.
    counts_in: Option<u32>,
    /// Where its pages lie.
    pub(crate) pages: BTreeMap<PageNumber, Place>,
}

/// Where a page lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) at: PageRef,
    /// Whether the log or a snapshot may name it.
    pub(crate) is_recorded: bool,
}

/// How large pages are, and how many times the page watermark has to be in use for it. Small ones are for
/// a node with very many queues, none of which is long.
const PAGE_SIZES: [(u64, PageSize); 3] = [
    (1, PageSize { messages: 2_048, bytes: 256 << 10 }),
    (2, PageSize { messages: 256, bytes: 32 << 10 }),
    (4, PageSize { messages: 32, bytes: 4 << 10 }),
];

/// A queue that may not have more messages or bytes than this stays in memory, as long as it takes no more
/// than these bytes there.
const SHORT_MESSAGES: u64 = 16_384;
const SHORT_BYTES: u64 = 8 << 20;

/// Budget of a publisher that is given back once so many messages were delivered, or it is time.
#[derive(Debug)]
struct Owed {
    delivered: u64,
    due: Timestamp,
    link: Link,
    messages: usize,
    bytes: usize,
}

// === impl Slot ===

impl Slot {
    /// With a queue whose messages and keys are recorded as told.
    pub(crate) fn new(queue: Queue, whereabouts: Whereabouts, keys_at: Whereabouts) -> Self {
        let (owed, counts_in, pages) = Default::default();
        let (bytes, delivered, swept) = Default::default();
        Self { queue, bytes, delivered, owed, swept, whereabouts, keys_at, counts_in, pages }
    }

    /// The pages that the queue should make under this pressure: the largest of which it has several.
    pub(crate) fn page_size(&self, pressure: u64) -> Option<PageSize> {
        let Counts { retained_bytes, here, .. } = self.queue.counts();
        if self.is_short_for_good(retained_bytes) {
            return None;
        }
        let fits = |size: &PageSize| {
            retained_bytes >= 3 * size.bytes as u64 || here >= 3 * size.messages as u64
        };
        let sizes = PAGE_SIZES.iter().filter(|(least, _)| *least <= pressure);
        sizes.map(|(_, size)| *size).find(fits)
    }

    /// Whether the head makes room before the queue is long. It has to do that at once, so it has to be in
    /// memory, and the rest takes little.
    fn is_short_for_good(&self, retained: u64) -> bool {
        let settings = self.queue.settings();
        settings.overflow == Overflow::DropHead
            && retained <= SHORT_BYTES
            && (settings.max_length.is_some_and(|max| max <= SHORT_MESSAGES)
                || settings.max_bytes.is_some_and(|max| max <= SHORT_BYTES))
    }

    /// Hands what has changed in the queue to the log. `changes` is empty before and after.
    pub(crate) fn record(&mut self, id: QueueId, journal: &mut Journal, changes: &mut Changes) {
        if !self.queue.take_changes(changes) {
            return;
        }
        if let Some(first) = changes.entered.first() {
            self.whereabouts.note(first.id, journal.earliest_file());
        }
        if let Some(first) = changes.keys.first() {
            self.keys_at.note(first.id, journal.earliest_file());
        }
        if !changes.handed_out.is_empty() {
            self.counts_in.get_or_insert(journal.earliest_file());
        }
        journal.record(id, changes);
        changes.clear();
    }

    /// Records again what is only in `file` of the log or before, and tells what is to be remembered of
    /// the queue.
    pub(crate) fn relocate(
        &mut self,
        id: QueueId,
        file: u32,
        journal: &mut Journal,
        inventory: &mut Inventory,
    ) {
        if !self.queue.settings().durable {
            return;
        }
        let moved_to = journal.file();
        if let Some(mut census) = self.whereabouts.census(file) {
            for entered in self.queue.remembered() {
                if census.counts(entered.id) {
                    journal.publish(id, &entered);
                }
            }
            self.whereabouts = census.moved(moved_to);
        }
        if let Some(mut census) = self.keys_at.census(file) {
            let keys: Vec<_> =
                self.queue.known_keys().filter(|key| census.counts(key.id)).collect();
            self.keys_at = census.moved(moved_to);
            journal.keys(id, &keys);
        }
        if self.counts_in.is_some_and(|first| first <= file) {
            let counts: Vec<_> = self.queue.handed_out().collect();
            self.counts_in = (!counts.is_empty()).then_some(moved_to);
            journal.handed_out(id, &counts);
        }
        let (last, delivered) = self.queue.marks();
        inventory.marks.push((id, Mark { last, delivered }));
        let lasting = self.queue.pages().filter(|(_, page)| page.is_lasting());
        inventory.pages.extend(lasting.filter_map(|(number, page)| {
            let place = self.pages.get(&number)?.at;
            Some(SavedPage { queue: id, number, place, page: page.clone() })
        }));
    }

    /// Bytes, about, that [`Slot::relocate`] would record again.
    pub(crate) fn weigh(&self, file: u32) -> Weight {
        let mut weight = Weight::default();
        if !self.queue.settings().durable {
            return weight;
        }
        let mut census = self.whereabouts.census(file);
        for entered in self.queue.remembered() {
            let bytes = entered.message.size() as u64 + Memory::MESSAGE_OVERHEAD;
            weight.add(bytes, census.as_mut().is_some_and(|census| census.counts(entered.id)));
        }
        let mut census = self.keys_at.census(file);
        for key in self.queue.known_keys() {
            weight.add(BYTES_PER_KEY, census.as_mut().is_some_and(|census| census.counts(key.id)));
        }
        let counts = count_record::EACH * self.queue.handed_out().count();
        weight.add(counts as u64, self.counts_in.is_some_and(|first| first <= file));
        weight
    }

    /// By how many bytes its messages' memory changed since the last call.
    pub(crate) fn take_change(&mut self) -> i64 {
        let Counts { retained_bytes, here, keys, .. } = self.queue.counts();
        let bytes = retained_bytes + here * Memory::MESSAGE_OVERHEAD + keys * BYTES_PER_KEY;
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        bytes - std::mem::replace(&mut self.bytes, bytes)
    }

    /// Whether its consumers are too far behind to give budget back at once.
    pub(crate) fn is_behind(&self) -> bool {
        let Counts { ready, consumers, .. } = self.queue.counts();
        ready > BEHIND && consumers > 0
    }

    /// Owes a publisher its budget for what it published last. Says when it has to have it back.
    pub(crate) fn owe(
        &mut self,
        link: Link,
        messages: usize,
        bytes: usize,
        now: Timestamp,
    ) -> Timestamp {
        let delivered = self.delivered + self.queue.counts().ready;
        let due = now.after(MOST_DELAY);
        self.owed.push_back(Owed { delivered, due, link, messages, bytes });
        due
    }

    /// So many messages were delivered.
    pub(crate) fn delivered(&mut self, messages: u64, now: Timestamp) {
        self.delivered += messages;
        self.give_back(now);
    }

    /// Gives back what the deliveries have earned or the time demands.
    pub(crate) fn give_back(&mut self, now: Timestamp) {
        while let Some(owed) = self.owed.front()
            && (owed.delivered <= self.delivered || owed.due <= now)
        {
            self.pay();
        }
    }

    /// Gives back everything: the queue is going.
    pub(crate) fn give_all_back(&mut self) {
        while !self.owed.is_empty() {
            self.pay();
        }
    }

    fn pay(&mut self) {
        if let Some(Owed { link, messages, bytes, .. }) = self.owed.pop_front() {
            link.send(Event::Settled(Settled { messages, bytes, outcomes: Vec::new() }));
        }
    }
}

impl From<Restored> for Slot {
    fn from(restored: Restored) -> Self {
        let Restored { queue, whereabouts, keys_at, counts_in, places } = restored;
        let recorded = |(number, at)| (number, Place { at, is_recorded: true });
        let pages = places.into_iter().map(recorded).collect();
        Self { counts_in, pages, ..Self::new(queue, whereabouts, keys_at) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::{Context, Waker};

    use broker_core::id::ConnectionId;
    use broker_core::queue::Settings;

    use super::*;
    use crate::mailbox::{Receiver, mailbox};

    fn paid(receiver: &mut Receiver<Event>) -> usize {
        let mut events = Vec::new();
        let _ = receiver.poll_receive(&mut Context::from_waker(Waker::noop()), &mut events);
        let settled = events.into_iter().map(|event| match event {
            Event::Settled(settled) => settled.messages,
            _ => 0,
        });
        settled.sum()
    }

    #[test]
    fn budget_comes_back_with_deliveries_or_in_time() {
        let (sender, mut receiver) = mailbox();
        let link = Link::new(ConnectionId(1), sender);
        let queue = Queue::new(Arc::new(Settings::new("/".into(), "q".into())));
        let mut slot = Slot::new(queue, Whereabouts::default(), Whereabouts::default());
        slot.delivered = 10;
        slot.owed.push_back(Owed {
            delivered: 15,
            due: Timestamp(100),
            link: link.clone(),
            messages: 5,
            bytes: 50,
        });
        slot.owed.push_back(Owed {
            delivered: 99,
            due: Timestamp(120),
            link,
            messages: 7,
            bytes: 70,
        });
        slot.delivered(4, Timestamp(1));
        assert_eq!(paid(&mut receiver), 0);
        slot.delivered(1, Timestamp(2));
        assert_eq!(paid(&mut receiver), 5);
        slot.give_back(Timestamp(119));
        assert_eq!(paid(&mut receiver), 0);
        slot.give_back(Timestamp(120));
        assert_eq!(paid(&mut receiver), 7);
    }
}
