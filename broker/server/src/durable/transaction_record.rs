//! How a transaction is written down.
//!
//! Each shard that a transaction touches records its *part* of it: records of messages that came and
//! went, wrapped in records of kind *part*, of which the last says so. The transaction is whole when as
//! many parts are as its records say there are; if the log ends before, it never was. An *undone*
//! record says of which transactions that was found at a start, so that what is recorded after it
//! finds the messages as the broker had them.
//!
//! *Part*: group 0, index the transaction's id. Metadata: how many shards have a part (u32), whether
//! this record ends one (u8), the log file from which on the transaction's records lie (u32). Body:
//! records.
//!
//! *Undone*: group 0. Body: transaction ids (u64 each).

use broker_storage::batch::Batch;
use broker_storage::record::Record;
use bytes::Bytes;

/// A part of a transaction.
pub(crate) const PART: u8 = 6;
/// Transactions that never were.
pub(crate) const UNDONE: u8 = 7;

const GROUP: u64 = 0;
const METADATA: usize = 9;

/// What a part says of its transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    /// The transaction's id, which is drawn at random and used once.
    pub(crate) transaction: u64,
    /// How many parts there are.
    pub(crate) parts: u32,
    /// No record of the transaction lies in an earlier log file.
    pub(crate) from_file: u32,
}

// === impl Part ===

impl Part {
    /// Adds a record of `records`, the last of this part or not.
    pub(crate) fn push(&self, batch: &mut Batch, last: bool, records: &Bytes) {
        let mut metadata = [0; METADATA];
        metadata[..4].copy_from_slice(&self.parts.to_le_bytes());
        metadata[4] = u8::from(last);
        metadata[5..].copy_from_slice(&self.from_file.to_le_bytes());
        let (kind, group, index) = (PART, GROUP, self.transaction);
        let record = Record { kind, group, term: 1, index, metadata: &metadata, body: &[] };
        batch.push(&record, &[], records);
    }

    /// The part that `record` belongs to and whether it ends it; `None` when it was not written by
    /// [`Part::push`].
    pub(crate) fn decode(record: &Record<'_>) -> Option<(Self, bool)> {
        let metadata: &[u8; METADATA] = record.metadata.try_into().ok()?;
        let (parts, rest) = metadata.split_first_chunk::<4>()?;
        let (last, from_file) = rest.split_first()?;
        let part = Self {
            transaction: record.index,
            parts: u32::from_le_bytes(*parts),
            from_file: u32::from_le_bytes(from_file.try_into().ok()?),
        };
        Some((part, *last != 0))
    }
}

/// Adds a record of `transactions` that were found not to be whole.
pub(crate) fn push_undone(batch: &mut Batch, transactions: &[u64]) {
    let body: Vec<u8> = transactions.iter().flat_map(|id| id.to_le_bytes()).collect();
    let (kind, group) = (UNDONE, GROUP);
    let record = Record { kind, group, term: 1, index: 0, metadata: &[], body: &body };
    batch.push(&record, &[], &Bytes::new());
}

/// The transactions that an undone record tells of.
pub(crate) fn decode_undone(record: &Record<'_>) -> Option<Vec<u64>> {
    let (ids, rest) = record.body.as_chunks::<8>();
    rest.is_empty().then(|| ids.iter().map(|id| u64::from_le_bytes(*id)).collect())
}
