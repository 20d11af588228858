//! Policies that change under a queue in use.

use std::sync::Arc;

use crate::id::ConsumerId;
use crate::queue::tests::{Bench, ack, requeue, subscribe};
use crate::queue::{Command, DeadLetterTo, Overflow, Settings};
use crate::time::Timestamp;

impl Bench {
    fn reconfigure(&mut self, change: impl FnOnce(&mut Settings)) -> Vec<String> {
        let mut settings = Settings::clone(self.queue.settings());
        change(&mut settings);
        self.apply(Command::Reconfigure(Arc::new(settings)))
    }
}

fn to_dlx() -> Option<DeadLetterTo> {
    Some(DeadLetterTo { exchange: "dlx".into(), routing_key: None })
}

#[test]
fn a_shorter_length_drops_the_excess_at_once() {
    let mut bench = Bench::with(|settings| settings.dead_letter = to_dlx());
    bench.publish(&["a", "bb", "c", "d"]);
    let dead = bench.reconfigure(|settings| settings.max_length = Some(3));
    assert_eq!(dead, ["a dead: maxlen"]);
    let dead = bench.reconfigure(|settings| settings.max_bytes = Some(2));
    assert_eq!(dead, ["bb dead: maxlen"]);
    let dead = bench.reconfigure(|settings| {
        settings.overflow = Overflow::RejectPublish;
        settings.max_length = Some(1);
    });
    assert!(dead.is_empty(), "what is there stays");
    assert_eq!(bench.publish(&["e"]), ["no"]);
    bench.reconfigure(|settings| (settings.max_length, settings.max_bytes) = (None, None));
    assert!(bench.publish(&["e"]).is_empty());
    assert_eq!(bench.get(), ["got c#3, 2 left"]);
}

#[test]
fn a_time_to_live_holds_for_messages_to_come() {
    let mut bench = Bench::new();
    bench.publish(&["a"]);
    bench.reconfigure(|settings| settings.message_ttl = Some(10));
    bench.publish(&["b"]);
    bench.now = bench.now.after(50);
    assert_eq!(bench.get(), ["got a#1, 1 left"], "it came before");
    assert_eq!(bench.get(), ["got nothing"]);
    bench.reconfigure(|settings| settings.message_ttl = Some(1_000));
    bench.publish(&["c"]);
    bench.reconfigure(|settings| settings.message_ttl = None);
    bench.now = bench.now.after(1_000);
    assert_eq!(bench.get(), ["got nothing"], "it had its time when it came");
}

#[test]
fn the_time_to_be_left_alone_begins_anew() {
    let mut bench = Bench::new();
    bench.apply(Command::Touch);
    bench.now = bench.now.after(500);
    assert!(bench.reconfigure(|settings| settings.expires = Some(100)).is_empty());
    assert_eq!(bench.queue.next_deadline(), Some(Timestamp(1_600)));
    bench.now = bench.now.after(50);
    bench.reconfigure(|settings| settings.max_length = Some(1));
    assert_eq!(bench.queue.next_deadline(), Some(Timestamp(1_600)), "no other time, no beginning");
    bench.now = bench.now.after(50);
    assert_eq!(bench.apply(Command::Expire), ["deleted with 0: Expired"]);
}

#[test]
fn the_delivery_limit_and_the_way_of_the_dead_hold_from_the_next_time_on() {
    let mut bench = Bench::new();
    bench.publish(&["a", "b"]);
    for _ in 0..3 {
        bench.get();
        bench.apply(requeue(&[1]));
    }
    bench.reconfigure(|settings| {
        settings.delivery_limit = Some(3);
        settings.dead_letter = to_dlx();
    });
    assert_eq!(bench.get(), ["got a#1 again (3), 1 left"]);
    assert_eq!(bench.apply(requeue(&[1])), ["a dead: delivery_limit"]);
    bench.apply(subscribe(1));
    bench.reconfigure(|settings| settings.dead_letter = None);
    assert!(bench.apply(Command::Reject { ids: super::ids(&[2]) }).is_empty());
    assert!(bench.apply(ack(&[2])).is_empty());
    bench.apply(Command::Unsubscribe { consumer: ConsumerId(1) });
}
