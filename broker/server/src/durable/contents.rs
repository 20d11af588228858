//! What the node's snapshot says: from where the log must be read, the topology, how far each queue
//! had come, and what is left of its pages.
//!
//! ```text
//!  0          8               16           24
//!  ├ log from ┼ topology from ┼ next queue ┼ records: topology changes, marks, pages …
//!    position   position        u64
//! ```

use std::iter::Sum;

use broker_core::id::{MessageId, QueueId};
use broker_core::topology::Command;
use broker_storage::pages::page::PageRef;
use broker_storage::position::Position;
use broker_storage::record::Record;
use bytes::{BufMut, BytesMut};

use crate::durable::message_record::{TOPOLOGY, TOPOLOGY_GROUP};
use crate::durable::page_record::{PAGE, SEGMENTS, SavedPage};
use crate::durable::topology_record;

/// How far a queue had come.
const MARK: u8 = 5;
const HEADER_LEN: usize = 24;
const MARK_LEN: usize = 16;

/// The node's metadata at one moment.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// Nothing before this place of the log is needed.
    pub(crate) log_from: Position,
    /// Changes of the topology before this place are in `topology`.
    pub(crate) topology_from: Position,
    /// The number the next queue gets.
    pub(crate) next_queue: u64,
    /// Commands that make the topology from nothing.
    pub(crate) topology: Vec<Command>,
    /// Per queue: the last number given to a message, and the last one handed out.
    pub(crate) marks: Vec<(QueueId, Mark)>,
    /// What is left of the pages of all queues.
    pub(crate) pages: Vec<SavedPage>,
    /// The number the next segment of pages gets.
    pub(crate) next_segment: u32,
}

/// What one shard has for the snapshot.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    /// How far each durable queue has come.
    pub(crate) marks: Vec<(QueueId, Mark)>,
    /// What is left of their pages.
    pub(crate) pages: Vec<SavedPage>,
    /// Pages that a snapshot or the log may name, and of which nothing is left.
    pub(crate) done: Vec<PageRef>,
}

/// How far a queue had come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The last number given to a message.
    pub(crate) last: MessageId,
    /// The largest number ever handed out to a consumer.
    pub(crate) delivered: MessageId,
}

/// How much of the log is alive, in bytes, about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Weight {
    /// What is only in the file asked for or before.
    pub(crate) in_file: u64,
    pub(crate) in_all: u64,
}

// === impl Contents ===

impl Contents {
    /// As bytes, for the snapshot.
    pub(crate) fn encode(&self) -> BytesMut {
        let mut out = BytesMut::new();
        out.put_u64_le(self.log_from.to_bits());
        out.put_u64_le(self.topology_from.to_bits());
        out.put_u64_le(self.next_queue);
        let mut body = BytesMut::new();
        for command in &self.topology {
            body.clear();
            if topology_record::encode(command, &mut body) {
                let (kind, group) = (TOPOLOGY, TOPOLOGY_GROUP);
                Record { kind, group, term: 1, index: 0, metadata: &[], body: &body }
                    .encode(&mut out);
            }
        }
        for (queue, mark) in &self.marks {
            let mut metadata = [0; MARK_LEN];
            metadata[..8].copy_from_slice(&mark.last.0.to_le_bytes());
            metadata[8..].copy_from_slice(&mark.delivered.0.to_le_bytes());
            let head = Record {
                kind: MARK,
                group: queue.0,
                term: 1,
                index: 0,
                metadata: &metadata,
                body: &[],
            };
            head.encode(&mut out);
        }
        for SavedPage { queue, number, place, page } in &self.pages {
            SavedPage::write((*queue, *number), *place, page, |record| record.encode(&mut out));
        }
        let metadata = &self.next_segment.to_le_bytes();
        let (kind, group) = (SEGMENTS, TOPOLOGY_GROUP);
        Record { kind, group, term: 1, index: 0, metadata, body: &[] }.encode(&mut out);
        out
    }

    /// From the bytes of a snapshot; `None` when they were not written by [`Contents::encode`].
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (header, mut rest) = bytes.split_first_chunk::<HEADER_LEN>()?;
        let (numbers, _) = header.as_chunks::<8>();
        let [log_from, topology_from, next_queue] =
            [0, 1, 2].map(|n| u64::from_le_bytes(numbers[n]));
        let mut contents = Self {
            log_from: Position::from_bits(log_from),
            topology_from: Position::from_bits(topology_from),
            next_queue,
            ..Self::default()
        };
        while !rest.is_empty() {
            let (record, len) = Record::decode(rest).ok()?;
            contents.add(&record)?;
            rest = &rest[len..];
        }
        Some(contents)
    }

    fn add(&mut self, record: &Record<'_>) -> Option<()> {
        match record.kind {
            TOPOLOGY => self.topology.push(topology_record::decode(record.body)?),
            MARK => {
                let metadata: &[u8; MARK_LEN] = record.metadata.try_into().ok()?;
                let (numbers, _) = metadata.as_chunks::<8>();
                let [last, delivered] = [0, 1].map(|n| MessageId(u64::from_le_bytes(numbers[n])));
                self.marks.push((QueueId(record.group), Mark { last, delivered }));
            }
            PAGE => self.pages.push(SavedPage::decode(record)?),
            SEGMENTS => self.next_segment = u32::from_le_bytes(record.metadata.try_into().ok()?),
            _ => return None,
        }
        Some(())
    }
}

// === impl Weight ===

impl Weight {
    /// Counts a record of so many bytes, which may be in the file asked for.
    pub(crate) fn add(&mut self, bytes: u64, in_file: bool) {
        self.in_all += bytes;
        self.in_file += if in_file { bytes } else { 0 };
    }
}

impl Sum for Weight {
    fn sum<I: Iterator<Item = Self>>(weights: I) -> Self {
        weights.fold(Self::default(), |sum, weight| Self {
            in_file: sum.in_file + weight.in_file,
            in_all: sum.in_all + weight.in_all,
        })
    }
}

#[cfg(test)]
mod tests {
    use broker_core::queue::{Page, PageNumber};

    use super::*;

    #[test]
    fn contents_come_back() {
        let contents = Contents {
            log_from: Position::new(3, 0),
            topology_from: Position::new(4, 4096),
            next_queue: 17,
            topology: vec![Command::CreateVhost { vhost: "/".into() }],
            marks: vec![(QueueId(5), Mark { last: MessageId(9), delivered: MessageId(7) })],
            pages: vec![SavedPage {
                queue: QueueId(5),
                number: PageNumber(2),
                place: PageRef { segment: 1, offset: 16, length: 99 },
                page: Page { last: MessageId(4), ..Page::default() },
            }],
            next_segment: 6,
        };
        let bytes = contents.encode();
        let back = Contents::decode(&bytes).unwrap();
        assert_eq!(format!("{back:?}"), format!("{contents:?}"));
        for len in 0..bytes.len() {
            // Cut anywhere it is refused, or it is a shorter list: never a panic.
            let _ = Contents::decode(&bytes[..len]);
        }
    }
}
