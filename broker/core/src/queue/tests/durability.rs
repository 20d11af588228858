//! What a durable queue says has changed, against what it holds: a log that follows the changes knows
//! exactly the persistent messages that are in the queue, and the queue can be made from it again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;

use crate::id::MessageId;
use crate::queue::tests::Bench;
use crate::queue::tests::disk::{Disk, PageStep};
use crate::queue::tests::steps::{Step, any_durable_history, publish};
use crate::queue::{
    Changes, Command, Effect, Entered, KnownKey, Page, PageNumber, Pages, Queue, Remembered,
    Settings,
};
use crate::time::Timestamp;

/// What somebody who only reads the changes knows.
#[derive(Debug, Default)]
pub(super) struct Log {
    messages: BTreeMap<MessageId, Entered>,
    pub(super) pages: Pages,
    pub(super) delivered: MessageId,
    /// The last that was told of.
    pub(super) last: MessageId,
    pub(super) keys: Vec<KnownKey>,
    pub(super) handed_out: BTreeMap<MessageId, u32>,
}

impl Log {
    pub(super) fn follow(&mut self, changes: &Changes) {
        for entered in &changes.entered {
            self.last = self.last.max(entered.id);
            assert!(self.messages.insert(entered.id, entered.clone()).is_none(), "entered twice");
        }
        self.keys.extend_from_slice(&changes.keys);
        if let Some(purge) = &changes.purged {
            self.messages.retain(|id, _| *id > purge.up_to || purge.survivors.contains(id));
            self.pages.purge(purge.up_to, &purge.survivors);
        }
        for id in &changes.gone {
            let found = self.messages.remove(id).is_some() || self.pages.forget(*id).is_some();
            assert!(found, "{id:?} went and was never there");
        }
        self.delivered = self.delivered.max(changes.delivered.unwrap_or_default());
        self.handed_out.extend(changes.handed_out.iter().map(|of| (of.id, of.times)));
    }

    /// Messages are in a page now.
    pub(super) fn moved(&mut self, number: PageNumber, page: &Page) {
        for id in page.alive.iter() {
            assert!(self.messages.remove(&id).is_some(), "{id:?} was not there");
        }
        self.pages.insert(number, page.clone());
    }

    /// Those that are in no page.
    pub(super) fn messages(&self) -> impl Iterator<Item = &Entered> {
        self.messages.values()
    }

    /// The queue was made again, and has these pages now.
    pub(super) fn took_back<'a>(&mut self, pages: impl Iterator<Item = (PageNumber, &'a Page)>) {
        self.pages = Pages::default();
        pages.for_each(|(number, page)| self.pages.insert(number, page.clone()));
    }

    fn ids(&self) -> BTreeSet<u64> {
        let paged = self.pages.iter().flat_map(|(_, page)| page.alive.iter());
        self.messages.keys().copied().chain(paged).map(|id| id.0).collect()
    }
}

/// The same, told by the queue.
fn inside(queue: &Queue) -> BTreeSet<u64> {
    let mut ids = BTreeSet::new();
    for entered in queue.remembered() {
        assert!(ids.insert(entered.id.0), "{:?} is there twice", entered.id);
    }
    for id in queue.pages().flat_map(|(_, page)| page.alive.iter()) {
        assert!(ids.insert(id.0), "{id:?} is in a page and elsewhere");
    }
    ids
}

struct Scene {
    bench: Bench,
    log: Log,
    effects: Vec<Effect>,
    /// Dead messages whose copies have not arrived.
    dying: BTreeSet<MessageId>,
}

impl Scene {
    /// Applies a command; says whether the queue is no more.
    fn apply(&mut self, command: Command) -> bool {
        let now = self.bench.now;
        self.bench.queue.apply(command, now, &mut self.effects);
        self.look_at_effects()
    }

    fn look_at_effects(&mut self) -> bool {
        let mut ended = false;
        for effect in self.effects.drain(..) {
            match self.bench.disk.note(effect) {
                Some(Effect::DeadLetter { id, .. }) => self.dying.extend(id),
                Some(Effect::Deleted { .. }) => ended = true,
                _ => {}
            }
        }
        ended
    }

    fn record(&mut self) {
        let mut changes = Changes::default();
        self.bench.queue.take_changes(&mut changes);
        self.log.follow(&changes);
    }

    fn page(&mut self, step: &PageStep) {
        // What was changed before a page was made is recorded before it.
        self.record();
        match *step {
            PageStep::Out(size) => drop(self.bench.page_out(size)),
            PageStep::Failed(at) => self.bench.failed(at),
            PageStep::Written(at) => {
                let before: BTreeSet<_> = self.bench.queue.pages().map(|(n, _)| n).collect();
                self.bench.written(at);
                for (number, page) in self.bench.queue.pages() {
                    if !before.contains(&number) {
                        self.log.moved(number, page);
                    }
                }
            }
            PageStep::Read(at, _) => {
                let now = self.bench.now;
                if let Some((page, messages)) = self.bench.disk.take_read(at) {
                    let missing = self.bench.queue.paged_in(page, messages, now, &mut self.effects);
                    assert_eq!(missing, 0, "{page:?}");
                    self.look_at_effects();
                }
            }
        }
    }

    /// The queue tells again what it has told of the messages that are in it.
    fn compare_handed_out(&self) {
        let told: BTreeMap<_, _> =
            self.bench.queue.handed_out().map(|of| (of.id, of.times)).collect();
        let mut known = self.log.handed_out.clone();
        let ids = self.log.ids();
        known.retain(|id, _| ids.contains(&id.0));
        assert_eq!(told, known);
    }

    fn landed(&mut self) {
        for id in std::mem::take(&mut self.dying) {
            self.bench.queue.landed(id, &mut self.effects);
        }
        self.look_at_effects();
    }

    /// Makes the queue again from what the log and the disk have, and looks at all of it.
    fn restore(&self, settings: &Arc<Settings>) {
        let (last, delivered) = self.bench.queue.marks();
        let messages: Vec<_> = self.log.messages.values().cloned().collect();
        let pages = self.log.pages.clone();
        let known = self.log.ids();
        let plain = Settings {
            message_ttl: None,
            max_length: None,
            max_bytes: None,
            ..Settings::clone(settings)
        };
        let remembered = Remembered { last, delivered, messages, pages, ..Remembered::default() };
        let mut again = Queue::restore(Arc::new(plain), remembered);
        assert_eq!(inside(&again), known);
        assert_eq!(again.marks(), self.bench.queue.marks());
        assert_eq!(again.counts().ready, known.len() as u64);
        let mut disk = self.bench.disk.copy();
        let (mut effects, mut got, mut by_level) = (Vec::new(), BTreeSet::new(), BTreeMap::new());
        while got.len() < known.len() {
            again.apply(Command::Get { no_ack: true }, Timestamp(0), &mut effects);
            for effect in std::mem::take(&mut effects) {
                match disk.note(effect) {
                    Some(Effect::Got { id, redelivered, message, .. }) => {
                        assert_eq!(redelivered, id <= delivered, "{id:?}");
                        assert!(got.insert(id.0));
                        let level =
                            message.properties().priority().unwrap_or(0).min(settings.max_priority);
                        let before = by_level.insert(level, id);
                        assert!(before < Some(id), "{before:?}, then {id:?}");
                    }
                    Some(Effect::NotYet { .. }) | None => {}
                    other => panic!("{other:?}"),
                }
            }
            while let Some((page, messages)) = disk.take_read(0) {
                assert_eq!(again.paged_in(page, messages, Timestamp(0), &mut effects), 0);
            }
        }
        assert_eq!(got, known);
        assert_eq!(again.counts().ready_bytes, 0);
        effects.into_iter().for_each(|effect| drop(disk.note(effect)));
        assert_eq!(again.pages().count(), 0);
    }
}

proptest! {
    #[test]
    fn a_log_that_follows_the_changes_knows_what_is_in_the_queue(
        (settings, steps) in any_durable_history(), every in 1_usize..7,
    ) {
        let settings = Arc::new(settings);
        let queue = Queue::new(Arc::clone(&settings));
        let bench = Bench { queue, disk: Disk::default(), now: Timestamp(1_000) };
        let mut scene = Scene { bench, log: Log::default(), effects: Vec::new(), dying: BTreeSet::new() };
        let mut published = 0;
        for (at, step) in steps.iter().enumerate() {
            let command = match step {
                Step::Publish(what) => {
                    published += 1;
                    publish(published, what)
                }
                Step::Wait(millis) => {
                    scene.bench.now = scene.bench.now.after(*millis);
                    Command::Expire
                }
                Step::Buffers => continue,
                Step::Page(step) => {
                    scene.page(step);
                    continue;
                }
                Step::Other(command) => command.clone(),
            };
            if scene.apply(command) {
                let told = scene.bench.queue.take_changes(&mut Changes::default());
                prop_assert!(!told, "a deleted queue has nothing to record");
                return Ok(());
            }
            if at % every == 0 {
                scene.record();
                let known = scene.log.ids();
                prop_assert!(scene.dying.iter().all(|id| known.contains(&id.0)));
                let mut rest = inside(&scene.bench.queue);
                rest.extend(scene.dying.iter().map(|id| id.0));
                prop_assert_eq!(&rest, &known);
                prop_assert_eq!(scene.bench.queue.marks().1, scene.log.delivered);
                scene.compare_handed_out();
                scene.restore(&settings);
                scene.landed();
            }
        }
    }
}
