//! Transactions whose parts are lost from the end: whole or absent, and for good.

mod paged;

use broker_core::id::MessageId;
use broker_core::topology::DeclareQueue;
use broker_core::{message::Message, name::Name, time::Timestamp};
use broker_protocol::table::FieldTable;
use broker_storage::batch::Batch;
use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::durable::key_record::push_keys;
use crate::durable::message_record::{push_keyed_publish, push_progress, push_publish};
use crate::durable::topology_record;
use crate::durable::transaction_record::push_undone;

const QUEUES: u64 = 3;

/// What a broker may have recorded, one batch each.
type Log = Vec<Vec<u8>>;

/// What is in the queues.
type Found = Vec<(u64, Vec<u64>)>;

/// A transaction: per shard, a queue, how many messages it gets and how many of the oldest it loses.
#[derive(Debug, Clone)]
struct Tx {
    parts: Vec<(u64, u64, usize)>,
    /// Into how many records each part is cut.
    pieces: usize,
}

/// Writes logs as shards would, and knows what should come of them.
#[derive(Default)]
struct Writer {
    log: Log,
    queues: BTreeMap<u64, Vec<u64>>,
    last: u64,
}

fn sealed(fill: impl FnOnce(&mut Batch)) -> Vec<u8> {
    let mut batch = Batch::new();
    fill(&mut batch);
    batch.seal().concat()
}

fn entered(id: u64) -> Entered {
    let message = Message::assemble("", "k", &[0; 14], &[b"x"]).unwrap();
    Entered { id: MessageId(id), expires: Timestamp(u64::MAX), message }
}

impl Writer {
    fn publish(&mut self, queue: u64, batch: &mut Batch) {
        self.last += 1;
        push_publish(batch, QueueId(queue), &entered(self.last));
        self.queues.entry(queue).or_default().push(self.last);
    }

    fn remove_oldest(&mut self, queue: u64, batch: &mut Batch) {
        let messages = self.queues.entry(queue).or_default();
        if !messages.is_empty() {
            let id = MessageId(messages.remove(0));
            push_progress(batch, QueueId(queue), MessageId(0), &[id]);
        }
    }

    fn plain(&mut self, fill: impl FnOnce(&mut Self, &mut Batch)) {
        let mut batch = Batch::new();
        fill(self, &mut batch);
        self.log.push(batch.seal().concat());
    }

    /// Records `tx`, and returns after which batches of the log it is not whole.
    fn transaction(&mut self, id: u64, tx: &Tx) -> std::ops::Range<usize> {
        let start = self.log.len();
        let part = Part { transaction: id, parts: tx.parts.len() as u32, from_file: 1 };
        for (queue, publishes, removes) in &tx.parts {
            for piece in 0..tx.pieces {
                let last = piece + 1 == tx.pieces;
                let mut inner = Batch::new();
                if piece == 0 {
                    (0..*publishes).for_each(|_| self.publish(*queue, &mut inner));
                }
                if last {
                    (0..*removes).for_each(|_| self.remove_oldest(*queue, &mut inner));
                }
                let inner = inner.seal().concat().into();
                self.log.push(sealed(|batch| part.push(batch, last, &inner)));
            }
        }
        start..self.log.len()
    }

    fn found(&self) -> Found {
        (1..=QUEUES).map(|q| (q, self.queues.get(&q).cloned().unwrap_or_default())).collect()
    }
}

fn empty() -> Recovered {
    let mut recovered = Recovered::from_snapshot(Contents::default());
    recovered.change(Command::CreateVhost { vhost: "/".into() });
    for id in 1..=QUEUES {
        let mut body = BytesMut::new();
        let name = Name::from(format!("q{id}"));
        let queue = DeclareQueue {
            vhost: "/".into(),
            name,
            generated_name: "".into(),
            id: QueueId(id),
            connection: topology_record::NOBODY,
            passive: false,
            durable: true,
            exclusive: false,
            auto_delete: false,
            arguments: FieldTable::new(),
        };
        assert!(topology_record::encode(&Command::DeclareQueue(queue), &mut body));
        recovered.change(topology_record::decode(&body).unwrap());
    }
    recovered
}

fn feed(recovered: &mut Recovered, log: &[Vec<u8>]) {
    for bytes in log {
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (record, len) = Record::decode(rest).unwrap();
            recovered.apply(Position::new(1, 0), &record);
            rest = &rest[len..];
        }
    }
    assert_eq!(recovered.unknown, 0);
}

fn replay(log: &[Vec<u8>]) -> (Recovered, Vec<u64>) {
    let mut recovered = empty();
    feed(&mut recovered, log);
    let undone = recovered.undo_unfinished(1);
    (recovered, undone)
}

fn found(recovered: &Recovered) -> Found {
    let ids = |id| recovered.queues[&QueueId(id)].messages.keys().map(|id| id.0).collect();
    (1..=QUEUES).map(|id| (id, ids(id))).collect()
}

fn any_tx() -> impl Strategy<Value = Tx> {
    (vec((1..=QUEUES, 0..3_u64, 0..3_usize), 1..4), 1..3_usize)
        .prop_map(|(parts, pieces)| Tx { parts, pieces })
}

proptest! {
    #[test]
    fn a_transaction_is_whole_or_absent(before in 0..4_u64, tx in any_tx(), cut: prop::sample::Index) {
        let mut writer = Writer::default();
        for queue in 1..=QUEUES {
            writer.plain(|w, batch| (0..before).for_each(|_| w.publish(queue, batch)));
        }
        let absent = writer.found();
        let range = writer.transaction(77, &tx);
        let whole = writer.found();
        let kept = range.start + cut.index(range.len() + 1);
        let mut log = writer.log[..kept].to_vec();
        let (recovered, undone) = replay(&log);
        let expected = if kept == range.end { &whole } else { &absent };
        prop_assert_eq!(&found(&recovered), expected);
        prop_assert_eq!(undone.len(), usize::from(range.start < kept && kept < range.end));

        // The next life of the broker removes everything: nothing of it may come back.
        log.push(sealed(|batch| push_undone(batch, &undone)));
        for (queue, ids) in expected {
            let ids: Vec<_> = ids.iter().map(|id| MessageId(*id)).collect();
            log.push(sealed(|batch| push_progress(batch, QueueId(*queue), MessageId(0), &ids)));
        }
        let (recovered, undone) = replay(&log);
        prop_assert!(undone.is_empty());
        prop_assert!(found(&recovered).iter().all(|(_, ids)| ids.is_empty()));
    }

    #[test]
    fn a_second_transaction_does_not_revive_the_first(first in any_tx(), second in any_tx()) {
        let mut writer = Writer::default();
        let lost = |mut tx: Tx| { tx.parts.push((1, 0, 0)); tx };
        for (id, tx) in [(1, lost(first)), (2, lost(second))] {
            writer.transaction(id, &tx);
            // The last part never came.
            let end = writer.log.len() - tx.pieces;
            writer.log.truncate(end);
        }
        let (recovered, undone) = replay(&writer.log);
        prop_assert_eq!(undone.len(), 2);
        prop_assert!(found(&recovered).iter().all(|(_, ids)| ids.is_empty()));
    }
}

#[test]
fn a_part_that_outlived_the_start_of_its_transaction_counts() {
    let mut writer = Writer::default();
    let range = writer.transaction(5, &Tx { parts: vec![(1, 1, 0), (2, 1, 0)], pieces: 1 });
    let mut recovered = replay(&[]).0;
    let (record, _) = Record::decode(&writer.log[range.end - 1]).unwrap();
    recovered.apply(Position::new(2, 0), &record);
    assert_eq!(recovered.undo_unfinished(2), [0; 0], "the log began with file 1");
    assert_eq!(recovered.queues[&QueueId(2)].messages.len(), 1);
}

/// A key that a message brought.
fn key(id: u64) -> KnownKey {
    let fingerprint = broker_core::dedup::Fingerprint([id, id]);
    let window = broker_core::dedup::WindowId::OWN;
    KnownKey { id: MessageId(id), window, fingerprint, expires: Timestamp(99) }
}

#[test]
fn keys_stand_or_fall_with_their_transaction() {
    let keyed =
        |id| sealed(|batch| push_keyed_publish(batch, QueueId(1), &entered(id), &[key(id)]));
    let alone = |ids: &[u64]| {
        let keys: Vec<_> = ids.iter().copied().map(key).collect();
        sealed(|batch| push_keys(batch, QueueId(1), &keys))
    };
    let part = Part { transaction: 7, parts: 2, from_file: 1 };
    let inner = [keyed(2), alone(&[3])].concat().into();
    let first = sealed(|batch| part.push(batch, true, &inner));
    let second = sealed(|batch| part.push(batch, true, &Default::default()));
    // The last is what is recorded again when a log file is given up.
    let log = [keyed(1), first, alone(&[1, 2, 3]), second];
    for (kept, expected) in [(4, vec![1, 2, 3]), (3, vec![1]), (1, vec![1])] {
        let (mut recovered, _) = replay(&log[..kept]);
        let queue = recovered.queues.remove(&QueueId(1)).unwrap().restore().queue;
        let known: Vec<_> = queue.known_keys().map(|key| key.id.0).collect();
        assert_eq!(known, expected, "{kept} records");
        assert_eq!(queue.marks().0.0, if kept == 1 { 1 } else { 3 }, "no number is given again");
    }
}
