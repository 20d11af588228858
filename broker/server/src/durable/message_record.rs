//! How a message, and what became of it, is written down.
//!
//! *Publish*: the record's group is the queue's number and its index the message's number in the
//! queue. Metadata: when its time runs out (u64, ms since the Unix epoch; the largest number is
//! never), the lengths of its exchange and routing key (u8 each) and of its header (u32), the keys by
//! which duplicates of it are told ([`key_record`]). Body: exchange, routing key, header, body.
//!
//! *Progress*: what happened to earlier messages of the group. Metadata: the largest number ever
//! handed out to a consumer (u64); body: the numbers of the messages that are gone (u64 each).
//!
//! *Purge*: everything up to a number went. Metadata: the number (u64); body: the numbers of the
//! messages that stayed (u64 each).
//!
//! Integers are little-endian, as everywhere in the log.

use broker_core::id::{MessageId, QueueId};
use broker_core::message::Message;
use broker_core::queue::{Entered, KnownKey, Purged};
use broker_core::time::Timestamp;
use broker_storage::batch::Batch;
use broker_storage::record::Record;
use bytes::Bytes;

use crate::durable::key_record;

/// A change of the topology.
pub(crate) const TOPOLOGY: u8 = 1;
/// A message that entered a queue.
pub(crate) const PUBLISH: u8 = 2;
/// Messages that were delivered or left.
pub(crate) const PROGRESS: u8 = 3;
/// Messages that were purged.
pub(crate) const PURGE: u8 = 4;

/// The group of the topology. Queues are numbered from 1.
pub(crate) const TOPOLOGY_GROUP: u64 = 0;

const PUBLISH_METADATA: usize = 14;

/// Adds a record of a message entering `queue`.
pub(crate) fn push_publish(batch: &mut Batch, queue: QueueId, entered: &Entered) {
    push_keyed_publish(batch, queue, entered, &[]);
}

/// Adds a record of a message entering `queue` with `keys`.
pub(crate) fn push_keyed_publish(
    batch: &mut Batch,
    queue: QueueId,
    entered: &Entered,
    keys: &[KnownKey],
) {
    let Entered { id, expires, message } = entered;
    let (exchange, key, header) = (message.exchange(), message.routing_key(), message.header());
    let mut metadata = [0; PUBLISH_METADATA];
    metadata[..8].copy_from_slice(&expires.0.to_le_bytes());
    // Both came over the wire as short strings.
    metadata[8] = exchange.len() as u8;
    metadata[9] = key.len() as u8;
    metadata[10..].copy_from_slice(&(header.len() as u32).to_le_bytes());
    let mut with_keys = Vec::new();
    if !keys.is_empty() {
        with_keys.extend_from_slice(&metadata);
        key_record::extend_metadata(&mut with_keys, keys);
    }
    let head = Record {
        kind: PUBLISH,
        group: queue.0,
        term: 1,
        index: id.0,
        metadata: if keys.is_empty() { &metadata } else { &with_keys },
        body: exchange.as_bytes(),
    };
    batch.push(&head, &[key.as_bytes(), header], &message.body_bytes());
}

/// The message that a publish record tells of; `None` when it was not written by [`push_publish`].
pub(crate) fn decode_publish(record: &Record<'_>) -> Option<Entered> {
    let (metadata, _) = record.metadata.split_first_chunk::<PUBLISH_METADATA>()?;
    let (expires, lengths) = metadata.split_first_chunk::<8>()?;
    let header_len = u32::from_le_bytes(lengths[2..].try_into().ok()?) as usize;
    let (exchange, rest) = record.body.split_at_checked(usize::from(lengths[0]))?;
    let (key, rest) = rest.split_at_checked(usize::from(lengths[1]))?;
    let (header, body) = rest.split_at_checked(header_len)?;
    let (exchange, key) = (str::from_utf8(exchange).ok()?, str::from_utf8(key).ok()?);
    let message = Message::assemble(exchange, key, header, &[body])?;
    let (id, expires) = (MessageId(record.index), Timestamp(u64::from_le_bytes(*expires)));
    Some(Entered { id, expires, message })
}

/// The keys of the message that a publish record tells of; `None` when they are no keys.
pub(crate) fn decode_publish_keys<'a>(
    record: &Record<'a>,
) -> Option<impl Iterator<Item = KnownKey> + use<'a>> {
    let keys = record.metadata.get(PUBLISH_METADATA..)?;
    key_record::of_metadata(keys, MessageId(record.index))
}

/// Adds a record of what happened to messages of `queue`: all up to `delivered` may have been handed
/// out, those in `gone` will not come back.
pub(crate) fn push_progress(
    batch: &mut Batch,
    queue: QueueId,
    delivered: MessageId,
    gone: &[MessageId],
) {
    push_numbers(batch, PROGRESS, queue, delivered, gone);
}

/// Adds a record of a purge of `queue`.
pub(crate) fn push_purge(batch: &mut Batch, queue: QueueId, purged: &Purged) {
    push_numbers(batch, PURGE, queue, purged.up_to, &purged.survivors);
}

fn push_numbers(batch: &mut Batch, kind: u8, queue: QueueId, first: MessageId, ids: &[MessageId]) {
    let body: Vec<u8> = ids.iter().flat_map(|id| id.0.to_le_bytes()).collect();
    let metadata = first.0.to_le_bytes();
    let head = Record { kind, group: queue.0, term: 1, index: 0, metadata: &metadata, body: &body };
    batch.push(&head, &[], &Bytes::new());
}

/// What a progress or purge record tells: the number in its metadata, and those in its body.
pub(crate) fn decode_numbers<'a>(
    record: &Record<'a>,
) -> Option<(MessageId, impl Iterator<Item = MessageId> + use<'a>)> {
    let first = u64::from_le_bytes(record.metadata.try_into().ok()?);
    let (ids, rest) = record.body.as_chunks::<8>();
    rest.is_empty()
        .then(|| (MessageId(first), ids.iter().map(|id| MessageId(u64::from_le_bytes(*id)))))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_message_comes_back(
            at: u64, exchange in "[a-zä]{0,20}", key in "[a-z.]{0,20}",
            header in vec(any::<u8>(), 14..60), body in vec(any::<u8>(), 0..6000),
        ) {
            let message = Message::assemble(&exchange, &key, &header, &[&body]).unwrap();
            let mut batch = Batch::new();
            let entered = Entered { id: MessageId(9), expires: Timestamp(at), message };
            push_publish(&mut batch, QueueId(7), &entered);
            let bytes = batch.seal().concat();
            let (record, len) = Record::decode(&bytes).unwrap();
            prop_assert_eq!((record.kind, record.group, record.index, len), (PUBLISH, 7, 9, bytes.len()));
            let back = decode_publish(&record).unwrap();
            prop_assert_eq!((back.id, back.expires), (MessageId(9), Timestamp(at)));
            prop_assert_eq!(back.message.exchange(), exchange);
            prop_assert_eq!(back.message.routing_key(), key);
            prop_assert_eq!(back.message.header(), header);
            prop_assert_eq!(back.message.body(), body);
        }

        #[test]
        fn progress_comes_back(delivered: u64, gone in vec(any::<u64>().prop_map(MessageId), 0..50)) {
            let mut batch = Batch::new();
            push_progress(&mut batch, QueueId(7), MessageId(delivered), &gone);
            let bytes = batch.seal().concat();
            let (record, _) = Record::decode(&bytes).unwrap();
            let (back, ids) = decode_numbers(&record).unwrap();
            prop_assert_eq!(back, MessageId(delivered));
            prop_assert_eq!(ids.collect::<Vec<_>>(), gone);
        }

        #[test]
        fn garbage_is_refused_calmly(metadata in vec(any::<u8>(), 0..20), body in vec(any::<u8>(), 0..60)) {
            let record = Record { kind: PUBLISH, group: 1, term: 1, index: 1, metadata: &metadata, body: &body };
            let _ = decode_publish(&record);
            let _ = decode_numbers(&record).map(|(_, ids)| ids.count());
        }
    }
}
