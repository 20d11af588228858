//! What a shard lets out, and when.

use std::sync::Arc;
use std::time::Duration;

use broker_core::dedup::{Fingerprint, Key, WindowId};
use broker_core::id::{MessageId, QueueId};
use broker_core::queue::{Command, Effect};
use broker_core::time::Timestamp;
use broker_protocol::table::{FieldTable, Value};
use tokio::time::timeout;

use crate::shard::host::rig::{Rig, persistent};
use crate::shard::work::{Batch, Work};

/// One message to each queue, of which the first is on shard 0 and the second on shard 1.
fn to_both(queues: [QueueId; 2], body: &str) -> [Batch; 2] {
    queues.map(|queue| {
        let mut batch = Batch::default();
        batch.publish(queue, persistent("k", body), None);
        batch
    })
}

#[tokio::test]
async fn nothing_of_a_transaction_is_delivered_before_the_log_has_all_of_it_in_line() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(dir.path());
    let queues = [0, 1].map(|shard| rig.declare(&format!("q{shard}"), shard, FieldTable::new()));
    queues.iter().for_each(|queue| rig.consume(*queue));

    rig.commit(to_both(queues, "a"));
    rig.turn(0);
    assert_eq!(rig.delivered(), [""; 0], "shard 1 has not recorded its part");
    // What comes meanwhile keeps its place, and so does a transaction that is whole by itself.
    let mut plain = Batch::default();
    plain.publish(queues[0], persistent("k", "b"), None);
    rig.node.shards[0].send(Work::Batch(plain));
    let [alone, _] = to_both(queues, "c");
    rig.commit([alone, Batch::default()]);
    rig.turn(0);
    assert_eq!(rig.delivered(), [""; 0]);
    rig.turn(1);
    assert_eq!(rig.delivered(), ["a"], "that of shard 1, which has recorded the last part");
    assert_eq!(rig.turn(0), 1, "shard 0 is told");
    assert_eq!(rig.delivered(), ["a", "b", "c"]);
}

#[tokio::test]
async fn transactions_that_overlap_do_not_keep_one_another_from_leaving() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(dir.path());
    let queues = [0, 1].map(|shard| rig.declare(&format!("q{shard}"), shard, FieldTable::new()));
    rig.consume(queues[0]);
    rig.commit(to_both(queues, "0"));
    rig.turn(0);
    for next in 1..20 {
        // Shard 0 is always a transaction ahead of shard 1.
        rig.turn(1);
        rig.commit(to_both(queues, &next.to_string()));
        rig.turn(0);
        assert_eq!(rig.delivered(), [(next - 1).to_string()]);
    }
}

#[tokio::test]
async fn a_dead_letter_that_a_transaction_causes_comes_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(dir.path());
    let to_grave = [("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", "grave")];
    let mut arguments = FieldTable::from_iter(to_grave);
    arguments.insert("x-max-length", 1);
    let queues = [rig.declare("short", 0, arguments), rig.declare("other", 1, FieldTable::new())];
    let grave = rig.declare("grave", 1, FieldTable::new());
    rig.consume(grave);

    let [mut short, other] = to_both(queues, "dead");
    short.publish(queues[0], persistent("k", "alive"), None);
    rig.commit([short, other]);
    rig.turn(0);
    // The part of shard 1 is there, and nothing else.
    assert_eq!(rig.turn(1), 1, "the dead letter waits");
    assert_eq!(rig.delivered(), [""; 0]);
    rig.turn(0);
    rig.turn(1);
    assert_eq!(rig.delivered(), ["dead"]);
    // The copy is in line for the log, so the original may go; it goes behind it.
    assert_eq!(rig.turn(0), 1, "its queue is told");
}

#[tokio::test]
async fn what_a_transaction_rejects_is_in_its_queue_or_its_grave_wherever_the_log_ends() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(dir.path());
    let to_grave = [("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", "grave")];
    let arguments = FieldTable::from_iter(to_grave);
    let queues = [rig.declare("q", 0, arguments), rig.declare("other", 1, FieldTable::new())];
    let grave = rig.declare("grave", 0, FieldTable::new());
    rig.consume(queues[0]);
    let [plain, _] = to_both(queues, "m");
    rig.node.shards[0].send(Work::Batch(plain));
    rig.turn(0);
    assert_eq!(rig.delivered(), ["m"]);

    let [_, other] = to_both(queues, "x");
    let mut rejecting = Batch::default();
    let ids = vec![MessageId(1)];
    rejecting.command(queues[0], Command::Reject { ids });
    rig.commit([rejecting, other]);
    // Shard 0 could do all of its own before the other begins.
    for shard in [0, 0, 0, 1, 0, 0, 0] {
        rig.turn(shard);
    }
    rig.consume(grave);
    assert_eq!(rig.delivered(), ["m"]);
    let endings = rig.endings([queues[0], grave, queues[1]]);
    // Since it was published it is in its queue, in both, in its grave. What is published with the
    // rejection comes before the rejection is seen.
    let since = endings.into_iter().skip_while(|found| *found == [false; 3]);
    let mut stages: Vec<_> = since.collect();
    stages.dedup();
    #[rustfmt::skip]
    let expected = [
        [true, false, false], [true, false, true], [true, true, true], [false, true, true],
    ];
    assert_eq!(stages, expected);
}

#[tokio::test]
async fn how_often_a_message_was_handed_out_outlives_the_log_file_that_said_so() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(dir.path());
    let mut limited = FieldTable::from_iter([("x-queue-type", "quorum")]);
    limited.insert("x-delivery-limit", 9);
    let queue = rig.declare("limited", 0, limited);
    let filler = rig.declare("filler", 1, FieldTable::new());
    rig.consume(queue);
    for body in ["a", "b"] {
        let mut batch = Batch::default();
        batch.publish(queue, persistent("k", body), None);
        rig.node.shards[0].send(Work::Batch(batch));
    }
    rig.turn(0);
    // The second comes back three times.
    for _ in 0..3 {
        let mut batch = Batch::default();
        batch.command(queue, Command::Requeue { ids: vec![MessageId(2)] });
        rig.node.shards[0].send(Work::Batch(batch));
        rig.turn(0);
    }
    assert_eq!(rig.delivered(), ["a", "b", "b", "b", "b"]);
    let first = rig.node.store.tail().file();
    while rig.node.store.tail().file() < first + 2 {
        let mut batch = Batch::default();
        batch.publish(filler, persistent("k", &"x".repeat(200_000)), None);
        rig.node.shards[1].send(Work::Batch(batch));
        rig.turn(1);
    }
    for file in [first, first + 1] {
        rig.give_up(file).await;
    }
    assert!(rig.node.store.oldest_file() > Some(first));

    let mut found = rig.found(queue);
    let counts: Vec<_> = found.handed_out().map(|of| (of.id, of.times)).collect();
    assert_eq!(counts, [(MessageId(2), 4)]);
    let (mut shown, mut effects) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        found.apply(Command::Get { no_ack: false }, Timestamp(0), &mut effects);
        let Some(Effect::Got { message, redelivered, .. }) = effects.pop() else { panic!() };
        let headers = message.properties().headers().unwrap_or_default();
        let count = headers.get("x-delivery-count").and_then(Value::as_i64);
        shown.push((message.body().to_vec(), redelivered, count));
    }
    assert_eq!(shown, [(b"a".to_vec(), true, Some(1)), (b"b".to_vec(), true, Some(4))]);
}

/// A message with this key, for a window of its queue.
fn keyed(batch: &mut Batch, queue: QueueId, key: u64) {
    let key =
        Key { window: WindowId(0), fingerprint: Fingerprint([key, key]), life: 60_000, limit: 100 };
    let keys: Arc<[Key]> = Arc::from([key]);
    batch.publish_once(queue, persistent("k", "x"), Some(&keys), None);
}

fn deduplicating() -> FieldTable {
    FieldTable::from_iter([("x-message-deduplication", true)])
}

async fn have_ended(rig: &mut Rig) -> bool {
    let begun = rig.node.transactions.begun();
    for _ in 0..100 {
        timeout(Duration::from_secs(20), rig.node.store.flushed()).await.unwrap();
        rig.turn(0);
        rig.turn(1);
        if rig.node.transactions.have_ended(begun) {
            return true;
        }
    }
    false
}

#[tokio::test]
async fn a_transaction_that_repeats_a_key_of_its_own_ends() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(dir.path());
    let queue = rig.declare("unique", 0, deduplicating());
    let other = rig.declare("other", 0, FieldTable::new());
    let mut batch = Batch::default();
    keyed(&mut batch, queue, 1);
    batch.publish(other, persistent("k", "between"), None);
    keyed(&mut batch, queue, 1);
    rig.commit([batch, Batch::default()]);
    rig.turn(0);
    assert!(have_ended(&mut rig).await, "nobody is ever told that it is committed");
}

#[tokio::test]
async fn transactions_that_repeat_keys_of_one_another_end() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(dir.path());
    let queues = [0, 1].map(|shard| rig.declare(&format!("u{shard}"), shard, deduplicating()));
    let both = || {
        queues.map(|queue| {
            let mut batch = Batch::default();
            keyed(&mut batch, queue, 1);
            batch
        })
    };
    // The shards get them in different orders, as from two connections at once.
    let [first_0, first_1] = both();
    let [second_0, second_1] = both();
    rig.commit_crossed([first_0, first_1], [second_0, second_1]);
    assert!(have_ended(&mut rig).await, "nobody is ever told that they are committed");
}
