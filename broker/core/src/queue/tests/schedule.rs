//! Delayed messages: they come in any order, leave in that of their times, and are not forgotten
//! before they have arrived.

use std::sync::Arc;

use broker_protocol::properties::Properties;
use broker_protocol::table::{FieldTable, Value};
use proptest::prelude::*;

use crate::id::MessageId;
use crate::message::sample;
use crate::queue::{Changes, Command, Effect, Entered, Queue, Remembered, Settings};
use crate::time::Timestamp;

pub(super) fn settings() -> Arc<Settings> {
    Arc::new(Settings { schedule: true, durable: true, ..Settings::new("/".into(), "e".into()) })
}

pub(super) fn delayed(delay: u64, delivery_mode: u8, body: &str) -> Command {
    let mut headers = FieldTable::new();
    headers.insert("x-delay", delay as i64);
    let properties = Properties {
        headers: Some(headers),
        delivery_mode: Some(delivery_mode),
        expiration: Some("5"),
        ..Properties::default()
    };
    Command::Publish(sample::with("e", "k", &properties, body.as_bytes()))
}

/// The delays of what was sent on, and the ids a log knows.
fn released(effects: &[Effect]) -> Vec<(i64, Option<u64>)> {
    let one = |effect: &Effect| {
        let Effect::Release { id, message } = effect else { panic!("{effect:?}") };
        let headers = message.properties().headers().unwrap();
        let delay = headers.get("x-delay").and_then(Value::as_i64).unwrap();
        assert_eq!(message.body(), (-delay).to_string().as_bytes());
        (delay, id.map(|id| id.0))
    };
    effects.iter().map(one).collect()
}

#[test]
fn messages_leave_in_the_order_of_their_times() {
    let mut queue = Queue::new(settings());
    let mut effects = Vec::new();
    for (delay, mode) in [(30, 2), (10, 2), (20, 1), (10, 2)] {
        queue.apply(delayed(delay, mode, &delay.to_string()), Timestamp(1_000), &mut effects);
    }
    let counts = queue.counts();
    assert_eq!((counts.ready, counts.ready_bytes, effects.len()), (4, 8, 0));
    assert_eq!(queue.next_deadline(), Some(Timestamp(1_010)));
    queue.apply(Command::Expire, Timestamp(1_009), &mut effects);
    assert_eq!(effects.len(), 0, "not before its time");
    queue.apply(Command::Expire, Timestamp(1_020), &mut effects);
    assert_eq!(released(&effects), [(-10, Some(2)), (-10, Some(4)), (-20, None)]);
    effects.clear();
    // The clock was set back.
    queue.apply(Command::Expire, Timestamp(500), &mut effects);
    assert_eq!((effects.len(), queue.next_deadline()), (0, Some(Timestamp(1_030))));
    queue.apply(
        Command::Delete { if_unused: false, if_empty: false },
        Timestamp(500),
        &mut effects,
    );
    assert!(matches!(effects[..], [Effect::Deleted { messages: 1, .. }]), "{effects:?}");
}

#[test]
fn a_great_many_leave_in_pieces() {
    let mut queue = Queue::new(settings());
    let mut effects = Vec::new();
    for _ in 0..2_500 {
        queue.apply(delayed(10, 2, "10"), Timestamp(0), &mut effects);
    }
    for left in [1_500, 500, 0] {
        queue.apply(Command::Expire, Timestamp(10), &mut effects);
        assert_eq!(queue.counts().ready, left);
    }
    assert_eq!(effects.len(), 2_500);
    assert_eq!((queue.counts().retained_bytes, queue.next_deadline()), (0, None));
}

proptest! {
    /// Whoever follows the changes knows what has not arrived yet, and when it is due.
    #[test]
    fn a_schedule_made_again_sends_on_the_rest(
        steps in proptest::collection::vec((1_u64..40, 0_u64..12, any::<bool>()), 1..60),
    ) {
        let mut queue = Queue::new(settings());
        let (mut now, mut changes, mut effects) = (100, Changes::default(), Vec::new());
        let mut log: Vec<Entered> = Vec::new();
        let mut under_way = Vec::new();
        for (delay, wait, lands) in steps {
            queue.apply(delayed(delay, 2, &delay.to_string()), Timestamp(now), &mut effects);
            now += wait;
            queue.apply(Command::Expire, Timestamp(now), &mut effects);
            under_way.extend(released(&effects).into_iter().filter_map(|(_, id)| id));
            effects.clear();
            if lands {
                for id in under_way.drain(..) {
                    queue.landed(MessageId(id), &mut effects);
                }
            }
            changes.clear();
            queue.take_changes(&mut changes);
            log.extend(changes.entered.iter().cloned());
            log.retain(|entered| !changes.gone.contains(&entered.id));
            prop_assert!(under_way.iter().all(|id| log.iter().any(|entered| entered.id.0 == *id)));

            let (last, delivered) = queue.marks();
            let remembered = Remembered { last, delivered, messages: log.clone(), ..Remembered::default() };
            let mut again = Queue::restore(settings(), remembered);
            prop_assert_eq!(again.counts().ready, queue.counts().ready + under_way.len() as u64);
            prop_assert_eq!(again.remembered().count(), log.len());
            let (mut first, mut second) = (Vec::new(), Vec::new());
            again.apply(Command::Expire, Timestamp(now), &mut first);
            let mut sent: Vec<_> = released(&first).into_iter().filter_map(|(_, id)| id).collect();
            sent.sort_unstable();
            let mut expected = under_way.clone();
            expected.sort_unstable();
            prop_assert_eq!(sent, expected, "what had not arrived goes again");
            again.apply(Command::Expire, Timestamp(now + 100), &mut second);
            prop_assert_eq!(second.len() as u64, queue.counts().ready);
        }
    }
}
