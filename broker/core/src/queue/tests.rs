//! The queue's rules, one by one; `model` has them all at once.

mod agreement;
mod crash;
mod dedup;
mod delayed_pages;
mod disk;
mod durability;
mod model;
mod reconfigure;
mod schedule;
mod steps;

use std::sync::Arc;

use broker_protocol::table::Value;

use crate::id::{ConnectionId, ConsumerId, MessageId};
use crate::message::{Message, sample};
use crate::queue::tests::disk::Disk;
use crate::queue::{Command, DeadLetterTo, Effect, Queue, Settings, Subscription};
use crate::time::Timestamp;

/// A queue that takes one command after another and tells what it wants done in short words.
struct Bench {
    queue: Queue,
    disk: Disk,
    now: Timestamp,
}

impl Bench {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::new("/".into(), "q".into());
        change(&mut settings);
        let queue = Queue::new(Arc::new(settings));
        Self { queue, disk: Disk::default(), now: Timestamp(1_000) }
    }

    fn apply(&mut self, command: Command) -> Vec<String> {
        let mut effects = Vec::new();
        self.queue.apply(command, self.now, &mut effects);
        self.say_all(effects)
    }

    fn publish(&mut self, bodies: &[&str]) -> Vec<String> {
        let publish = |body: &&str| Command::Publish(sample::message("e", "k", body.as_bytes()));
        bodies.iter().map(publish).flat_map(|command| self.apply(command)).collect()
    }

    fn get(&mut self) -> Vec<String> {
        self.apply(Command::Get { no_ack: false })
    }
}

/// An effect in short words.
fn say(effect: &Effect) -> String {
    let body = |message: &Message| String::from_utf8_lossy(message.body()).into_owned();
    let again = |redelivered: bool, message: &Message| {
        let headers = message.properties().headers().unwrap_or_default();
        match (redelivered, headers.get("x-delivery-count").and_then(Value::as_i64)) {
            (false, _) => String::new(),
            (true, None) => " again".into(),
            (true, Some(times)) => format!(" again ({times})"),
        }
    };
    match effect {
        Effect::Deliver { consumer, id, redelivered, message } => {
            format!("{}#{}{} to {}", body(message), id.0, again(*redelivered, message), consumer.0)
        }
        Effect::Got { id, redelivered, message, remaining } => {
            format!(
                "got {}#{}{}, {remaining} left",
                body(message),
                id.0,
                again(*redelivered, message)
            )
        }
        Effect::GotNothing => "got nothing".into(),
        Effect::NotYet { .. } => "not yet".into(),
        Effect::PageOut { .. } | Effect::PageIn { .. } | Effect::PageDone { .. } => {
            unreachable!("the disk takes note of it")
        }
        Effect::Subscribed { consumer } => format!("{} is in", consumer.0),
        Effect::Refused(refusal) => refusal.text.clone(),
        Effect::Purged { messages } => format!("purged {messages}"),
        Effect::PublishRefused => "no".into(),
        Effect::Release { .. } => "released".into(),
        Effect::Duplicate { first } => format!("as #{}", first.0),
        Effect::DeadLetter { message, .. } => {
            let headers = message.properties().headers().unwrap_or_default();
            let reason = headers.get("x-last-death-reason").and_then(Value::as_str);
            format!("{} dead: {}", body(message), reason.unwrap())
        }
        Effect::TimeoutChanged { consumer, timeout } => {
            format!("{} has {timeout:?} to acknowledge", consumer.0)
        }
        Effect::ConsumerGone { consumer } => format!("{} gone", consumer.0),
        Effect::Deleted { messages, reason } => format!("deleted with {messages}: {reason:?}"),
    }
}

fn subscription(consumer: u64) -> Subscription {
    Subscription {
        consumer: ConsumerId(consumer),
        connection: ConnectionId(consumer),
        no_ack: false,
        exclusive: false,
        prefetch: 0,
        priority: 0,
        window: u32::MAX,
    }
}

fn subscribe(consumer: u64) -> Command {
    Command::Subscribe(subscription(consumer))
}

fn with_prefetch(consumer: u64, prefetch: u32) -> Command {
    Command::Subscribe(Subscription { prefetch, ..subscription(consumer) })
}

fn ids(numbers: &[u64]) -> Vec<MessageId> {
    numbers.iter().copied().map(MessageId).collect()
}

fn ack(numbers: &[u64]) -> Command {
    Command::Ack { ids: ids(numbers) }
}

fn requeue(numbers: &[u64]) -> Command {
    Command::Requeue { ids: ids(numbers) }
}

#[test]
fn messages_leave_in_the_order_they_came() {
    let mut bench = Bench::new();
    assert!(bench.publish(&["a", "b", "c"]).is_empty());
    assert_eq!(bench.get(), ["got a#1, 2 left"]);
    assert_eq!(bench.apply(subscribe(7)), ["7 is in", "b#2 to 7", "c#3 to 7"]);
    assert_eq!(bench.publish(&["d"]), ["d#4 to 7"]);
    assert_eq!(bench.get(), ["got nothing"]);
}

#[test]
fn consumers_take_turns() {
    let mut bench = Bench::new();
    for consumer in [3, 1, 2] {
        bench.apply(subscribe(consumer));
    }
    assert_eq!(
        bench.publish(&["a", "b", "c", "d"]),
        ["a#1 to 3", "b#2 to 1", "c#3 to 2", "d#4 to 3"]
    );
}

#[test]
fn a_consumer_at_its_prefetch_gets_nothing_more() {
    let mut bench = Bench::new();
    bench.apply(with_prefetch(1, 2));
    assert_eq!(bench.publish(&["a", "b", "c", "d"]), ["a#1 to 1", "b#2 to 1"]);
    assert_eq!(bench.apply(ack(&[2])), ["c#3 to 1"]);
    assert_eq!(
        bench.apply(Command::SetPrefetch { consumer: ConsumerId(1), prefetch: 3 }),
        ["d#4 to 1"]
    );
    assert!(bench.apply(ack(&[2, 99])).is_empty(), "settled once is settled");
}

#[test]
fn a_consumer_whose_window_is_used_up_waits_for_more() {
    let mut bench = Bench::new();
    let terms = Subscription { no_ack: true, window: 1, ..subscription(1) };
    bench.apply(Command::Subscribe(terms));
    assert_eq!(bench.publish(&["a", "b", "c"]), ["a#1 to 1"]);
    let grant = Command::Grant { consumer: ConsumerId(1), deliveries: 5 };
    assert_eq!(bench.apply(grant), ["b#2 to 1", "c#3 to 1"]);
    assert_eq!(bench.queue.counts().unacked, 0, "no_ack holds nothing");
}

#[test]
fn a_large_message_uses_up_more_of_the_window() {
    let mut bench = Bench::new();
    let large = "x".repeat(20_000);
    let terms = Subscription { no_ack: true, window: 4, ..subscription(1) };
    bench.apply(Command::Subscribe(terms));
    assert_eq!(bench.publish(&["a", &large, "b"]).len(), 2, "one of 1 and one of 5, out of 4");
    let grant = |deliveries| Command::Grant { consumer: ConsumerId(1), deliveries };
    assert!(bench.apply(grant(2)).is_empty(), "what was owed comes first");
    assert_eq!(bench.apply(grant(1)), ["b#3 to 1"]);
}

#[test]
fn higher_priorities_are_served_first_while_they_have_credit() {
    let mut bench = Bench::new();
    bench.apply(subscribe(1));
    bench.apply(Command::Subscribe(Subscription { priority: 5, prefetch: 1, ..subscription(2) }));
    assert_eq!(bench.publish(&["a", "b"]), ["a#1 to 2", "b#2 to 1"]);
    bench.apply(ack(&[1]));
    assert_eq!(bench.publish(&["c"]), ["c#3 to 2"]);
}

#[test]
fn what_goes_back_goes_back_to_its_place_flagged() {
    let mut bench = Bench::new();
    bench.publish(&["a", "b", "c", "d"]);
    for _ in 0..3 {
        bench.get();
    }
    bench.apply(requeue(&[3]));
    bench.apply(requeue(&[1]));
    assert_eq!(bench.get(), ["got a#1 again, 2 left"]);
    bench.apply(requeue(&[2, 1]));
    assert_eq!(
        bench.apply(subscribe(1)),
        ["1 is in", "a#1 again to 1", "b#2 again to 1", "c#3 again to 1", "d#4 to 1"]
    );
}

#[test]
fn a_consumer_that_leaves_keeps_what_it_holds_until_it_is_settled() {
    let mut bench = Bench::new();
    bench.apply(subscribe(1));
    bench.publish(&["a", "b"]);
    assert!(bench.apply(Command::Unsubscribe { consumer: ConsumerId(1) }).is_empty());
    assert_eq!(bench.queue.counts().unacked, 2);
    bench.apply(ack(&[1]));
    bench.apply(requeue(&[2]));
    assert_eq!(bench.get(), ["got b#2 again, 0 left"]);
}

#[test]
fn an_exclusive_consumer_is_alone() {
    let mut bench = Bench::new();
    let alone =
        |consumer| Command::Subscribe(Subscription { exclusive: true, ..subscription(consumer) });
    let no = "ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use";
    assert_eq!(bench.apply(alone(1)), ["1 is in"]);
    assert_eq!(bench.apply(subscribe(2)), [no]);
    bench.apply(Command::Unsubscribe { consumer: ConsumerId(1) });
    assert_eq!(bench.apply(subscribe(2)), ["2 is in"]);
    assert_eq!(bench.apply(alone(1)), [no]);
}

#[test]
fn purging_leaves_what_is_out() {
    let mut bench = Bench::new();
    bench.publish(&["a", "b", "c"]);
    bench.get();
    assert_eq!(bench.apply(Command::Purge), ["purged 2"]);
    bench.apply(requeue(&[1]));
    assert_eq!(bench.get(), ["got a#1 again, 0 left"]);
}

#[test]
fn deleting_asks_first_and_tells_the_consumers() {
    let mut bench = Bench::new();
    bench.publish(&["a"]);
    let delete = |if_unused, if_empty| Command::Delete { if_unused, if_empty };
    let not_empty = "PRECONDITION_FAILED - queue 'q' in vhost '/' not empty";
    assert_eq!(bench.apply(delete(false, true)), [not_empty]);
    bench.apply(subscribe(1));
    let in_use = "PRECONDITION_FAILED - queue 'q' in vhost '/' in use";
    assert_eq!(bench.apply(delete(true, true)), [in_use]);
    bench.apply(Command::Unsubscribe { consumer: ConsumerId(1) });
    bench.apply(subscribe(2));
    bench.apply(requeue(&[1]));
    assert_eq!(bench.apply(delete(false, false)), ["2 gone", "deleted with 0: Requested"]);
    assert!(bench.publish(&["b"]).is_empty() && bench.get().is_empty(), "nothing comes after");
}

#[test]
fn an_auto_delete_queue_goes_with_its_last_consumer() {
    let mut bench = Bench::with(|settings| settings.auto_delete = true);
    bench.publish(&["a"]);
    bench.apply(with_prefetch(1, 1));
    bench.apply(subscribe(2));
    bench.publish(&["b", "c"]);
    assert!(bench.apply(Command::Unsubscribe { consumer: ConsumerId(2) }).is_empty());
    assert!(bench.apply(Command::Unsubscribe { consumer: ConsumerId(9) }).is_empty());
    bench.publish(&["d"]);
    let last = bench.apply(Command::Unsubscribe { consumer: ConsumerId(1) });
    assert_eq!(last, ["deleted with 1: Unused"]);
}

#[test]
fn figures_follow_the_messages() {
    let mut bench = Bench::new();
    bench.publish(&["aa", "b", "c"]);
    bench.get();
    let counts = bench.queue.counts();
    assert_eq!((counts.ready, counts.unacked), (2, 1));
    assert_eq!((counts.ready_bytes, counts.unacked_bytes), (2, 2));
    assert!(counts.retained_bytes > 3 * 100, "names, headers and bookkeeping count");
    bench.apply(ack(&[1]));
    bench.apply(Command::Purge);
    assert_eq!(bench.queue.counts(), Default::default());
}

#[test]
fn a_message_expires_at_the_head_and_is_never_delivered_late() {
    let mut bench = Bench::with(|settings| {
        settings.message_ttl = Some(100);
        settings.dead_letter =
            Some(DeadLetterTo { exchange: "dlx".into(), routing_key: Some("dead".into()) });
    });
    bench.publish(&["a"]);
    bench.now = bench.now.after(50);
    bench.publish(&["b"]);
    assert_eq!(bench.queue.next_deadline(), Some(Timestamp(1_100)));
    bench.now = bench.now.after(50);
    assert_eq!(bench.apply(Command::Expire), ["a dead: expired"]);
    assert_eq!(bench.queue.next_deadline(), Some(Timestamp(1_150)));
    bench.now = bench.now.after(50);
    assert_eq!(bench.apply(subscribe(1)), ["1 is in", "b dead: expired"]);
    assert_eq!(bench.publish(&["c"]), ["c#3 to 1"]);
    bench.now = bench.now.after(500);
    assert_eq!(bench.queue.next_deadline(), None, "what is out does not expire");
    bench.apply(Command::SetPrefetch { consumer: ConsumerId(1), prefetch: 1 });
    assert_eq!(bench.apply(requeue(&[3])), ["c dead: expired"], "until it comes back");
}

#[test]
fn a_queue_that_nobody_uses_goes() {
    let mut bench = Bench::with(|settings| settings.expires = Some(100));
    assert_eq!(bench.queue.next_deadline(), Some(Timestamp(0)), "to note when it began to wait");
    assert!(bench.apply(Command::Expire).is_empty());
    assert_eq!(bench.queue.next_deadline(), Some(Timestamp(1_100)));
    for use_it in [Command::Touch, Command::Get { no_ack: true }, subscribe(1)] {
        bench.now = bench.now.after(90);
        bench.apply(use_it);
    }
    assert_eq!(bench.queue.next_deadline(), None, "a consumer uses it all the time");
    bench.now = bench.now.after(900);
    bench.apply(Command::Unsubscribe { consumer: ConsumerId(1) });
    bench.publish(&["a"]);
    bench.now = bench.now.after(100);
    assert_eq!(bench.apply(Command::Expire), ["deleted with 1: Expired"], "publishing is no use");
}

#[test]
fn a_single_active_consumer_hands_over_when_it_leaves() {
    let mut bench = Bench::with(|settings| settings.single_active = true);
    for consumer in [5, 3, 4] {
        bench.apply(subscribe(consumer));
    }
    bench.apply(Command::Subscribe(Subscription { priority: 1, ..subscription(2) }));
    assert_eq!(bench.publish(&["a", "b"]), ["a#1 to 5", "b#2 to 5"], "the first to come");
    let leave = |consumer| Command::Unsubscribe { consumer: ConsumerId(consumer) };
    bench.apply(leave(5));
    assert_eq!(bench.publish(&["c"]), ["c#3 to 2"], "then the highest priority");
    bench.apply(leave(2));
    assert_eq!(bench.publish(&["d"]), ["d#4 to 3"], "then the longest there");
    let active: Vec<_> =
        bench.queue.consumers().map(|it| (it.terms.consumer.0, it.active)).collect();
    assert_eq!(active, [(3, true), (4, false)]);
}

#[test]
fn a_message_that_came_back_too_often_is_dead() {
    let mut bench = Bench::with(|settings| settings.delivery_limit = Some(2));
    bench.publish(&["a"]);
    let mut got = Vec::new();
    for _ in 0..4 {
        got.extend(bench.get());
        bench.apply(requeue(&[1]));
    }
    let expected = ["got a#1, 0 left", "got a#1 again (1), 0 left", "got a#1 again (2), 0 left"];
    assert_eq!(got, [&expected[..], &["got nothing"]].concat());
}

#[test]
fn an_idle_queue_is_small() {
    let queue = size_of::<Queue>() + size_of::<Settings>();
    assert!(queue < 1_024, "{queue} bytes");
}

#[test]
fn a_waiting_message_does_not_keep_a_read_buffer_alive() {
    let mut bench = Bench::new();
    let read = bytes::Bytes::from(sample::on_wire("e", "k", b"body").0);
    let message = || sample::from_wire(&read, "e", "k", b"body");
    bench.apply(Command::Publish(message()));
    assert!(read.is_unique(), "it was copied when it began to wait");
    bench.apply(with_prefetch(1, 0));
    bench.apply(Command::Publish(message()));
    assert!(!read.is_unique(), "delivered at once, it is still where it was read");
    bench.queue.release_buffers();
    assert!(read.is_unique());
}
