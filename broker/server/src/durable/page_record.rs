//! How pages are written down: what is in one, and what of it is left.
//!
//! The contents of a page are its messages, one behind another, each
//!
//! ```text
//!  0    8         16           20       24     28      30      31   32
//!  ├ id ┼ expires ┼ deliveries ┼ header ┼ body ┼ names ┼ flags ┼ 0 ┼ arrival, names, header, body
//!   u64   u64       u32          u32      u32    u16     u8          u64
//! ```
//!
//! where header, body and names are lengths in bytes, the names are exchange and routing key as AMQP
//! writes them. Flag 1 says that a log knows of the message, flag 2 that the number that it came with
//! follows; without it that is its id.
//!
//! *Page*: the record's group is the queue and its index the page's number in the queue. Metadata:
//! segment, offset and length (u32 each); the first id, the last id, when the first message runs out
//! of time, how many messages a log knew when the page was written, bytes of their bodies (u64
//! each); the priority (u8). Body: what is left of these messages, as runs: first id and how many
//! (u64 each). It replaces what was said of the page before; these messages are nowhere else.
//!
//! *Segments* (snapshot only): the number of the next segment (u32) is its metadata.

use broker_core::id::{MessageId, QueueId};
use broker_core::message::Message;
use broker_core::queue::{IdSet, Page, PageNumber, Paged};
use broker_core::time::Timestamp;
use broker_storage::pages::page::PageRef;
use broker_storage::record::Record;
use bytes::{Buf, BufMut, Bytes, BytesMut};

/// What is left of a page.
pub(crate) const PAGE: u8 = 16;
/// The number of the next segment.
pub(crate) const SEGMENTS: u8 = 17;

const HEAD: usize = 32;
const LOGGED: u8 = 1;
const RENUMBERED: u8 = 2;
const METADATA: usize = 3 * 4 + 5 * 8 + 1;

/// A page of a queue, and where it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SavedPage {
    pub(crate) queue: QueueId,
    pub(crate) number: PageNumber,
    pub(crate) place: PageRef,
    pub(crate) page: Page,
}

/// Appends a message to a page's contents.
pub(crate) fn put_message(out: &mut Vec<u8>, paged: &Paged) {
    let Paged { id, arrival, expires, deliveries, logged, message } = paged;
    let is_renumbered = arrival != id;
    let (names, header, body) = (message.names(), message.header(), message.body());
    out.put_u64_le(id.0);
    out.put_u64_le(expires.0);
    out.put_u32_le(*deliveries);
    out.put_u32_le(header.len() as u32);
    out.put_u32_le(body.len() as u32);
    // Two short strings.
    out.put_u16_le(names.len() as u16);
    let logged = if *logged { LOGGED } else { 0 };
    out.put_u8(logged | if is_renumbered { RENUMBERED } else { 0 });
    out.put_u8(0);
    if is_renumbered {
        out.put_u64_le(arrival.0);
    }
    for part in [names, header, body] {
        out.extend_from_slice(part);
    }
}

/// The messages in a page, which share its memory; `None` when they were not written by
/// [`put_message`].
pub(crate) fn messages(mut contents: Bytes) -> Option<Vec<Paged>> {
    let mut messages = Vec::new();
    while !contents.is_empty() {
        if contents.len() < HEAD {
            return None;
        }
        let mut head = contents.split_to(HEAD);
        let (id, expires) = (MessageId(head.get_u64_le()), Timestamp(head.get_u64_le()));
        let deliveries = head.get_u32_le();
        let (header, body) = (head.get_u32_le() as usize, head.get_u32_le() as usize);
        let (names, flags) = (usize::from(head.get_u16_le()), head.get_u8());
        let arrival = match flags & RENUMBERED {
            0 => id,
            _ => MessageId(contents.try_get_u64_le().ok()?),
        };
        let body_start = names.checked_add(header)?;
        let length = body_start.checked_add(body).filter(|length| *length <= contents.len())?;
        let message = contents.split_to(length);
        let message = Message::from_wire(message, names..body_start, body_start)?;
        let logged = flags & LOGGED != 0;
        messages.push(Paged { id, arrival, expires, deliveries, logged, message });
    }
    Some(messages)
}

// === impl SavedPage ===

impl SavedPage {
    /// Calls `with` with the record of what is left of the page.
    pub(crate) fn write<T>(
        (queue, number): (QueueId, PageNumber),
        place: PageRef,
        page: &Page,
        with: impl FnOnce(&Record<'_>) -> T,
    ) -> T {
        let mut metadata = BytesMut::with_capacity(METADATA);
        for number in [place.segment, place.offset, place.length] {
            metadata.put_u32_le(number);
        }
        let Page { first, last, earliest, written, body_bytes, level, .. } = *page;
        for number in [first.0, last.0, earliest.0, written, body_bytes] {
            metadata.put_u64_le(number);
        }
        metadata.put_u8(level);
        let mut body = BytesMut::with_capacity(16 * page.alive.runs().len());
        for (first, count) in page.alive.runs() {
            body.put_u64_le(first.0);
            body.put_u64_le(count);
        }
        let (metadata, body) = (&metadata[..], &body[..]);
        with(&Record { kind: PAGE, group: queue.0, term: 1, index: number.0, metadata, body })
    }

    /// What a record says of a page; `None` when it was not written by [`SavedPage::write`].
    pub(crate) fn decode(record: &Record<'_>) -> Option<Self> {
        let mut metadata: &[u8] = record.metadata;
        let (runs, rest) = record.body.as_chunks::<16>();
        if metadata.len() != METADATA || !rest.is_empty() {
            return None;
        }
        let [segment, offset, length] = [(); 3].map(|()| metadata.get_u32_le());
        let [first, last, earliest, written, body_bytes] = [(); 5].map(|()| metadata.get_u64_le());
        let level = metadata.get_u8();
        let mut alive = IdSet::default();
        for mut run in runs.iter().map(|run| &run[..]) {
            alive.extend(MessageId(run.get_u64_le()), run.get_u64_le())?;
        }
        let inside = alive.runs().all(|(id, count)| first <= id.0 && id.0 + (count - 1) <= last);
        // Nothing is counted that cannot be in so many bytes, so that sums of it stay small.
        let length_bytes = u64::from(length);
        let fits = written <= length_bytes / HEAD as u64 && body_bytes <= length_bytes;
        let is_last = segment == u32::MAX || record.index == u64::MAX;
        if !inside || alive.len() > written || !fits || is_last {
            return None;
        }
        let (first, last, earliest) = (MessageId(first), MessageId(last), Timestamp(earliest));
        let page =
            Page { level, first, last, alive, written, body_bytes, earliest, ..Page::default() };
        let place = PageRef { segment, offset, length };
        Some(Self { queue: QueueId(record.group), number: PageNumber(record.index), place, page })
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn any_paged() -> impl Strategy<Value = Paged> {
        let message =
            ("[a-zä]{0,20}", "[a-z.]{0,20}", vec(any::<u8>(), 14..40), vec(any::<u8>(), 0..200));
        let arrival = proptest::option::of(any::<u64>());
        (any::<(u64, u64, u32, bool)>(), arrival, message).prop_map(
            |((id, expires, deliveries, logged), arrival, (exchange, key, header, body))| Paged {
                id: MessageId(id),
                arrival: MessageId(arrival.unwrap_or(id)),
                expires: Timestamp(expires),
                deliveries,
                logged,
                message: Message::assemble(&exchange, &key, &header, &[&body]).unwrap(),
            },
        )
    }

    proptest! {
        #[test]
        fn messages_come_back(written in vec(any_paged(), 0..8)) {
            let mut contents = Vec::new();
            written.iter().for_each(|paged| put_message(&mut contents, paged));
            let read = messages(contents.into()).unwrap();
            prop_assert_eq!(read.len(), written.len());
            for (read, written) in read.iter().zip(&written) {
                let facts = |paged: &Paged| {
                    (paged.id, paged.arrival, paged.expires, paged.deliveries, paged.logged)
                };
                prop_assert_eq!(facts(read), facts(written));
                let (read, written) = (&read.message, &written.message);
                prop_assert_eq!(read.exchange(), written.exchange());
                prop_assert_eq!(read.routing_key(), written.routing_key());
                prop_assert_eq!(read.header(), written.header());
                prop_assert_eq!(read.body(), written.body());
            }
        }

        #[test]
        fn a_page_comes_back(
            ids in vec(1_u64..500, 0..40),
            place in (0..u32::MAX, any::<u32>(), 500 * HEAD as u32..),
            level: u8,
            numbers in (0..500 * HEAD as u64, any::<u64>(), 0..u64::MAX),
        ) {
            let mut alive = IdSet::default();
            for id in ids {
                alive.insert(MessageId(id));
            }
            let page = Page {
                level,
                first: MessageId(1),
                last: MessageId(500),
                alive,
                written: 500,
                body_bytes: numbers.0,
                earliest: Timestamp(numbers.1),
                ..Page::default()
            };
            let place = PageRef { segment: place.0, offset: place.1, length: place.2 };
            let (queue, number) = (QueueId(3), PageNumber(numbers.2));
            let mut bytes = BytesMut::new();
            SavedPage::write((queue, number), place, &page, |record| record.encode(&mut bytes));
            let (record, _) = Record::decode(&bytes).unwrap();
            prop_assert_eq!(SavedPage::decode(&record), Some(SavedPage { queue, number, place, page }));
        }

        #[test]
        fn a_page_that_cannot_be_is_refused(
            segment: u32, length: u32, count in 1..u64::MAX, body_bytes: u64, number: u64,
        ) {
            let mut metadata = Vec::new();
            [segment, 0, length].iter().for_each(|number| metadata.put_u32_le(*number));
            let numbers = [1, count, u64::MAX, count, body_bytes];
            numbers.iter().for_each(|number| metadata.put_u64_le(*number));
            metadata.put_u8(0);
            let body = [1_u64.to_le_bytes(), count.to_le_bytes()].concat();
            let (metadata, body) = (&metadata[..], &body[..]);
            let record = Record { kind: PAGE, group: 1, term: 1, index: number, metadata, body };
            let length = u64::from(length);
            let possible = count <= length / 32
                && body_bytes <= length
                && segment < u32::MAX
                && number < u64::MAX;
            prop_assert_eq!(SavedPage::decode(&record).is_some(), possible);
        }

        #[test]
        fn garbage_is_refused_calmly(bytes in vec(any::<u8>(), 0..200), short in vec(any::<u8>(), METADATA)) {
            let _ = messages(bytes.clone().into());
            for metadata in [&bytes[..], &short[..]] {
                let record = Record { kind: PAGE, group: 1, term: 1, index: 1, metadata, body: &bytes };
                let _ = SavedPage::decode(&record);
            }
        }
    }
}
