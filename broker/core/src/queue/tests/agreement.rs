//! The queue and its model side by side: whatever is asked of both, they say and show the same.

use proptest::prelude::*;

use crate::queue::Command;
use crate::queue::tests::Bench;
use crate::queue::tests::disk::PageStep;
use crate::queue::tests::model::{Message, Model, Place};
use crate::queue::tests::steps::{Step, any_history, publish};
use crate::time::Timestamp;

/// So many histories, or more if `PROPTEST_CASES` asks for them.
pub(super) fn histories(cases: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig { cases: default.cases.max(cases), ..default }
}

proptest! {
    #![proptest_config(histories(1_000))]

    /// Whatever it was declared with and whatever is asked of it, the queue does what the model
    /// does, in the same order, also while messages are on their way to pages and back.
    #[test]
    fn the_queue_agrees_with_the_model((settings, steps) in any_history()) {
        let mut bench = Bench::with(|plain| *plain = settings.clone());
        let mut model = Model::new(settings);
        model.now = bench.now.0;
        let mut published = 0;
        for step in steps {
            let mut commands = Vec::new();
            match step {
                Step::Publish(what) => {
                    published += 1;
                    commands.push(publish(published, &what));
                }
                Step::Wait(time) => {
                    bench.now = bench.now.after(time);
                    model.now += time;
                    if bench.queue.next_deadline().is_some_and(|due| due <= bench.now) {
                        commands.push(Command::Expire);
                    }
                }
                Step::Buffers => bench.queue.release_buffers(),
                Step::Page(step) => page(step, &mut bench, &mut model)?,
                Step::Other(command) => commands.push(command),
            }
            for command in commands {
                prop_assert_eq!(bench.apply(command.clone()), model.apply(&command), "{:?}", command);
            }
            if model.ended {
                break;
            }
            agree(&bench, &model)?;
        }
    }
}

/// Lets messages leave, or somebody carry out what the queue asked for.
pub(super) fn page(
    step: PageStep,
    bench: &mut Bench,
    model: &mut Model,
) -> Result<(), TestCaseError> {
    match step {
        PageStep::Out(size) => prop_assert!(bench.page_out(size).is_empty()),
        PageStep::Written(at) => {
            let ids = bench.written(at);
            model.set_cold(&ids, true);
        }
        PageStep::Failed(at) => bench.failed(at),
        PageStep::Read(at, lost) => {
            let Some((ids, missing, said)) = bench.read(at, lost) else { return Ok(()) };
            prop_assert_eq!((missing, said), model.loaded(&ids, lost));
        }
    }
    Ok(())
}

/// What can be seen of the queue is what the model has.
pub(super) fn agree(bench: &Bench, model: &Model) -> Result<(), TestCaseError> {
    let counts = bench.queue.counts();
    prop_assert_eq!(counts.ready, model.ready().count() as u64);
    prop_assert_eq!(counts.ready_bytes, model.ready_bytes());
    prop_assert_eq!(counts.unacked, model.held() as u64);
    prop_assert_eq!(counts.consumers as usize, model.consumers.len());
    prop_assert_eq!(counts.keys as usize, model.seen.len() - model.forgotten);
    prop_assert_eq!(counts.duplicates, model.duplicates);
    prop_assert_eq!(counts.here, model.here() as u64);
    prop_assert_eq!(counts.retained_bytes == 0, counts.here == 0);
    if model.head_is_cold() {
        prop_assert!(model.consumers.is_empty() || bench.disk.is_reading(), "nobody reads");
    } else {
        prop_assert_eq!(bench.queue.next_deadline(), model.due().map(Timestamp));
    }
    // Nothing is kept for nothing, and nothing goes too early.
    let alive = |id: &u64| {
        let Message { place, dying, .. } = &model.messages[*id as usize - 1];
        *place != Place::Gone || *dying
    };
    for (page, ids) in bench.disk.pages() {
        prop_assert!(ids.iter().any(alive), "{page:?} with {ids:?} is done");
    }
    Ok(())
}
