//! Every publish is answered exactly once, whatever the order of outcomes.

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Answers, Confirms};

#[test]
fn confirms_in_order_leave_as_one_ack() {
    let mut confirms = Confirms::default();
    for seq in 1..=100 {
        assert_eq!(confirms.publish(), seq);
        confirms.routed(seq, 1);
    }
    for seq in 1..=100 {
        confirms.settled(seq, true);
    }
    let expected = Answers { ack_up_to: Some(100), ..Answers::default() };
    assert_eq!(confirms.take_answers(), expected);
    assert!(!confirms.has_answers());
}

#[test]
fn a_late_publish_does_not_hold_others_back() {
    let mut confirms = Confirms::default();
    for seq in 1..=3 {
        confirms.publish();
        confirms.routed(seq, 1);
    }
    confirms.settled(3, true);
    confirms.settled(2, false);
    let expected = Answers { nacks: vec![2], acks: vec![3], ..Answers::default() };
    assert_eq!(confirms.take_answers(), expected);
    confirms.settled(1, true);
    assert_eq!(confirms.take_answers().alone, Some(1), "the others were answered before");
}

#[test]
fn a_publish_routed_nowhere_is_acked_and_one_refused_by_any_queue_nacked() {
    let mut confirms = Confirms::default();
    confirms.publish();
    confirms.routed(1, 0);
    confirms.publish();
    confirms.routed(2, 3);
    confirms.settled(2, true);
    confirms.settled(2, false);
    let one = Answers { alone: Some(1), ..Answers::default() };
    assert_eq!(confirms.take_answers(), one, "alone, and so by itself");
    confirms.settled(2, true);
    assert_eq!(confirms.take_answers().nacks, [2]);
}

/// One publish to so many queues, of which one refuses it or not.
#[derive(Debug, Clone)]
struct Fate {
    queues: u32,
    refused: bool,
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    vec((0_u32..3, any::<bool>()).prop_map(|(queues, refused)| Fate { queues, refused }), 1..40)
}

/// The outcomes of all publishes, shuffled.
fn outcomes(fates: &[Fate], order: &[u16]) -> Vec<(u64, bool)> {
    let mut outcomes = Vec::new();
    for (index, fate) in fates.iter().enumerate() {
        outcomes.extend(
            (0..fate.queues).map(|queue| (index as u64 + 1, !(fate.refused && queue == 0))),
        );
    }
    let count = outcomes.len().max(1);
    for (from, to) in order.iter().enumerate().take(outcomes.len()) {
        outcomes.swap(from % count, usize::from(*to) % count);
    }
    outcomes
}

proptest! {
    /// The client's view: an ack for many covers all not answered before, and none is answered twice.
    #[test]
    fn every_publish_is_answered_once(
        fates in fates(),
        order in vec(any::<u16>(), 0..120),
        batch in 1usize..8,
    ) {
        let mut confirms = Confirms::default();
        for fate in &fates {
            let seq = confirms.publish();
            confirms.routed(seq, fate.queues);
        }
        let mut told = vec![None; fates.len()];
        let outcomes = outcomes(&fates, &order);
        for outcomes in outcomes.chunks(batch).map(<[_]>::to_vec).chain([Vec::new()]) {
            for (seq, ok) in outcomes {
                confirms.settled(seq, ok);
            }
            let answers = confirms.take_answers();
            for seq in answers.nacks {
                prop_assert_eq!(told[seq as usize - 1].replace(false), None);
            }
            for told in &mut told[..answers.ack_up_to.unwrap_or(0) as usize] {
                told.get_or_insert(true);
            }
            for seq in answers.alone.into_iter().chain(answers.acks) {
                prop_assert_eq!(told[seq as usize - 1].replace(true), None);
            }
        }
        for (fate, told) in fates.iter().zip(told) {
            prop_assert_eq!(told, Some(fate.queues == 0 || !fate.refused));
        }
        prop_assert!(confirms.slots.is_empty());
    }
}
