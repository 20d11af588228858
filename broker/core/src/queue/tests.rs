//! The queue's rules, one by one; `model` has them all at once.

mod model;

use std::sync::Arc;

use crate::id::{ConnectionId, ConsumerId, MessageId};
use crate::message::sample;
use crate::queue::{Command, Effect, Queue, Settings, Subscription};
use crate::time::Timestamp;

/// A queue that takes one command after another and tells what it wants done in short words.
struct Bench {
    queue: Queue,
    now: Timestamp,
}

impl Bench {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::new("/".into(), "q".into());
        change(&mut settings);
        Self { queue: Queue::new(Arc::new(settings)), now: Timestamp(1_000) }
    }

    fn apply(&mut self, command: Command) -> Vec<String> {
        let mut effects = Vec::new();
        self.queue.apply(command, self.now, &mut effects);
        effects.iter().map(say).collect()
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
    let body =
        |message: &crate::message::Message| String::from_utf8_lossy(message.body()).into_owned();
    let again = |redelivered: bool| if redelivered { " again" } else { "" };
    match effect {
        Effect::Deliver { consumer, id, redelivered, message } => {
            format!("{}#{}{} to {}", body(message), id.0, again(*redelivered), consumer.0)
        }
        Effect::Got { id, redelivered, message, remaining } => {
            format!("got {}#{}{}, {remaining} left", body(message), id.0, again(*redelivered))
        }
        Effect::GotNothing => "got nothing".into(),
        Effect::Subscribed { consumer } => format!("{} is in", consumer.0),
        Effect::Refused(refusal) => refusal.text.clone(),
        Effect::Purged { messages } => format!("purged {messages}"),
        Effect::PublishRefused => "no".into(),
        Effect::DeadLetter { message } => format!("{} dead", body(message)),
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
    let size = |body: u64| body + 2 + 2 + 14;
    bench.get();
    let counts = bench.queue.counts();
    assert_eq!((counts.ready, counts.unacked), (2, 1));
    assert_eq!((counts.ready_bytes, counts.unacked_bytes), (2 * size(1), size(2)));
    bench.apply(ack(&[1]));
    bench.apply(Command::Purge);
    assert_eq!(bench.queue.counts(), Default::default());
}
