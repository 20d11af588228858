//! A shard's way to the log: collects what a round of work changed, and hands it over in one batch.

use std::sync::Arc;

use broker_core::id::{MessageId, QueueId};
use broker_core::queue::{Changes, Entered, HandedOut, KnownKey, Left, Page, PageNumber};
use broker_storage::batch::Batch;
use broker_storage::fs::real::RealFs;
use broker_storage::log::Log;
use broker_storage::pages::page::PageRef;
use broker_storage::position::Position;
use bytes::Bytes;

use crate::durable::count_record;
use crate::durable::key_record;
use crate::durable::message_record;
use crate::durable::page_record::SavedPage;
use crate::durable::transaction_record::Part;

/// From this many bytes on a batch is handed over though more may come; earlier where log files are
/// small.
const FULL: usize = 4 << 20;

/// Keys in one record, or counts, at most: few enough for the smallest log file.
const KEYS_AT_ONCE: usize = 1 << 10;

/// Where one shard's changes are recorded.
#[derive(Debug)]
pub(crate) struct Journal {
    log: Arc<Log<RealFs>>,
    batch: Batch,
    /// From this many bytes on it is handed over.
    full: usize,
    /// The part of a transaction that is being recorded, and what was collected before it.
    part: Option<OpenPart>,
    /// What was handed over last is durable once this is.
    last: Position,
    /// Where the log ended when something was handed over last.
    file: u32,
}

#[derive(Debug)]
struct OpenPart {
    part: Part,
    outside: Batch,
    /// Whether some of it was recorded.
    begun: bool,
}

// === impl Journal ===

impl Journal {
    pub(crate) fn new(log: Arc<Log<RealFs>>) -> Self {
        let full = FULL.min(log.max_batch() / 4);
        let file = log.tail().file();
        Self { log, batch: Batch::new(), full, part: None, last: Position::ZERO, file }
    }

    /// What has changed in a queue.
    pub(crate) fn record(&mut self, queue: QueueId, changes: &Changes) {
        if changes.keys.is_empty() {
            for entered in &changes.entered {
                self.publish(queue, entered);
            }
        } else {
            self.record_keyed(queue, changes);
        }
        if let Some(purged) = &changes.purged {
            message_record::push_purge(&mut self.batch, queue, purged);
        }
        let delivered = changes.delivered.unwrap_or_default();
        if changes.gone.is_empty() && changes.delivered.is_some() {
            message_record::push_progress(&mut self.batch, queue, delivered, &[]);
        }
        self.handed_out(queue, &changes.handed_out);
        // A whole queue may expire at once.
        for gone in changes.gone.chunks(self.full / 64) {
            message_record::push_progress(&mut self.batch, queue, delivered, gone);
            self.commit_if_full();
        }
    }

    /// Messages that came in, each with its keys, and the keys of those that came and went.
    fn record_keyed(&mut self, queue: QueueId, changes: &Changes) {
        let mut keys = &changes.keys[..];
        let mut alone = Vec::new();
        for entered in &changes.entered {
            let (before, rest) = keys.split_at(keys.partition_point(|key| key.id < entered.id));
            let (own, rest) = rest.split_at(rest.partition_point(|key| key.id == entered.id));
            alone.extend_from_slice(before);
            keys = rest;
            message_record::push_keyed_publish(&mut self.batch, queue, entered, own);
            self.commit_if_full();
        }
        alone.extend_from_slice(keys);
        self.keys(queue, &alone);
    }

    /// Keys that a queue has seen; they may have been recorded before.
    pub(crate) fn keys(&mut self, queue: QueueId, keys: &[KnownKey]) {
        for keys in keys.chunks(KEYS_AT_ONCE) {
            key_record::push_keys(&mut self.batch, queue, keys);
            self.commit_if_full();
        }
    }

    /// How often messages of a queue were handed out; it may have been recorded before.
    pub(crate) fn handed_out(&mut self, queue: QueueId, messages: &[HandedOut]) {
        for messages in messages.chunks(KEYS_AT_ONCE) {
            count_record::push_handed_out(&mut self.batch, queue, messages);
            self.commit_if_full();
        }
    }

    /// A message is in a queue; it may have been recorded before.
    pub(crate) fn publish(&mut self, queue: QueueId, entered: &Entered) {
        message_record::push_publish(&mut self.batch, queue, entered);
        self.commit_if_full();
    }

    /// Messages are in a page that is safe, and need not be anywhere else.
    pub(crate) fn page(
        &mut self,
        (queue, number): (QueueId, PageNumber),
        place: PageRef,
        page: &Page,
    ) {
        SavedPage::write((queue, number), place, page, |record| {
            self.batch.push(record, &[], &Bytes::new());
        });
    }

    /// As [`Journal::page`]; numbers that messages in it had before are gone with the same batch, so that a
    /// crash leaves each message under one number.
    pub(crate) fn new_page(
        &mut self,
        (queue, number): (QueueId, PageNumber),
        place: PageRef,
        Left { page, renumbered }: &Left<'_>,
    ) {
        self.page((queue, number), place, page);
        if !renumbered.is_empty() {
            message_record::push_progress(&mut self.batch, queue, MessageId(0), renumbered);
        }
        self.commit_if_full();
    }

    fn commit_if_full(&mut self) {
        if self.batch.len() >= self.full {
            self.wrap(false);
            self.commit();
        }
    }

    /// What is recorded from now on stands or falls with the transaction that `part` tells of.
    pub(crate) fn begin(&mut self, part: Part) {
        let outside = std::mem::take(&mut self.batch);
        self.part = Some(OpenPart { part, outside, begun: false });
    }

    /// The part that was begun is all there.
    pub(crate) fn end(&mut self) {
        self.wrap(true);
        if let Some(part) = self.part.take() {
            self.batch = part.outside;
        }
    }

    fn wrap(&mut self, last: bool) {
        let Some(OpenPart { part, outside, begun }) = &mut self.part else { return };
        // Nobody looks for the only part of a transaction that left nothing to record.
        if part.parts > 1 || *begun || !self.batch.is_empty() {
            *begun = true;
            let records = std::mem::take(&mut self.batch).seal().concat();
            part.push(outside, last, &records.into());
        }
    }

    /// The log file that what is recorded now goes to, or a later one; never asks the log, and so may be
    /// one that was given up by now.
    pub(crate) fn earliest_file(&self) -> u32 {
        self.file
    }

    /// The log file that what is recorded now goes to, or a later one.
    pub(crate) fn file(&self) -> u32 {
        self.log.tail().file()
    }

    /// Hands over what was collected. Everything recorded so far is durable once
    /// [`Journal::durable`] is past the position returned.
    pub(crate) fn commit(&mut self) -> Position {
        let batch = self.part.as_mut().map_or(&mut self.batch, |part| &mut part.outside);
        if !batch.is_empty() {
            let batch = std::mem::take(batch);
            // A log that takes nothing more has failed, and ends the process; until then
            // nothing may be promised.
            self.last = self.log.append(batch.seal()).unwrap_or(Position::MAX);
        }
        self.file = self.log.tail().file();
        self.last
    }

    /// Everything before this place survives a crash.
    pub(crate) fn durable(&self) -> Position {
        self.log.durable()
    }
}
