//! Messages in pages: found once, wherever the log and the snapshot begin.

use std::collections::BTreeSet;

use broker_core::queue::{IdSet, Page, Purged};
use proptest::sample::Index;

use super::*;
use crate::durable::message_record::push_purge;

const QUEUE: QueueId = QueueId(1);

/// What may happen to a queue.
#[derive(Debug, Clone)]
enum Step {
    Publish,
    /// One of those that are there goes.
    Remove(Index),
    /// Some neighbours go to a page.
    Page(Index, usize),
    /// The same with new numbers, as delayed messages do it; they may come from another page.
    Renumber(Vec<Index>),
    /// One of the pages is written once more, somewhere else.
    Rewrite(Index),
    /// Everything goes but one.
    Purge(Index),
    /// Some come and some go together; whether the log has all of it.
    Transaction(Vec<Index>, bool),
    Snapshot,
}

/// Writes a log, and knows what is in the queue.
#[derive(Default)]
struct Scene {
    log: Log,
    here: BTreeSet<u64>,
    pages: BTreeMap<u64, Page>,
    /// The segment that each lies in.
    segments: BTreeMap<u64, u32>,
    last: u64,
    transactions: u64,
    /// Where in the log a snapshot was taken, what was in pages, and what was not.
    snapshots: Vec<(usize, Vec<SavedPage>, BTreeSet<u64>)>,
    /// Messages that the transactions that are not whole took, which are back after a replay.
    undone: BTreeSet<u64>,
    brought: BTreeSet<u64>,
}

fn saved(number: u64, segment: u32, page: &Page) -> SavedPage {
    let place = PageRef { segment, offset: number as u32, length: 1 << 20 };
    SavedPage { queue: QUEUE, number: PageNumber(number), place, page: page.clone() }
}

fn page_record(number: u64, segment: u32, page: &Page) -> Vec<u8> {
    let SavedPage { queue, number, place, page } = saved(number, segment, page);
    sealed(|batch| {
        SavedPage::write((queue, number), place, &page, |record| {
            batch.push(record, &[], &bytes::Bytes::new());
        });
    })
}

impl Scene {
    fn all(&self) -> BTreeSet<u64> {
        let paged = self.pages.values().flat_map(|page| page.alive.iter().map(|id| id.0));
        paged.chain(self.here.iter().copied()).collect()
    }

    fn pick(&self, index: Index) -> Option<u64> {
        let all = self.all();
        (!all.is_empty()).then(|| *all.iter().nth(index.index(all.len())).unwrap())
    }

    fn forget(&mut self, id: u64) {
        self.here.remove(&id);
        for page in self.pages.values_mut() {
            page.alive.remove(MessageId(id));
        }
    }

    fn publish(&mut self, batch: &mut Batch) -> u64 {
        self.last += 1;
        push_publish(batch, QUEUE, &entered(self.last));
        self.here.insert(self.last);
        self.last
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Publish => {
                let mut batch = Batch::new();
                self.publish(&mut batch);
                self.log.push(batch.seal().concat());
            }
            Step::Remove(index) => {
                let Some(id) = self.pick(index) else { return };
                self.forget(id);
                let gone = [MessageId(id)];
                self.log.push(sealed(|batch| push_progress(batch, QUEUE, MessageId(0), &gone)));
            }
            Step::Page(index, count) => self.page(index, count),
            Step::Renumber(indexes) => self.renumber(&indexes),
            Step::Rewrite(index) => {
                let lasting = self.pages.iter().filter(|(_, page)| page.is_lasting());
                let lasting: Vec<_> = lasting.collect();
                if lasting.is_empty() {
                    return;
                }
                let (number, page) = lasting[index.index(lasting.len())];
                let segment = self.segments[number] + 1;
                self.segments.insert(*number, segment);
                self.log.push(page_record(*number, segment, page));
            }
            Step::Purge(index) => {
                let Some(survivor) = self.pick(index) else { return };
                let gone: Vec<_> = self.all().into_iter().filter(|id| *id != survivor).collect();
                gone.into_iter().for_each(|id| self.forget(id));
                let (up_to, survivors) = (MessageId(self.last), vec![MessageId(survivor)]);
                let purged = Purged { up_to, survivors };
                self.log.push(sealed(|batch| push_purge(batch, QUEUE, &purged)));
            }
            Step::Transaction(gone, is_whole) => self.transaction(&gone, is_whole),
            Step::Snapshot => {
                let pages = self.pages.iter().filter(|(_, page)| page.is_lasting());
                let saved =
                    |(number, page): (&u64, &Page)| saved(*number, self.segments[number], page);
                let pages = pages.map(saved).collect();
                self.snapshots.push((self.log.len(), pages, self.here.clone()));
            }
        }
    }

    fn page(&mut self, index: Index, count: usize) {
        if self.here.is_empty() {
            return;
        }
        let first = index.index(self.here.len());
        let ids: Vec<_> = self.here.iter().copied().skip(first).take(count).collect();
        let mut alive = IdSet::default();
        for id in &ids {
            self.here.remove(id);
            alive.insert(MessageId(*id));
        }
        let (first, last) = (MessageId(ids[0]), MessageId(ids[ids.len() - 1]));
        // Ranges of pages never cross: what lies between belongs to somebody else here, so each page
        // is of another level.
        let number = self.pages.len() as u64 + 1;
        let level = number as u8;
        let page = Page { level, first, last, written: alive.len(), alive, ..Page::default() };
        self.log.push(page_record(number, 3, &page));
        self.segments.insert(number, 3);
        self.pages.insert(number, page);
    }

    fn renumber(&mut self, indexes: &[Index]) {
        // What is not certain keeps its number.
        let ids = indexes.iter().filter_map(|index| self.pick(*index));
        let ids: BTreeSet<_> = ids.filter(|id| !self.brought.contains(id)).collect();
        if ids.is_empty() {
            return;
        }
        let mut alive = IdSet::default();
        let first = MessageId(self.last + 1);
        for id in &ids {
            self.forget(*id);
            self.last += 1;
            alive.insert(MessageId(self.last));
        }
        let number = self.pages.len() as u64 + 1;
        let (level, last, written) = (number as u8, MessageId(self.last), alive.len());
        let page = Page { level, first, last, written, alive, ..Page::default() };
        let gone: Vec<_> = ids.into_iter().map(MessageId).collect();
        let mut batch = page_record(number, 3, &page);
        batch.extend(sealed(|batch| push_progress(batch, QUEUE, MessageId(0), &gone)));
        self.log.push(batch);
        self.segments.insert(number, 3);
        self.pages.insert(number, page);
    }

    fn transaction(&mut self, gone: &[Index], is_whole: bool) {
        self.transactions += 1;
        let part = Part { transaction: self.transactions, parts: 2, from_file: 1 };
        let mut batch = Batch::new();
        let brought = self.publish(&mut batch);
        let gone: BTreeSet<_> = gone.iter().filter_map(|index| self.pick(*index)).collect();
        let ids: Vec<_> = gone.iter().copied().map(MessageId).collect();
        gone.iter().for_each(|id| self.forget(*id));
        push_progress(&mut batch, QUEUE, MessageId(0), &ids);
        let records = batch.seal().concat().into();
        self.log.push(sealed(|batch| part.push(batch, true, &records)));
        if is_whole {
            let records = Batch::new().seal().concat().into();
            self.log.push(sealed(|batch| part.push(batch, true, &records)));
        } else {
            self.brought.insert(brought);
            self.undone.extend(gone);
        }
    }

    fn expected(&self) -> BTreeSet<u64> {
        let mut expected = self.all();
        expected.extend(&self.undone);
        expected.retain(|id| !self.brought.contains(id));
        expected
    }
}

/// What is found with this snapshot and this log, and whether pages are where they were written last.
fn replayed(scene: &Scene, pages: Vec<SavedPage>, log: &[Vec<u8>]) -> BTreeSet<u64> {
    let mut recovered = empty();
    pages.into_iter().for_each(|page| recovered.page(page));
    feed(&mut recovered, log);
    recovered.undo_unfinished(1);
    let queue = &recovered.queues[&QUEUE];
    let paged: Vec<_> = queue.pages.iter().flat_map(|(_, page)| page.alive.iter()).collect();
    let all: BTreeSet<_> = queue.messages.keys().chain(&paged).map(|id| id.0).collect();
    assert_eq!(all.len(), queue.messages.len() + paged.len(), "found twice");
    let places = recovered.settle_pages();
    let queue = &recovered.queues[&QUEUE];
    assert_eq!(places.len(), queue.pages.len());
    for (number, place) in &queue.places {
        assert_eq!(place.segment, scene.segments[&number.0], "page {}", number.0);
    }
    all
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => Just(Step::Publish),
        4 => any::<Index>().prop_map(Step::Remove),
        3 => (any::<Index>(), 1_usize..5).prop_map(|(index, count)| Step::Page(index, count)),
        2 => vec(any::<Index>(), 1..4).prop_map(Step::Renumber),
        3 => any::<Index>().prop_map(Step::Rewrite),
        1 => any::<Index>().prop_map(Step::Purge),
        2 => (vec(any::<Index>(), 0..3), any::<bool>())
            .prop_map(|(gone, is_whole)| Step::Transaction(gone, is_whole)),
        2 => Just(Step::Snapshot),
    ]
}

proptest! {
    #[test]
    fn a_snapshot_and_the_log_behind_it_find_what_the_whole_log_finds(
        steps in vec(any_step(), 0..40), cut: Index,
    ) {
        let mut scene = Scene::default();
        // A snapshot is written only when the transactions that were under way have ended.
        let has_open = steps.iter().any(|step| matches!(step, Step::Transaction(_, false)));
        steps.into_iter().for_each(|step| scene.step(step));
        prop_assert_eq!(replayed(&scene, Vec::new(), &scene.log), scene.expected());
        if has_open {
            return Ok(());
        }
        for (at, pages, here) in &scene.snapshots {
            prop_assert_eq!(&replayed(&scene, pages.clone(), &scene.log), &scene.expected(), "on top");
            // The log's beginning is given up; what was only there is recorded again before.
            let from = cut.index(at + 1);
            let again: Vec<_> = here.iter().map(|id| sealed(|b| push_publish(b, QUEUE, &entered(*id)))).collect();
            let log = [&scene.log[from..*at], &again[..], &scene.log[*at..]].concat();
            prop_assert_eq!(&replayed(&scene, pages.clone(), &log), &scene.expected(), "from {} to {}", from, at);
        }
    }
}
