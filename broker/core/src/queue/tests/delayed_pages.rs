//! Delayed messages in pages: none is early, none is lost, and each leaves in its turn, whatever happens
//! to pages, and after a crash.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::id::MessageId;
use crate::queue::Command;
use crate::queue::tests::agreement::histories;
use crate::queue::tests::schedule::{delayed, settings};
use crate::queue::{
    Changes, Effect, Entered, Left, PageNumber, PageSize, Paged, Pages, Queue, Remembered,
};
use crate::time::Timestamp;

#[derive(Debug, Clone)]
enum Step {
    Publish {
        delay: u64,
        lasts: bool,
        many: u64,
    },
    Wait(u64),
    PageOut(usize),
    /// The transaction of the last messages, so many, has not ended yet.
    PageOutBefore(usize, u64),
    Written(usize),
    Failed(usize),
    Read(usize),
    Land(usize),
    Log,
    Crash,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1_u64..5_000, any::<bool>(), 1_u64..6)
            .prop_map(|(delay, lasts, many)| Step::Publish { delay, lasts, many }),
        1 => (any::<bool>(), 1_u64..6)
            .prop_map(|(lasts, many)| Step::Publish { delay: 1_000, lasts, many }),
        3 => (0_u64..900).prop_map(Step::Wait),
        3 => (1_usize..5).prop_map(Step::PageOut),
        1 => (1_usize..5, 0_u64..8).prop_map(|(size, last)| Step::PageOutBefore(size, last)),
        4 => any::<usize>().prop_map(Step::Written),
        1 => any::<usize>().prop_map(Step::Failed),
        4 => any::<usize>().prop_map(Step::Read),
        2 => any::<usize>().prop_map(Step::Land),
        2 => Just(Step::Log),
        1 => Just(Step::Crash),
    ]
}

/// What was published: when it is due, whether it lasts, and whether it was sent on.
#[derive(Debug, Clone, Copy)]
struct Fact {
    due: u64,
    lasts: bool,
    sent: bool,
    /// The log had it when it was written last.
    written: bool,
    /// It has arrived, and the log had that.
    arrived: bool,
}

/// A queue of delayed messages with a log and a disk.
struct World {
    queue: Queue,
    now: u64,
    facts: Vec<Fact>,
    /// What was sent on since the start or the last crash, in order.
    sent: Vec<usize>,
    under_way: Vec<(Option<MessageId>, usize)>,
    landed: Vec<usize>,
    writing: Vec<(PageNumber, Vec<Paged>)>,
    reading: Vec<PageNumber>,
    /// Pages that are on the disk; those that are done as long as the log does not know why.
    stored: BTreeMap<PageNumber, Vec<Paged>>,
    log: BTreeMap<MessageId, Entered>,
    pages: Pages,
    last: MessageId,
}

impl World {
    fn new() -> Self {
        Self {
            queue: Queue::new(settings()),
            now: 1_000,
            facts: Vec::new(),
            sent: Vec::new(),
            under_way: Vec::new(),
            landed: Vec::new(),
            writing: Vec::new(),
            reading: Vec::new(),
            stored: BTreeMap::new(),
            log: BTreeMap::new(),
            pages: Pages::default(),
            last: MessageId(0),
        }
    }

    fn act(&mut self, effects: Vec<Effect>) -> Result<(), TestCaseError> {
        for effect in effects {
            match effect {
                Effect::Release { id, message } => {
                    let number: usize = str::from_utf8(message.body()).unwrap().parse().unwrap();
                    let fact = &mut self.facts[number];
                    prop_assert!(fact.due <= self.now, "{number} is early: {fact:?}");
                    prop_assert!(!fact.sent, "{number} goes twice");
                    prop_assert_eq!(id.is_some(), fact.lasts);
                    fact.sent = true;
                    self.sent.push(number);
                    self.under_way.push((id, number));
                }
                Effect::PageOut { page, messages } => {
                    prop_assert!(messages.is_sorted_by_key(|message| message.id));
                    prop_assert!(messages.is_sorted_by_key(|m| (m.expires, m.arrival)));
                    self.writing.push((page, messages));
                }
                Effect::PageIn { page } => {
                    prop_assert!(self.stored.contains_key(&page) && !self.reading.contains(&page));
                    self.reading.push(page);
                }
                Effect::PageDone { page } => prop_assert!(!self.reading.contains(&page)),
                other => prop_assert!(false, "{other:?}"),
            }
        }
        Ok(())
    }

    fn apply(&mut self, command: Command) -> Result<(), TestCaseError> {
        let mut effects = Vec::new();
        self.queue.apply(command, Timestamp(self.now), &mut effects);
        self.act(effects)
    }

    /// Writes down what has changed.
    fn record(&mut self) {
        let mut changes = Changes::default();
        self.queue.take_changes(&mut changes);
        for entered in &changes.entered {
            self.log.insert(entered.id, entered.clone());
            self.last = self.last.max(entered.id);
        }
        for id in &changes.gone {
            if self.log.remove(id).is_none() {
                self.pages.forget(*id);
            }
        }
        for fact in &mut self.facts {
            fact.written = fact.lasts;
        }
        for number in self.landed.drain(..) {
            self.facts[number].arrived = true;
        }
    }

    fn page_out(&mut self, messages: usize, certain: u64) -> Result<(), TestCaseError> {
        let mut effects = Vec::new();
        let size = PageSize { messages, bytes: 1 << 20 };
        self.queue.page_out(size, 2, MessageId(certain), &mut effects);
        self.act(effects)
    }

    fn written(&mut self, at: usize) -> Result<(), TestCaseError> {
        if self.writing.is_empty() {
            return Ok(());
        }
        let (number, messages) = self.writing.remove(at % self.writing.len());
        self.record();
        let mut effects = Vec::new();
        if let Some(Left { page, renumbered }) = self.queue.paged_out(number, &mut effects) {
            assert!(page.alive.len() + page.fleeting == messages.len() as u64);
            if page.is_lasting() {
                self.pages.insert(number, page.clone());
                self.last = self.last.max(page.last);
            }
            for id in renumbered {
                if self.log.remove(&id).is_none() {
                    self.pages.forget(id);
                }
            }
            self.stored.insert(number, messages);
        }
        self.act(effects)
    }

    fn read(&mut self, at: usize) -> Result<bool, TestCaseError> {
        if self.reading.is_empty() {
            return Ok(false);
        }
        let number = self.reading.remove(at % self.reading.len());
        let (messages, mut effects) = (self.stored[&number].clone(), Vec::new());
        let missing = self.queue.paged_in(number, messages, Timestamp(self.now), &mut effects);
        prop_assert_eq!(missing, 0);
        self.act(effects)?;
        Ok(true)
    }

    fn land(&mut self, at: usize) -> Result<(), TestCaseError> {
        if self.under_way.is_empty() {
            return Ok(());
        }
        let (id, number) = self.under_way.remove(at % self.under_way.len());
        let mut effects = Vec::new();
        if let Some(id) = id {
            self.queue.landed(id, &mut effects);
            self.landed.push(number);
        }
        self.act(effects)
    }

    fn crash(&mut self) {
        let messages = self.log.values().cloned().collect();
        let (pages, last) = (self.pages.clone(), self.last);
        let remembered = Remembered { last, messages, pages, ..Remembered::default() };
        self.queue = Queue::restore(settings(), remembered);
        self.pages.remove_done();
        for list in [&mut self.sent, &mut self.landed] {
            list.clear();
        }
        self.under_way.clear();
        self.writing.clear();
        self.reading.clear();
        for fact in &mut self.facts {
            // What was not written never was.
            fact.lasts &= fact.written;
            fact.sent = !fact.written || fact.arrived;
        }
    }

    /// Everything that waits is sent on, in its turn.
    fn finish(&mut self) -> Result<(), TestCaseError> {
        self.now += 10_000;
        while self.queue.counts().ready > 0 {
            let before = self.sent.len();
            self.apply(Command::Expire)?;
            let has_read = self.read(0)?;
            prop_assert!(has_read || self.sent.len() > before, "it stands still");
        }
        prop_assert!(self.facts.iter().all(|fact| fact.sent), "some are lost");
        let places = self.sent.iter().map(|number| (self.facts[*number].due, *number));
        let last_wait = places.collect::<Vec<_>>();
        prop_assert!(last_wait.is_sorted(), "{last_wait:?}");
        Ok(())
    }
}

proptest! {
    #![proptest_config(histories(300))]

    #[test]
    fn delayed_messages_leave_in_their_turn_by_way_of_pages(steps in vec(any_step(), 1..120)) {
        let mut world = World::new();
        for step in steps {
            match step {
                Step::Publish { delay, lasts, many } => for _ in 0..many {
                    let (due, number) = (world.now + delay, world.facts.len());
                    let fact = Fact { due, lasts, sent: false, written: false, arrived: false };
                    world.facts.push(fact);
                    let mode = if lasts { 2 } else { 1 };
                    world.apply(delayed(delay, mode, &number.to_string()))?;
                },
                Step::Wait(time) => {
                    world.now += time;
                    let is_due = world.queue.next_deadline().is_some_and(|due| due.0 <= world.now);
                    if is_due {
                        world.apply(Command::Expire)?;
                    }
                }
                Step::PageOut(size) => world.page_out(size, u64::MAX)?,
                Step::PageOutBefore(size, last) => {
                    let certain = world.queue.marks().0.0.saturating_sub(last);
                    let before = world.writing.len();
                    world.page_out(size, certain)?;
                    let may_leave = |message: &Paged| message.arrival.0 < certain;
                    let mut left = world.writing[before..].iter().flat_map(|(_, page)| page);
                    prop_assert!(left.all(may_leave));
                }
                Step::Written(at) => world.written(at)?,
                Step::Failed(at) => if !world.writing.is_empty() {
                    let (number, _) = world.writing.remove(at % world.writing.len());
                    world.queue.page_failed(number);
                },
                Step::Read(at) => drop(world.read(at)?),
                Step::Land(at) => world.land(at)?,
                Step::Log => world.record(),
                Step::Crash => world.crash(),
            }
            let waiting = world.facts.iter().filter(|fact| !fact.sent).count() as u64;
            prop_assert_eq!(world.queue.counts().ready, waiting);
        }
        world.finish()?;
    }
}

#[test]
fn what_is_far_away_takes_no_memory() {
    let mut queue = Queue::new(Arc::clone(&settings()));
    let mut effects = Vec::new();
    for at in 0..1_000_u64 {
        let delay = 5_000 + at * 7_919 % 60_000;
        queue.apply(delayed(delay, 2, "x"), Timestamp(0), &mut effects);
    }
    let before = queue.counts();
    let size = PageSize { messages: 100, bytes: 1 << 20 };
    queue.page_out(size, 100, MessageId(u64::MAX), &mut effects);
    let pages: Vec<_> = effects
        .drain(..)
        .map(|effect| {
            let Effect::PageOut { page, messages } = effect else { panic!("{effect:?}") };
            (page, messages)
        })
        .collect();
    assert_eq!(pages.len(), 9, "the nearest hundred stay");
    for (number, messages) in &pages {
        let left = queue.paged_out(*number, &mut effects).unwrap();
        assert_eq!(left.page.alive.runs().len(), 1, "the numbers in a page are a run");
        assert_eq!(left.renumbered.len(), messages.len());
        assert!(messages.iter().all(|message| left.page.alive.contains(message.id)));
    }
    let after = queue.counts();
    assert_eq!((after.ready, after.here), (1_000, 100));
    assert!(after.retained_bytes * 9 < before.retained_bytes);
    assert_eq!(after.ready_bytes, before.ready_bytes);
    assert_eq!(queue.next_deadline(), Some(Timestamp(5_000)));
}

/// Pages of 10 messages, as they were written.
fn pages_of_ten(queue: &mut Queue, most: usize) -> BTreeMap<PageNumber, Vec<Paged>> {
    let (size, mut effects) = (PageSize { messages: 10, bytes: 1 << 20 }, Vec::new());
    queue.page_out(size, most, MessageId(u64::MAX), &mut effects);
    let page = |effect| match effect {
        Effect::PageOut { page, messages } => (page, messages),
        other => panic!("{other:?}"),
    };
    let pages: BTreeMap<_, _> = effects.drain(..).map(page).collect();
    for number in pages.keys() {
        queue.paged_out(*number, &mut effects).unwrap();
    }
    assert!(effects.is_empty(), "{effects:?}");
    pages
}

#[test]
fn pages_are_read_ahead_and_what_they_bring_stays() {
    let mut queue = Queue::new(settings());
    let mut effects = Vec::new();
    for at in 0..130 {
        let delay = if at < 10 { 100 } else { 20_000 + at };
        queue.apply(delayed(delay, 2, "x"), Timestamp(0), &mut effects);
    }
    let pages = pages_of_ten(&mut queue, 100);
    assert_eq!(pages.len(), 12);
    queue.apply(Command::Expire, Timestamp(100), &mut effects);
    assert_eq!(effects.drain(..).count(), 10);
    assert_eq!(queue.next_deadline(), Some(Timestamp(18_010)), "two seconds before the first");
    let (now, mut read) = (Timestamp(19_000), 0);
    queue.apply(Command::Expire, now, &mut effects);
    while let Some(effect) = effects.pop() {
        let Effect::PageIn { page } = effect else { panic!("{effect:?}") };
        queue.paged_in(page, pages[&page].clone(), now, &mut effects);
        read += 1;
    }
    assert_eq!((read, queue.counts().here), (12, 120));
    assert_eq!(pages_of_ten(&mut queue, 100).len(), 0, "all of it is near");
    queue.apply(Command::Expire, Timestamp(20_010), &mut effects);
    assert_eq!(effects.len(), 1);
}

#[test]
fn a_page_whose_messages_are_in_others_is_done() {
    let mut queue = Queue::new(settings());
    let mut effects = Vec::new();
    for at in 0..20 {
        queue.apply(delayed(10_000 + at * 10_000, 2, "x"), Timestamp(0), &mut effects);
    }
    let pages = pages_of_ten(&mut queue, 1);
    let (page, messages) = pages.into_iter().next().unwrap();
    // Everything before it has gone, and it is read: nine of it are far away.
    let now = Timestamp(110_000);
    queue.apply(Command::Expire, now, &mut effects);
    queue.paged_in(page, messages, now, &mut effects);
    effects.clear();
    queue.landed(queue.page(page).unwrap().first, &mut effects);
    for _ in 0..10 {
        queue.apply(delayed(100, 2, "x"), now, &mut effects);
    }
    let (size, mut leaving) = (PageSize { messages: 9, bytes: 1 << 20 }, Vec::new());
    queue.page_out(size, 1, MessageId(u64::MAX), &mut leaving);
    assert!(effects.is_empty());
    let Some(Effect::PageOut { page: next, .. }) = leaving.pop() else { panic!("{leaving:?}") };
    queue.paged_out(next, &mut effects).unwrap();
    let done = |effect: &Effect| matches!(effect, Effect::PageDone { page: done } if *done == page);
    assert!(effects.iter().all(done) && effects.len() == 1, "{effects:?}");
}
