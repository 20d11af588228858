//! From the snapshot and the log to the state of the node: a fold over records.
//!
//! Replaying a record twice, or one that the snapshot already covers, changes nothing: messages have
//! numbers, and what is gone is gone by its number.

use std::collections::BTreeMap;
use std::sync::Arc;

use broker_core::id::{MessageId, QueueId};
use broker_core::queue::{
    Entered, HandedOut, KnownKey, PageNumber, Pages, Queue, Remembered, Settings,
};
use broker_core::topology::{Command, Outcome, Routes, Topology};
use broker_storage::pages::page::PageRef;
use broker_storage::position::Position;
use broker_storage::record::Record;
use hashbrown::{HashMap, HashSet};

use crate::durable::contents::{Contents, Mark};
use crate::durable::count_record::{self, HANDED_OUT};
use crate::durable::key_record::{self, KEYS};
use crate::durable::message_record::{self, PROGRESS, PUBLISH, PURGE, TOPOLOGY};
use crate::durable::page_record::{PAGE, SavedPage};
use crate::durable::recovered_keys::RecoveredKeys;
use crate::durable::topology_record;
use crate::durable::transaction_record::{self, PART, Part, UNDONE};
use crate::durable::undo::{Gone, Steps, Undo};
use crate::durable::whereabouts::Whereabouts;

/// The state of a node, while it is being found out and when it is.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) topology: Topology,
    pub(crate) next_queue: u64,
    pub(crate) queues: HashMap<QueueId, RecoveredQueue>,
    /// Records that made no sense: of a newer version, or never written by this program.
    pub(crate) unknown: u64,
    /// The number of the next segment of pages, or a smaller one.
    pub(crate) next_segment: u32,
    topology_from: Position,
    undo: Undo,
}

/// One durable queue and what is in it.
#[derive(Debug)]
pub(crate) struct RecoveredQueue {
    pub(crate) settings: Arc<Settings>,
    pub(crate) mark: Mark,
    /// With the log file that each was found in.
    pub(crate) messages: BTreeMap<MessageId, (Entered, u32)>,
    pub(crate) keys: RecoveredKeys,
    /// How often messages were handed out, of those that were more than once, and perhaps are gone,
    handed_out: HashMap<MessageId, u32>,
    /// and in which log file that was found first.
    counts_in: Option<u32>,
    /// Messages that are in pages, and nowhere else. Until the end of the log also pages of which
    /// nothing is left: a transaction may yet be undone.
    pub(crate) pages: Pages,
    /// Where the pages lie.
    pub(crate) places: BTreeMap<PageNumber, PageRef>,
}

/// A queue that was found again, and where it is recorded.
#[derive(Debug)]
pub(crate) struct Restored {
    pub(crate) queue: Queue,
    /// The log files that its messages are in,
    pub(crate) whereabouts: Whereabouts,
    /// and its keys.
    pub(crate) keys_at: Whereabouts,
    /// The first log file that says how often messages were handed out, if any does.
    pub(crate) counts_in: Option<u32>,
    /// Its pages, which the log or a snapshot may name.
    pub(crate) places: BTreeMap<PageNumber, PageRef>,
}

// === impl Recovered ===

impl Recovered {
    /// What the snapshot says; the log comes on top.
    pub(crate) fn from_snapshot(contents: Contents) -> Self {
        let mut recovered = Self {
            topology: Topology::new(),
            next_queue: contents.next_queue.max(1),
            queues: HashMap::new(),
            unknown: 0,
            next_segment: contents.next_segment,
            topology_from: contents.topology_from,
            undo: Undo::default(),
        };
        for command in contents.topology {
            recovered.change(command);
        }
        for (queue, mark) in contents.marks {
            if let Some(queue) = recovered.queues.get_mut(&queue) {
                queue.mark = mark;
            }
        }
        contents.pages.into_iter().for_each(|page| recovered.page(page));
        recovered
    }

    /// Applies one record of the log.
    pub(crate) fn apply(&mut self, position: Position, record: &Record<'_>) {
        let known = match record.kind {
            TOPOLOGY if position < self.topology_from => Some(()),
            TOPOLOGY => topology_record::decode(record.body).map(|command| self.change(command)),
            PURGE => self.purge(record),
            PAGE => SavedPage::decode(record).map(|page| self.page(page)),
            PART => self.part(position.file(), record),
            UNDONE => transaction_record::decode_undone(record).map(|ids| self.undo(&ids)),
            _ => self.message(position.file(), record, &mut Steps::default()),
        };
        self.unknown += u64::from(known.is_none());
    }

    /// A message came, or messages went.
    fn message(&mut self, file: u32, record: &Record<'_>, steps: &mut Steps) -> Option<()> {
        match record.kind {
            PUBLISH => self.publish(file, record, steps),
            PROGRESS => self.progress(record, steps),
            KEYS => self.keys(file, record, steps),
            HANDED_OUT => self.handed_out(file, record),
            _ => None,
        }
    }

    /// Applies a part of a transaction, as if it were whole, and remembers how to undo it.
    fn part(&mut self, file: u32, record: &Record<'_>) -> Option<()> {
        let (part, last) = Part::decode(record)?;
        let mut steps = self.undo.take(part.transaction);
        let mut rest = record.body;
        let mut known = Some(());
        while !rest.is_empty() {
            let Ok((inner, len)) = Record::decode(rest) else {
                known = None;
                break;
            };
            known = known.and(self.message(file, &inner, &mut steps));
            rest = &rest[len..];
        }
        self.undo.keep(part, last, steps);
        known
    }

    /// Undoes the transactions that the log does not have as a whole, which reaches back to
    /// `first_file`. Returns which they are.
    pub(crate) fn undo_unfinished(&mut self, first_file: u32) -> Vec<u64> {
        let unfinished = self.undo.unfinished(first_file);
        self.undo(&unfinished);
        unfinished
    }

    fn undo(&mut self, transactions: &[u64]) {
        let steps: Vec<Steps> = transactions.iter().map(|id| self.undo.end(*id)).collect();
        let mut keyed: HashMap<QueueId, HashSet<MessageId>> = HashMap::new();
        for (queue, id) in steps.iter().flat_map(|steps| &steps.keyed) {
            keyed.entry(*queue).or_default().insert(*id);
        }
        for (queue, undone) in keyed {
            if let Some(queue) = self.queues.get_mut(&queue) {
                queue.keys.forget(&undone);
            }
        }
        // What one of them brought and another took away must not come back.
        let (entered, gone): (Vec<_>, Vec<_>) =
            steps.into_iter().map(|steps| (steps.entered, steps.gone)).unzip();
        for (queue, message) in gone.into_iter().flatten() {
            let Some(queue) = self.queues.get_mut(&queue) else { continue };
            match message {
                Gone::Message(entered, file) => {
                    queue.messages.insert(entered.id, (entered, file));
                }
                Gone::InPage(page, id) => queue.pages.revive(page, id),
            }
        }
        for (queue, id) in entered.into_iter().flatten() {
            if let Some(queue) = self.queues.get_mut(&queue) {
                queue.messages.remove(&id);
                queue.pages.forget(id);
            }
        }
    }

    fn change(&mut self, command: Command) {
        if let Command::DeclareQueue(queue) = &command {
            self.next_queue = self.next_queue.max(queue.id.0 + 1);
        }
        if let Command::QueueGone { id, .. } = &command {
            self.queues.remove(id);
        }
        let may_delay = matches!(
            command,
            Command::DeclareExchange(_)
                | Command::DeleteExchange { .. }
                | Command::DeleteVhost { .. }
        );
        let before = may_delay.then(|| self.topology.snapshot());
        // A refusal is an answer too: what the command was about had gone by itself.
        match self.topology.replay(command) {
            Ok(Outcome::Queue { id, created: true, settings, .. }) => {
                self.queues.insert(id, RecoveredQueue::new(settings));
            }
            Ok(Outcome::Governed { queues }) => {
                for (id, settings) in queues {
                    if let Some(queue) = self.queues.get_mut(&id) {
                        queue.settings = settings;
                    }
                }
            }
            Ok(Outcome::Removed { queues }) => {
                for (_, id) in queues {
                    self.queues.remove(&id);
                }
            }
            _ => {}
        }
        if let Some(before) = before {
            self.change_delays(&before);
        }
    }

    /// Follows the exchanges that hold messages back, which come and go with queues of their own.
    fn change_delays(&mut self, before: &Routes) {
        let after = self.topology.snapshot();
        for (id, settings) in before.delays_made(&after) {
            self.next_queue = self.next_queue.max(id.0 + 1);
            self.queues.insert(id, RecoveredQueue::new(settings));
        }
        for (id, _) in after.delays_made(before) {
            self.queues.remove(&id);
        }
    }

    fn publish(&mut self, file: u32, record: &Record<'_>, steps: &mut Steps) -> Option<()> {
        // A queue that is unknown by now was deleted later on.
        let number = QueueId(record.group);
        if let Some(queue) = self.queues.get_mut(&number) {
            let id = MessageId(record.index);
            let keys = message_record::decode_publish_keys(record)?;
            if queue.add_keys(file, keys) {
                steps.keyed.push((number, id));
            }
            if queue.pages.find(id).is_none() {
                let entered = message_record::decode_publish(record)?;
                queue.messages.insert(id, (entered, file));
            }
            queue.mark.last = queue.mark.last.max(id);
            steps.entered.push((number, id));
        }
        Some(())
    }

    /// Keys are known whose messages are not recorded here.
    fn keys(&mut self, file: u32, record: &Record<'_>, steps: &mut Steps) -> Option<()> {
        let number = QueueId(record.group);
        if let Some(queue) = self.queues.get_mut(&number) {
            let ids = key_record::decode_keys(record)?.map(|key| (number, key.id));
            steps.keyed.extend(ids);
            queue.add_keys(file, key_record::decode_keys(record)?);
        }
        Some(())
    }

    /// Messages were handed out again. That they were stands though a transaction it came with does not.
    fn handed_out(&mut self, file: u32, record: &Record<'_>) -> Option<()> {
        let all = count_record::decode_handed_out(record)?;
        if let Some(queue) = self.queues.get_mut(&QueueId(record.group)) {
            queue.counts_in.get_or_insert(file);
            for HandedOut { id, times } in all {
                let known = queue.handed_out.entry(id).or_default();
                *known = times.max(*known);
            }
        }
        Some(())
    }

    fn progress(&mut self, record: &Record<'_>, steps: &mut Steps) -> Option<()> {
        let (delivered, gone) = message_record::decode_numbers(record)?;
        let number = QueueId(record.group);
        if let Some(queue) = self.queues.get_mut(&number) {
            queue.mark.delivered = queue.mark.delivered.max(delivered);
            let removed = gone.filter_map(|id| queue.remove(id));
            steps.gone.extend(removed.map(|gone| (number, gone)));
        }
        Some(())
    }

    fn purge(&mut self, record: &Record<'_>) -> Option<()> {
        let (up_to, survivors) = message_record::decode_numbers(record)?;
        if let Some(queue) = self.queues.get_mut(&QueueId(record.group)) {
            let later = queue.messages.split_off(&MessageId(up_to.0.saturating_add(1)));
            let mut purged = std::mem::replace(&mut queue.messages, later);
            let survivors: Vec<_> = survivors.collect();
            queue.messages.extend(survivors.iter().filter_map(|id| purged.remove_entry(id)));
            queue.pages.purge(up_to, &survivors);
        }
        Some(())
    }

    /// Messages are in a page, and nowhere else.
    fn page(&mut self, saved: SavedPage) {
        let SavedPage { queue, number, place, page } = saved;
        self.next_segment = self.next_segment.max(place.segment + 1);
        if let Some(queue) = self.queues.get_mut(&queue) {
            for id in page.alive.iter() {
                queue.messages.remove(&id);
            }
            queue.mark.last = queue.mark.last.max(page.last);
            queue.pages.insert(number, page);
            queue.places.insert(number, place);
        }
    }

    /// Forgets the pages of which nothing is left, once the log is read to its end. The others.
    pub(crate) fn settle_pages(&mut self) -> Vec<PageRef> {
        for queue in self.queues.values_mut() {
            for number in queue.pages.remove_done() {
                queue.places.remove(&number);
            }
        }
        self.queues.values().flat_map(|queue| queue.places.values().copied()).collect()
    }
}

// === impl RecoveredQueue ===

impl RecoveredQueue {
    fn new(settings: Arc<Settings>) -> Self {
        let (mark, messages, keys, pages, places) = Default::default();
        let (handed_out, counts_in) = Default::default();
        Self { settings, mark, messages, keys, handed_out, counts_in, pages, places }
    }

    /// How many messages are in it.
    pub(crate) fn len(&self) -> u64 {
        let paged: u64 = self.pages.iter().map(|(_, page)| page.alive.len()).sum();
        self.messages.len() as u64 + paged
    }

    fn remove(&mut self, id: MessageId) -> Option<Gone> {
        match self.messages.remove(&id) {
            Some((entered, file)) => Some(Gone::Message(entered, file)),
            None => self.pages.forget(id).map(|page| Gone::InPage(page, id)),
        }
    }

    /// Takes up keys that were found in `file`; whether there were any.
    fn add_keys(&mut self, file: u32, keys: impl Iterator<Item = KnownKey>) -> bool {
        let mut keys = keys.peekable();
        if keys.peek().is_none() {
            return false;
        }
        let last = &mut self.mark.last;
        let limit = self.settings.dedup.as_ref().map(|rule| rule.limit);
        self.keys.add(keys.inspect(|key| *last = key.id.max(*last)), file, limit);
        true
    }

    /// The queue as it goes on.
    pub(crate) fn restore(self) -> Restored {
        let Mark { last, delivered } = self.mark;
        let mut whereabouts = Whereabouts::default();
        for (id, (_, file)) in &self.messages {
            whereabouts.note(*id, *file);
        }
        let is_there =
            |id: &MessageId| self.messages.contains_key(id) || self.pages.find(*id).is_some();
        let times = self.handed_out.iter().filter(|(id, _)| is_there(id));
        let handed_out = times.map(|(id, times)| HandedOut { id: *id, times: *times }).collect();
        let messages = self.messages.into_values().map(|(entered, _)| entered).collect();
        let (keys, keys_at) = self.keys.finish();
        let pages = self.pages;
        let remembered = Remembered { last, delivered, messages, pages, keys, handed_out };
        let queue = Queue::restore(self.settings, remembered);
        let (places, counts_in) = (self.places, self.counts_in);
        Restored { queue, whereabouts, keys_at, counts_in, places }
    }
}

#[cfg(test)]
mod tests;
