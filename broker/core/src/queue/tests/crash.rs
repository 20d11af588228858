//! A durable queue through crashes: what the log had is there again, in its place, and goes on as the
//! model says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::id::MessageId;
use crate::queue::tests::Bench;
use crate::queue::tests::agreement::{agree, histories, page};
use crate::queue::tests::disk::PageStep;
use crate::queue::tests::durability::Log;
use crate::queue::tests::model::{Message, Model, Place, Seen};
use crate::queue::tests::steps::{Step, any_durable_history, publish};
use crate::queue::{Changes, Command, Effect, HandedOut, Queue, Remembered};

/// A queue with a log, and a model that knows what the log had when it was written last.
struct Life {
    bench: Bench,
    model: Model,
    log: Log,
    dying: BTreeSet<MessageId>,
    written: Vec<Message>,
    seen: Vec<Seen>,
    delivered: usize,
}

// === impl Life ===

impl Life {
    fn apply(&mut self, command: &Command) -> Result<(), TestCaseError> {
        let mut effects = Vec::new();
        self.bench.queue.apply(command.clone(), self.bench.now, &mut effects);
        self.note_dying(&effects);
        let said = self.bench.say_all(effects);
        prop_assert_eq!(said, self.model.apply(command), "{:?}", command);
        Ok(())
    }

    fn note_dying(&mut self, effects: &[Effect]) {
        self.dying.extend(effects.iter().filter_map(|effect| match effect {
            Effect::DeadLetter { id, .. } => *id,
            _ => None,
        }));
    }

    /// Writes what has changed. What dies later on is not safe elsewhere before the next time.
    fn write(&mut self) {
        let mut changes = Changes::default();
        self.bench.queue.take_changes(&mut changes);
        self.log.follow(&changes);
        self.bench.disk.logged();
        self.written = self.model.messages.clone();
        self.seen = self.model.seen.iter().filter(|seen| seen.persistent).cloned().collect();
        self.delivered = self.model.delivered;
    }

    /// The copies of the dead have arrived.
    fn land(&mut self) {
        let mut effects = Vec::new();
        for id in std::mem::take(&mut self.dying) {
            self.bench.queue.landed(id, &mut effects);
            self.model.messages[id.0 as usize - 1].dying = false;
        }
        self.bench.say_all(effects);
    }

    fn page(&mut self, step: PageStep) -> Result<(), TestCaseError> {
        // Of a lost page the log still knows, and the model does not.
        let step = match step {
            PageStep::Read(at, _) => PageStep::Read(at, false),
            other => other,
        };
        self.write();
        let before: BTreeSet<_> = self.bench.queue.pages().map(|(number, _)| number).collect();
        page(step, &mut self.bench, &mut self.model)?;
        for (number, page) in self.bench.queue.pages().filter(|(n, _)| !before.contains(n)) {
            self.log.moved(number, page);
        }
        Ok(())
    }

    /// The broker dies, and comes back with what was written.
    fn crash(&mut self) {
        let messages = self.log.messages().cloned().collect();
        let (pages, delivered) = (self.log.pages.clone(), self.log.delivered);
        let keys = self.log.keys.clone();
        let times = self.log.handed_out.iter();
        let handed_out = times.map(|(id, times)| HandedOut { id: *id, times: *times }).collect();
        let last = self.log.last;
        let remembered = Remembered { last, delivered, messages, pages, keys, handed_out };
        let settings = Arc::clone(self.bench.queue.settings());
        self.bench.queue = Queue::restore(settings, remembered);
        let (last, _) = self.bench.queue.marks();
        assert!(self.log.keys.iter().all(|key| key.id <= last), "a number is given again");
        self.log.took_back(self.bench.queue.pages());
        let known: BTreeSet<_> = self.bench.queue.pages().map(|(number, _)| number).collect();
        self.bench.disk.crash(|page| known.contains(page));
        self.dying.clear();
        self.remember();
    }

    /// The same for the model: a list of what was written, all of it waiting.
    fn remember(&mut self) {
        let mut paged = BTreeMap::new();
        for (number, page) in self.bench.queue.pages() {
            let alive = self.bench.disk.stored(number).iter().filter(|m| page.alive.contains(m.id));
            paged.extend(alive.map(|message| (message.id.0 as usize, message.deliveries)));
        }
        let mut messages = std::mem::take(&mut self.written);
        messages.truncate(self.bench.queue.marks().0.0 as usize);
        for (number, message) in (1..).zip(&mut messages) {
            // What was out has come back. Of what came back once the log knows no number.
            let is_out = matches!(message.place, Place::Held(_));
            let times = message.came_back + u32::from(is_out);
            let counted = if self.model.is_counting() && times > 1 { times } else { 0 };
            let there = message.persistent && (message.place != Place::Gone || message.dying);
            message.place = if there { Place::Ready } else { Place::Gone };
            let in_page = paged.get(&number).copied();
            let once = u32::from(number <= self.delivered);
            message.came_back = in_page.unwrap_or(0).max(once).max(counted);
            message.cold = in_page.is_some();
            message.dying = false;
        }
        self.model.messages.clone_from(&messages);
        self.model.delivered = self.delivered;
        self.model.seen.clone_from(&self.seen);
        self.model.forget_everybody();
        self.written = messages;
    }
}

proptest! {
    #![proptest_config(histories(500))]

    /// Whatever was declared and whatever happened: after a crash the queue is what the log had, and
    /// does from then on what the model does, until the next one.
    #[test]
    fn a_queue_goes_on_after_a_crash_as_it_was_written(
        (settings, steps) in any_durable_history(),
        every in 1_usize..9,
        crashes in vec(0_usize..120, 1..4),
    ) {
        let bench = Bench::with(|plain| *plain = settings.clone());
        let mut model = Model::new(settings);
        model.now = bench.now.0;
        let (log, dying) = (Log::default(), BTreeSet::new());
        let (written, seen) = (Vec::new(), Vec::new());
        let mut life = Life { bench, model, log, dying, written, seen, delivered: 0 };
        for (at, step) in steps.into_iter().enumerate() {
            match step {
                Step::Publish(what) => life.apply(&publish(at as u64 % 100, &what))?,
                Step::Wait(time) => {
                    life.bench.now = life.bench.now.after(time);
                    life.model.now += time;
                    life.apply(&Command::Expire)?;
                }
                Step::Buffers => life.bench.queue.release_buffers(),
                Step::Page(step) => life.page(step)?,
                Step::Other(command) => life.apply(&command)?,
            }
            if life.model.ended {
                break;
            }
            if at % every == 0 {
                life.write();
                life.land();
            }
            if crashes.contains(&at) {
                life.crash();
            }
            agree(&life.bench, &life.model)?;
        }
    }
}
