//! Delayed messages: a queue that belongs to a delayed exchange, and is seen by nobody else.
//!
//! A message waits in it until its time has come and then goes on to the exchange, whose bindings of
//! that moment say where to. The queue forgets it once the copies are safe, as with dead letters. What
//! a log knows of the message as its expiry is here the time it is due.
//!
//! What is not due soon can wait in pages: see [`TimeIndex`].

mod time_index;

use crate::id::MessageId;
use crate::queue::pages::{PageNumber, Paged};
use crate::queue::paging::Left;
use crate::queue::ready::Entry;
pub(super) use crate::queue::schedule::time_index::{TimeIndex, Totals};
use crate::queue::{Effect, Queue};
use crate::time::Timestamp;

/// Messages that go on at one call; more follow at once, with others in between.
const AT_ONCE: usize = 1_000;

/// So many messages that a log knows may be on their way before others have to wait.
const MOST_ON_THE_WAY: usize = 16_384;

// === impl Queue ===

impl Queue {
    /// Takes a message in until its time has come.
    pub(super) fn put_off(&mut self, mut entry: Entry, now: Timestamp) {
        entry.expires = now.after(entry.message.delay().unwrap_or(0));
        self.note_entered(&entry);
        if let Some(schedule) = &mut self.schedule {
            schedule.insert(entry.id, entry);
        }
    }

    /// When there is something to do for delayed messages, if ever.
    pub(super) fn delay_deadline(&self) -> Option<Timestamp> {
        let schedule = self.schedule.as_ref()?;
        if self.dying.len() < MOST_ON_THE_WAY { schedule.deadline() } else { None }
    }

    /// Sends on what is due.
    pub(super) fn release(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        for _ in 0..AT_ONCE {
            if self.dying.len() >= MOST_ON_THE_WAY {
                return;
            }
            let Some(entry) = self.schedule.as_mut().and_then(|due| due.pop_due(now)) else {
                return;
            };
            match entry.message.released() {
                Some(message) => {
                    let id = entry.logged.then_some(entry.id);
                    self.dying.extend(id);
                    self.note_dying_in_page(&entry);
                    effects.push(Effect::Release { id, message });
                }
                None => self.note_gone(&entry),
            }
        }
    }

    /// The delayed messages that left for a page are in it, under other numbers than before.
    pub(super) fn left_delayed(
        &mut self,
        number: PageNumber,
        effects: &mut Vec<Effect>,
    ) -> Option<Left<'_>> {
        let (page, entries) = self.schedule.as_mut()?.left(number)?;
        let paging = self.paging.as_mut()?;
        paging.insert(number, page);
        for entry in &entries {
            // It may have come from another page.
            paging.forget(entry.priority, entry.id, entry.logged);
        }
        let logged = entries.iter().filter(|entry| entry.logged);
        let renumbered = logged.map(|entry| entry.id).collect();
        self.tell_done(effects);
        Some(Left { page: self.page(number)?, renumbered })
    }

    /// Takes in the delayed messages in a page that was read, if it is expected. Returns how many are
    /// missing in it.
    pub(super) fn load_delayed(&mut self, number: PageNumber, messages: Vec<Paged>) -> Option<u64> {
        let schedule = self.schedule.as_mut()?;
        let page = self.paging.as_ref()?.get(number)?;
        if !schedule.expects(number, page) {
            return None;
        }
        let wanted: Vec<(MessageId, Entry)> = messages
            .into_iter()
            .filter(|message| page.is_left(message))
            .map(|message| (message.arrival, message.into_entry(page)))
            .collect();
        let here = wanted.len() as u64;
        Some(schedule.load(number, page, wanted.into_iter()).saturating_sub(here))
    }
}
