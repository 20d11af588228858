//! What a durable queue says has changed, against what it holds: a log that follows the changes knows
//! exactly the persistent messages that are in the queue, and the queue can be made from it again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;

use crate::id::MessageId;
use crate::queue::tests::steps::{Step, any_history, publish};
use crate::queue::{Changes, Command, Effect, Entered, Queue, Remembered};
use crate::time::Timestamp;

const ALL: (MessageId, MessageId) = (MessageId(0), MessageId(u64::MAX));

/// What somebody who only reads the changes knows.
#[derive(Debug, Default)]
struct Log {
    messages: BTreeMap<MessageId, Entered>,
    delivered: MessageId,
}

impl Log {
    fn follow(&mut self, changes: &Changes) {
        for entered in &changes.entered {
            assert!(self.messages.insert(entered.id, entered.clone()).is_none(), "entered twice");
        }
        if let Some(purge) = &changes.purged {
            self.messages.retain(|id, _| *id > purge.up_to || purge.survivors.contains(id));
        }
        for id in &changes.gone {
            assert!(self.messages.remove(id).is_some(), "{id:?} went and was never there");
        }
        self.delivered = self.delivered.max(changes.delivered.unwrap_or_default());
    }
}

fn described(messages: impl Iterator<Item = Entered>) -> BTreeMap<u64, (u64, Vec<u8>)> {
    messages.map(|m| (m.id.0, (m.expires.0, m.message.body().to_vec()))).collect()
}

proptest! {
    #[test]
    fn a_log_that_follows_the_changes_knows_what_is_in_the_queue(
        (mut settings, steps) in any_history(), every in 1_usize..7,
    ) {
        settings.durable = true;
        let settings = Arc::new(settings);
        let mut queue = Queue::new(Arc::clone(&settings));
        let (mut log, mut changes, mut effects) = (Log::default(), Changes::default(), Vec::new());
        let (mut now, mut published) = (1_000, 0);
        let mut dying = BTreeSet::new();
        for (at, step) in steps.iter().enumerate() {
            let command = match step {
                Step::Publish(what) => {
                    published += 1;
                    publish(published, what)
                }
                Step::Wait(millis) => {
                    now += millis;
                    Command::Expire
                }
                Step::Buffers => continue,
                Step::Other(command) => command.clone(),
            };
            queue.apply(command, Timestamp(now), &mut effects);
            if effects.iter().any(|effect| matches!(effect, Effect::Deleted { .. })) {
                prop_assert!(!queue.take_changes(&mut changes), "a deleted queue has nothing to record");
                return Ok(());
            }
            if at % every == 0 {
                changes.clear();
                queue.take_changes(&mut changes);
                log.follow(&changes);
                let landing = std::mem::take(&mut dying);
                dying.extend(effects.drain(..).filter_map(|effect| match effect {
                    Effect::DeadLetter { id, .. } => id,
                    _ => None,
                }));
                let on_their_way = || dying.iter().chain(&landing);
                prop_assert!(on_their_way().all(|id| log.messages.contains_key(id)));
                let known = described(log.messages.values().cloned());
                let mut inside = known.clone();
                inside.retain(|id, _| on_their_way().all(|dying| dying.0 != *id));
                prop_assert_eq!(described(queue.remembered(ALL.0, ALL.1)), inside);
                prop_assert_eq!(queue.marks().1, log.delivered);

                let (last, delivered) = queue.marks();
                let messages = log.messages.values().cloned().collect();
                let again = Queue::restore(Arc::clone(&settings), Remembered { last, delivered, messages });
                prop_assert_eq!(described(again.remembered(ALL.0, ALL.1)), known);
                prop_assert_eq!(again.marks(), queue.marks());
                landing.into_iter().for_each(|id| queue.landed(id));
            }
        }
    }
}
