//! How the keys by which duplicates are told are written down.
//!
//! In a *publish* record the keys of its message follow the other metadata, so that the two stand or
//! fall together; 32 bytes each: window, fingerprint (two numbers), when it is forgotten.
//!
//! *Keys*: keys whose message is not recorded, or not any more. The group is the queue's number. Body:
//! 40 bytes each: the number of the message, then as above.
//!
//! All are u64; times in ms since the Unix epoch.

use broker_core::dedup::{Fingerprint, WindowId};
use broker_core::id::{MessageId, QueueId};
use broker_core::queue::KnownKey;
use broker_core::time::Timestamp;
use broker_storage::batch::Batch;
use broker_storage::record::Record;
use bytes::Bytes;

/// Keys that a queue has seen.
pub(crate) const KEYS: u8 = 8;

/// Bytes that a key takes in the metadata of a publish record.
const IN_METADATA: usize = 32;
/// Bytes that a key takes in a record of keys.
const IN_BODY: usize = 40;

/// Appends the keys of a message to the metadata of its record.
pub(crate) fn extend_metadata(metadata: &mut Vec<u8>, keys: &[KnownKey]) {
    for key in keys {
        put(metadata, key);
    }
}

fn put(out: &mut Vec<u8>, KnownKey { window, fingerprint, expires, .. }: &KnownKey) {
    let Fingerprint([first, second]) = *fingerprint;
    for number in [window.0, first, second, expires.0] {
        out.extend_from_slice(&number.to_le_bytes());
    }
}

/// The keys of message `id` at the end of its record's metadata; `None` when they are no keys.
pub(crate) fn of_metadata(
    metadata: &[u8],
    id: MessageId,
) -> Option<impl Iterator<Item = KnownKey> + use<'_>> {
    let (keys, rest) = metadata.as_chunks::<IN_METADATA>();
    rest.is_empty().then(|| keys.iter().map(move |key| get(key, id)))
}

fn get(bytes: &[u8; IN_METADATA], id: MessageId) -> KnownKey {
    let (numbers, _) = bytes.as_chunks::<8>();
    let [window, first, second, expires] = [0, 1, 2, 3].map(|n| u64::from_le_bytes(numbers[n]));
    KnownKey {
        id,
        window: WindowId(window),
        fingerprint: Fingerprint([first, second]),
        expires: Timestamp(expires),
    }
}

/// Adds a record of keys that `queue` has seen.
pub(crate) fn push_keys(batch: &mut Batch, queue: QueueId, keys: &[KnownKey]) {
    let mut body = Vec::with_capacity(keys.len() * IN_BODY);
    for key in keys {
        body.extend_from_slice(&key.id.0.to_le_bytes());
        put(&mut body, key);
    }
    let (kind, group) = (KEYS, queue.0);
    let record = Record { kind, group, term: 1, index: 0, metadata: &[], body: &body };
    batch.push(&record, &[], &Bytes::new());
}

/// What a record of keys tells; `None` when it was not written by [`push_keys`].
pub(crate) fn decode_keys<'a>(
    record: &Record<'a>,
) -> Option<impl Iterator<Item = KnownKey> + use<'a>> {
    let (keys, rest) = record.body.as_chunks::<IN_BODY>();
    rest.is_empty().then(|| {
        keys.iter().filter_map(|key| {
            let (id, key) = key.split_first_chunk::<8>()?;
            Some(get(key.try_into().ok()?, MessageId(u64::from_le_bytes(*id))))
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn any_key() -> impl Strategy<Value = KnownKey> {
        any::<(u64, u64, [u64; 2], u64)>().prop_map(|(id, window, bits, expires)| KnownKey {
            id: MessageId(id),
            window: WindowId(window),
            fingerprint: Fingerprint(bits),
            expires: Timestamp(expires),
        })
    }

    proptest! {
        #[test]
        fn keys_come_back(keys in vec(any_key(), 0..20)) {
            let mut batch = Batch::new();
            push_keys(&mut batch, QueueId(7), &keys);
            let bytes = batch.seal().concat();
            let (record, _) = Record::decode(&bytes).unwrap();
            prop_assert_eq!((record.kind, record.group), (KEYS, 7));
            prop_assert_eq!(decode_keys(&record).unwrap().collect::<Vec<_>>(), &keys[..]);

            let mut metadata = Vec::new();
            extend_metadata(&mut metadata, &keys);
            let back = of_metadata(&metadata, MessageId(3)).unwrap();
            let of_one = keys.iter().map(|key| KnownKey { id: MessageId(3), ..*key });
            prop_assert_eq!(back.collect::<Vec<_>>(), of_one.collect::<Vec<_>>());
        }

        #[test]
        fn garbage_is_refused_calmly(bytes in vec(any::<u8>(), 0..100)) {
            let record = Record { kind: KEYS, group: 1, term: 1, index: 0, metadata: &[], body: &bytes };
            let keys = decode_keys(&record).map(Iterator::count);
            prop_assert_eq!(keys, bytes.len().is_multiple_of(IN_BODY).then_some(bytes.len() / IN_BODY));
        }
    }
}
