//! Messages of this shard's queues on their way to pages and back.
//!
//! A queue is asked for pages when it has become longer and the node has more in memory than it
//! should, and again about once a second, for queues that are long and to which nothing comes.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use broker_core::id::{MessageId, QueueId};
use broker_core::queue::{Command, PageNumber, Paged};
use broker_storage::Error;
use broker_storage::pages::page::PageRef;
use tokio::sync::oneshot;

use crate::durable::pager::{self, Move, Order, Report, Tell};
use crate::shard::host::Host;
use crate::shard::paging::Parked;
use crate::shard::slot::{Place, Slot};
use crate::shard::work::{Question, Work};

/// Pages that a queue makes at once, at most.
const AT_ONCE: usize = 8;

/// Milliseconds until the next page is tried when one could not be written.
const AFTER_FAILURE: u64 = 1_000;

// === impl Host ===

impl Host {
    /// Takes note of a queue that was recovered. A message in its pages may be due, or have to make room.
    pub(super) fn take_up_pages(&mut self, id: QueueId) {
        let has_pages = self.queues.get(&id).is_some_and(|slot| !slot.pages.is_empty());
        if has_pages {
            self.apply(id, Command::Expire);
        }
        self.carry_out(id, None);
    }

    /// Lets messages of a queue leave, if memory is short and it has many.
    pub(super) fn page_out(&mut self, id: QueueId) {
        let pressure = self.node.memory.pressure();
        if pressure == 0 || self.paging.after > self.now || self.is_disk_busy() {
            return;
        }
        let Some(slot) = self.queues.get_mut(&id) else { return };
        let Some(size) = slot.page_size(pressure) else { return };
        let certain = self.uncertain.first(id).unwrap_or(MessageId(u64::MAX));
        slot.queue.page_out(size, AT_ONCE, certain, &mut self.effects);
        if !self.effects.is_empty() {
            self.carry_out(id, None);
        }
    }

    /// Whether pages should wait: enough are in line, or what is left of the disk is for the log.
    fn is_disk_busy(&self) -> bool {
        let store = &self.node.store;
        store.pager().is_busy() || store.disk_low.load(Ordering::Relaxed)
    }

    /// Lets messages of all queues leave.
    pub(super) fn page_out_everywhere(&mut self) {
        let pressure = self.node.memory.pressure();
        let long = self.queues.iter().filter(|(_, slot)| slot.page_size(pressure).is_some());
        let long: Vec<_> = long.map(|(id, _)| *id).collect();
        for id in long {
            self.page_out(id);
        }
    }

    pub(super) fn write_page(&self, queue: QueueId, page: PageNumber, messages: Vec<Paged>) {
        let tell = self.teller(queue);
        self.node.store.pager().write(Order { queue, page, messages, tell });
    }

    /// Brings news of a queue's page to its shard.
    fn teller(&self, queue: QueueId) -> Tell {
        let owner = self.node.shards[self.node.shard_of(queue)].clone();
        Box::new(move |report| owner.send(Work::Page(report)))
    }

    /// Something has become of a page.
    pub(super) fn page_reported(&mut self, report: Report) {
        match report {
            Report::Written { queue, page, place } => self.page_written(queue, page, place),
            Report::Moved { queue, page, from, place } => {
                self.page_moved((queue, page), from, place);
            }
        }
    }

    /// A page is safe, or could not be written.
    fn page_written(&mut self, id: QueueId, page: PageNumber, place: Option<PageRef>) {
        self.account(id);
        let slot = self.queues.get_mut(&id);
        let Some(at) = place else {
            self.paging.after = self.now.after(AFTER_FAILURE);
            return slot.map_or((), |slot| slot.queue.page_failed(page));
        };
        let pages = self.node.store.pager().pages();
        let Some(Slot { queue, pages: places, .. }) = slot.map(Box::as_mut) else {
            return pages.free(at);
        };
        let left = queue.paged_out(page, &mut self.effects);
        let Some(left) = left else { return pages.free(at) };
        let is_recorded = left.page.is_lasting();
        if is_recorded {
            self.journal.new_page((id, page), at, &left);
        }
        places.insert(page, Place { at, is_recorded });
        self.carry_out(id, None);
        self.page_out(id);
    }

    pub(super) fn read_page(&self, queue: QueueId, page: PageNumber) {
        let owner = self.node.shards[self.node.shard_of(queue)].clone();
        let place = self.queues.get(&queue).and_then(|slot| slot.pages.get(&page));
        let Some(at) = place.map(|place| place.at) else { return };
        let pages = self.node.store.pager().pages().clone();
        tokio::task::spawn_blocking(move || {
            let messages = pager::read(&pages, at);
            owner.send(Work::PageRead { queue, page, from: at, messages });
        });
    }

    /// A page was read, or cannot be.
    pub(super) fn page_read(
        &mut self,
        (id, page): (QueueId, PageNumber),
        from: PageRef,
        messages: Result<Vec<Paged>, Error>,
    ) {
        let place = self.queues.get(&id).and_then(|slot| slot.pages.get(&page));
        if messages.is_err() && place.is_some_and(|place| place.at != from) {
            // It was rewritten meanwhile, and its old place may be gone.
            return self.read_page(id, page);
        }
        if let Some(slot) = self.queues.get_mut(&id) {
            let (now, effects) = (self.now, &mut self.effects);
            let (lost, error) = match messages {
                Ok(messages) => (slot.queue.paged_in(page, messages, now, effects), None),
                Err(error) => (slot.queue.page_lost(page, now, effects), Some(error)),
            };
            if lost > 0 {
                let settings = slot.queue.settings();
                let (vhost, queue) = (&settings.vhost, &settings.name);
                let error = error.map(tracing::field::display);
                tracing::error!(%vhost, %queue, lost, error, "messages in a page cannot be read");
            }
            self.carry_out(id, None);
            self.page_out_delayed(id);
        }
        let parked = self.paging.parked.extract_if(.., |parked| parked.queue == id);
        for Parked { link, no_ack, .. } in parked.collect::<Vec<_>>() {
            self.ask(&link, id, Question::Command(Command::Get { no_ack }));
        }
    }

    /// A page of delayed messages brings some that are due much later than others: these may leave again.
    fn page_out_delayed(&mut self, id: QueueId) {
        if self.queues.get(&id).is_some_and(|slot| slot.queue.settings().schedule) {
            self.page_out(id);
        }
    }

    /// Has the pages in `segments` written once more, so that these can go.
    pub(super) fn rewrite_pages(&self, segments: &BTreeSet<u32>, answer: oneshot::Sender<()>) {
        let pager = self.node.store.pager();
        for (queue, slot) in &self.queues {
            let inside =
                slot.pages.iter().filter(|(_, place)| segments.contains(&place.at.segment));
            for (page, place) in inside {
                let tell = self.teller(*queue);
                pager.rewrite(Move { queue: *queue, page: *page, from: place.at, tell });
            }
        }
        // The asker goes only with the node.
        let _ = answer.send(());
    }

    /// A page is safe in another place as well, or is not. The old place goes when the next snapshot
    /// names the new one.
    fn page_moved(
        &mut self,
        (id, page): (QueueId, PageNumber),
        from: PageRef,
        place: Result<PageRef, Error>,
    ) {
        let slot = self.queues.get_mut(&id);
        let known = slot.and_then(|slot| Some((slot.pages.get_mut(&page)?, &slot.queue)));
        let known = known.filter(|(place, _)| place.at == from);
        let pages = self.node.store.pager().pages();
        match (known, place) {
            (Some((known, queue)), Ok(at)) => {
                let Some(left) = queue.page(page) else { return pages.free(at) };
                let old = *known;
                known.at = at;
                if left.is_lasting() {
                    known.is_recorded = true;
                    self.journal.page((id, page), at, left);
                }
                self.free(old);
            }
            // Nothing of it is needed any more.
            (None, Ok(at)) => pages.free(at),
            (Some(_), Err(error)) => {
                tracing::warn!(%error, "a page cannot be rewritten, its segment stays");
            }
            (None, Err(_)) => {}
        }
    }

    /// Nothing of a page is needed any more.
    pub(super) fn page_done(&mut self, id: QueueId, page: PageNumber) {
        let place = self.queues.get_mut(&id).and_then(|slot| slot.pages.remove(&page));
        if let Some(place) = place {
            self.free(place);
        }
    }

    /// A queue is no more, nor needs its pages.
    pub(super) fn pages_gone(&mut self, slot: &Slot) {
        for place in slot.pages.values() {
            self.free(*place);
        }
    }

    /// What the log or a snapshot may name must stay until neither does.
    fn free(&mut self, Place { at, is_recorded }: Place) {
        let pager = self.node.store.pager();
        if is_recorded {
            pager.note_dead(at);
            self.paging.done.push(at);
        } else {
            pager.pages().free(at);
        }
    }
}
