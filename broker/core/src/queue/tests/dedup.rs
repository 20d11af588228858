//! Duplicates: the rules one by one, and a model of what a window and a log of it know.

use std::sync::Arc;

use broker_protocol::properties::Properties;
use broker_protocol::table::FieldTable;
use proptest::prelude::*;

use crate::dedup::{Key, Rule, WindowId};
use crate::message::{Message, sample};
use crate::queue::tests::{Bench, ack, subscribe};
use crate::queue::{
    Changes, Command, Effect, Entered, Once, Overflow, Queue, Remembered, Settings,
};
use crate::time::Timestamp;

/// A rule that keeps so many keys for so many ms.
pub(super) fn rule(limit: i64, life: i64) -> Rule {
    let mut table = FieldTable::new();
    table.insert("x-message-deduplication", true);
    table.insert("x-cache-size", limit);
    table.insert("x-cache-ttl", life);
    Rule::from_arguments(&table, "queue 'q'").unwrap().unwrap()
}

fn message(key: &str, delivery_mode: u8, body: &str) -> Message {
    let mut headers = FieldTable::new();
    headers.insert("x-deduplication-header", key);
    let properties = Properties {
        headers: Some(headers),
        delivery_mode: Some(delivery_mode),
        ..Properties::default()
    };
    sample::with("e", "k", &properties, body.as_bytes())
}

fn bench(change: impl FnOnce(&mut Settings)) -> Bench {
    Bench::with(|settings| {
        settings.dedup = Some(rule(3, 100));
        change(settings);
    })
}

fn publish(bench: &mut Bench, key: &str) -> Vec<String> {
    bench.apply(Command::Publish(message(key, 2, key)))
}

#[test]
fn a_key_is_known_also_when_its_message_is_gone() {
    let mut bench = bench(|_| {});
    assert_eq!(publish(&mut bench, "a"), [""; 0]);
    assert_eq!(publish(&mut bench, "a"), ["as #1"]);
    assert_eq!(bench.queue.counts().duplicates, 1);
    bench.get();
    bench.apply(ack(&[1]));
    assert_eq!(publish(&mut bench, "a"), ["as #1"], "consumed long ago");
    bench.apply(Command::Purge);
    assert_eq!(publish(&mut bench, "a"), ["as #1"], "a purge removes messages, not what is known");
    assert_eq!(bench.publish(&["plain", "plain"]), [""; 0], "without a key there is no duplicate");
}

#[test]
fn keys_go_by_number_and_by_time() {
    let mut bench = bench(|_| {});
    for key in ["a", "b", "c", "d"] {
        publish(&mut bench, key);
    }
    assert_eq!(publish(&mut bench, "b"), ["as #2"]);
    assert_eq!(publish(&mut bench, "a"), [""; 0], "three are kept, and it was the fourth");
    bench.now = bench.now.after(99);
    assert_eq!(publish(&mut bench, "a"), ["as #5"]);
    bench.now = bench.now.after(1);
    assert_eq!(publish(&mut bench, "a"), [""; 0]);
    assert_eq!(bench.queue.counts().keys, 3);
    bench.now = bench.queue.next_deadline().unwrap();
    bench.apply(Command::Expire);
    assert_eq!(bench.queue.counts().keys, 0, "they do not stay for want of others");
    assert_eq!(bench.queue.next_deadline(), None);
}

#[test]
fn a_refused_message_leaves_no_key() {
    for overflow in [Overflow::RejectPublish, Overflow::RejectPublishDlx] {
        let mut bench = bench(|settings| {
            settings.max_length = Some(1);
            settings.overflow = overflow;
        });
        publish(&mut bench, "a");
        assert_eq!(publish(&mut bench, "b"), ["no"]);
        assert_eq!(publish(&mut bench, "a"), ["as #1"], "it is in, so it is not refused");
        bench.get();
        assert_eq!(publish(&mut bench, "b"), [""; 0], "once there is room it is welcome");
    }
}

#[test]
fn a_message_that_comes_back_is_not_its_own_duplicate() {
    let mut bench = bench(|settings| {
        settings.dead_letter =
            Some(crate::queue::DeadLetterTo { exchange: "retry".into(), routing_key: None });
    });
    publish(&mut bench, "a");
    let mut effects = Vec::new();
    bench.queue.apply(Command::Get { no_ack: false }, bench.now, &mut effects);
    effects.clear();
    let reject = Command::Reject { ids: vec![crate::id::MessageId(1)] };
    bench.queue.apply(reject, bench.now, &mut effects);
    let [Effect::DeadLetter { message: dead, .. }] = &effects[..] else { panic!("{effects:?}") };
    let dead = dead.clone();
    assert_eq!(bench.apply(Command::Publish(dead.clone())), [""; 0], "round by a retry queue");
    let other = Bench::with(|settings| {
        settings.name = "other".into();
        settings.dedup = Some(rule(3, 100));
    });
    let mut other = other;
    publish(&mut other, "a");
    assert_eq!(
        other.apply(Command::Publish(dead)),
        ["as #1"],
        "but one for a queue it never was in"
    );
    let mut forged = message("a", 2, "a").properties().headers().unwrap();
    let mut death = FieldTable::new();
    death.insert("queue", "q");
    forged.insert("x-death", vec![death.into()]);
    let forged = sample::with_headers("e", "k", forged);
    assert_eq!(bench.apply(Command::Publish(forged)), ["as #1"], "a publisher may claim anything");
}

#[test]
fn a_message_handed_over_at_once_leaves_its_key_in_the_log() {
    let mut bench = bench(|settings| settings.durable = true);
    let terms = crate::queue::Subscription { no_ack: true, ..crate::queue::tests::subscription(1) };
    bench.apply(Command::Subscribe(terms));
    publish(&mut bench, "a");
    bench.apply(Command::Publish(message("t", 1, "transient")));
    let mut changes = Changes::default();
    assert!(bench.queue.take_changes(&mut changes));
    assert_eq!((changes.entered.len(), changes.keys.len()), (0, 1));
    bench.apply(subscribe(2));
}

#[test]
fn exchanges_have_windows_of_their_own() {
    let mut bench = bench(|settings| settings.dedup = None);
    let once = |exchange: &str, key: &str| {
        let message = message(key, 2, key);
        let judge = crate::dedup::Judge::new(exchange, rule(3, 100));
        let keys: Arc<[Key]> = judge.key(&message).into_iter().collect();
        Command::PublishOnce(Box::new(Once { message, keys }))
    };
    assert_eq!(bench.apply(once("one", "a")), [""; 0]);
    assert_eq!(bench.apply(once("one", "a")), ["as #1"]);
    assert_eq!(bench.apply(once("two", "a")), [""; 0]);
    assert_eq!(publish(&mut bench, "a"), [""; 0], "nobody on this way looks");
    assert_eq!(bench.queue.counts().keys, 2);
}

proptest! {
    /// A log that follows the changes knows the keys of the persistent messages, and the queue that
    /// is made from it judges like the one that was lost.
    #[test]
    fn a_queue_made_again_knows_the_same_duplicates(
        steps in proptest::collection::vec((0_u8..10, any::<bool>(), 0_u64..20), 1..80), every in 1_usize..5,
    ) {
        let settings = Settings {
            durable: true,
            dedup: Some(rule(4, 60)),
            ..Settings::new("/".into(), "q".into())
        };
        let settings = Arc::new(settings);
        let mut queue = Queue::new(Arc::clone(&settings));
        let (mut keys, mut messages) = (Vec::new(), Vec::<Entered>::new());
        let (mut changes, mut effects, mut now) = (Changes::default(), Vec::new(), 1_000);
        for (at, (key, get, wait)) in steps.into_iter().enumerate() {
            now += wait;
            let text = key.to_string();
            queue.apply(Command::Publish(message(&text, 2, &text)), Timestamp(now), &mut effects);
            if get {
                queue.apply(Command::Get { no_ack: true }, Timestamp(now), &mut effects);
            }
            if at % every == 0 {
                changes.clear();
                queue.take_changes(&mut changes);
                keys.extend(changes.keys.iter().copied());
                messages.extend(changes.entered.iter().cloned());
                messages.retain(|message| !changes.gone.contains(&message.id));
                let (last, delivered) = queue.marks();
                // Whatever order they are found in, and however often.
                let found = keys.iter().rev().chain(&keys).copied().collect();
                let remembered = Remembered { last, delivered, messages: messages.clone(), keys: found, ..Remembered::default() };
                let mut again = Queue::restore(Arc::clone(&settings), remembered);
                prop_assert_eq!(again.marks(), queue.marks());
                let known: Vec<_> = again.known_keys().collect();
                prop_assert_eq!(&known, &queue.known_keys().collect::<Vec<_>>());
                for key in 0..10_u8 {
                    let keys = queue.keys(&message(&key.to_string(), 2, ""), None);
                    prop_assert_eq!(keys[0].window, WindowId::OWN);
                    let judged = [&queue, &again].map(|queue| queue.first_with(&keys, Timestamp(now)));
                    prop_assert_eq!(judged[0], judged[1]);
                }
                again.apply(Command::Expire, Timestamp(now + 200_000), &mut effects);
                prop_assert_eq!(again.counts().keys, 0);
            }
        }
    }
}
