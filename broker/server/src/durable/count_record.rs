//! How it is written down that messages were handed out more than once.
//!
//! *Handed out*: the record's group is the queue's number. Body: 12 bytes each: the number of the message
//! (u64), how often it was handed out, 2 or more (u32). Of what was said of a message the largest
//! number holds; one of which nothing was said was handed out once if it is not above the largest number
//! that a *progress* record tells of.

use broker_core::id::{MessageId, QueueId};
use broker_core::queue::HandedOut;
use broker_storage::batch::Batch;
use broker_storage::record::Record;
use bytes::Bytes;

/// Messages that were handed out again.
pub(crate) const HANDED_OUT: u8 = 9;

/// Bytes that one takes.
pub(crate) const EACH: usize = 12;

/// Adds a record of how often messages of `queue` were handed out.
pub(crate) fn push_handed_out(batch: &mut Batch, queue: QueueId, messages: &[HandedOut]) {
    let mut body = Vec::with_capacity(EACH * messages.len());
    for HandedOut { id, times } in messages {
        body.extend_from_slice(&id.0.to_le_bytes());
        body.extend_from_slice(&times.to_le_bytes());
    }
    let (kind, group) = (HANDED_OUT, queue.0);
    let head = Record { kind, group, term: 1, index: 0, metadata: &[], body: &body };
    batch.push(&head, &[], &Bytes::new());
}

/// What such a record tells; `None` when it was not written by [`push_handed_out`].
pub(crate) fn decode_handed_out<'a>(
    record: &Record<'a>,
) -> Option<impl Iterator<Item = HandedOut> + use<'a>> {
    let (all, rest) = record.body.as_chunks::<EACH>();
    let is_whole = record.metadata.is_empty() && rest.is_empty();
    is_whole.then(|| all.iter().filter_map(handed_out))
}

fn handed_out(bytes: &[u8; EACH]) -> Option<HandedOut> {
    let (id, times) = bytes.split_first_chunk::<8>()?;
    let times = u32::from_le_bytes(times.try_into().ok()?);
    Some(HandedOut { id: MessageId(u64::from_le_bytes(*id)), times })
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn counts_come_back(counts in vec(any::<(u64, u32)>(), 0..50)) {
            let written: Vec<_> =
                counts.into_iter().map(|(id, times)| HandedOut { id: MessageId(id), times }).collect();
            let mut batch = Batch::new();
            push_handed_out(&mut batch, QueueId(7), &written);
            let bytes = batch.seal().concat();
            let (record, _) = Record::decode(&bytes).unwrap();
            prop_assert_eq!((record.kind, record.group), (HANDED_OUT, 7));
            prop_assert_eq!(decode_handed_out(&record).unwrap().collect::<Vec<_>>(), written);
        }

        #[test]
        fn garbage_is_refused_calmly(metadata in vec(any::<u8>(), 0..3), body in vec(any::<u8>(), 0..60)) {
            let record =
                Record { kind: HANDED_OUT, group: 1, term: 1, index: 0, metadata: &metadata, body: &body };
            let is_fine = metadata.is_empty() && body.len() % EACH == 0;
            prop_assert_eq!(decode_handed_out(&record).is_some(), is_fine);
        }
    }
}
