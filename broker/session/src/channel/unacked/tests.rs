//! The held deliveries behave like a sorted map from tag to delivery, in bounded memory.

use std::collections::BTreeMap;

use broker_core::id::{MessageId, QueueId};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{FEW, Held, Unacked};

fn held(number: u64) -> Held {
    Held { queue: QueueId(number % 3), id: MessageId(number), got: false }
}

#[derive(Debug, Clone)]
enum Step {
    Hold,
    Tag,
    Take(u64),
    TakeUpTo(u64),
    TakeAll,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => Just(Step::Hold),
        1 => Just(Step::Tag),
        6 => (0_u64..300).prop_map(Step::Take),
        1 => (0_u64..300).prop_map(Step::TakeUpTo),
        1 => Just(Step::TakeAll),
    ]
}

proptest! {
    #[test]
    fn it_behaves_like_a_map(steps in vec(step(), 0..400)) {
        let mut unacked = Unacked::default();
        let mut model = BTreeMap::new();
        let mut last = 0;
        for step in steps {
            match step {
                Step::Hold => {
                    last += 1;
                    prop_assert_eq!(unacked.hold(held(last)), last);
                    model.insert(last, held(last));
                }
                Step::Tag => {
                    last += 1;
                    prop_assert_eq!(unacked.tag(), last);
                }
                Step::Take(tag) => prop_assert_eq!(unacked.take(tag), model.remove(&tag)),
                Step::TakeUpTo(tag) => {
                    let mut taken = Vec::new();
                    let known = unacked.take_up_to(tag, |_, held| taken.push(held));
                    prop_assert_eq!(known, model.contains_key(&tag));
                    if known {
                        let rest = model.split_off(&(tag + 1));
                        prop_assert_eq!(taken, model.into_values().collect::<Vec<_>>());
                        model = rest;
                    }
                }
                Step::TakeAll => {
                    let mut taken = Vec::new();
                    unacked.take_all(|_, held| taken.push(held));
                    prop_assert_eq!(taken, std::mem::take(&mut model).into_values().collect::<Vec<_>>());
                }
            }
            prop_assert_eq!(unacked.len(), model.len());
        }
    }
}

#[test]
fn one_old_delivery_does_not_keep_all_later_ones_in_memory() {
    let mut unacked = Unacked::default();
    let oldest = unacked.hold(held(0));
    for number in 1..10_000 {
        let tag = unacked.hold(held(number));
        assert_eq!(unacked.take(tag), Some(held(number)));
    }
    assert!(unacked.entries.len() <= 2 * FEW + 2);
    assert_eq!(unacked.take(oldest), Some(held(0)));
    assert_eq!(unacked.len(), 0);
}
