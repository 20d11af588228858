//! What a queue wants done: answers to a command, deliveries, notices.

use crate::id::{ConsumerId, MessageId};
use crate::message::Message;
use crate::queue::pages::{PageNumber, Paged};
use crate::refusal::Refusal;

/// One thing for the caller to carry out, in the order given.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each variant's text says what its fields are")]
pub enum Effect {
    /// Send the message to the consumer.
    Deliver { consumer: ConsumerId, id: MessageId, redelivered: bool, message: Message },
    /// Answer to `Subscribe`: the consumer is in; deliveries to it come after this.
    Subscribed { consumer: ConsumerId },
    /// Answer to `Subscribe` or `Delete`: no, and nothing has changed.
    Refused(Refusal),
    /// Answer to `Get`. `remaining` counts the messages that still wait.
    Got { id: MessageId, redelivered: bool, message: Message, remaining: u64 },
    /// Answer to `Get` on a queue with nothing waiting.
    GotNothing,
    /// Answer to `Get` when the first message is in a page that is being read: ask again after
    /// [`Queue::paged_in`](crate::queue::Queue::paged_in).
    NotYet { no_ack: bool },
    /// Answer to `Purge`: this many messages went.
    Purged { messages: u64 },
    /// Answer to `Publish` by a queue that is full and refuses: nack it if confirms are on.
    PublishRefused,
    /// Answer to `Publish`: the message came before, as this one, within the time that duplicates are
    /// looked for. It is dealt with; confirm it once the first is safe.
    Duplicate { first: MessageId },
    /// Publish the message again: it carries the dead-letter exchange, its new routing key and the
    /// updated `x-death` history. Route it with [`Routes::route`](crate::routing::Routes::route)
    /// like any other; if that refuses it or finds no queue, it is gone.
    /// `id` is set if a log knows the original: record that it is gone once the copies are safe.
    DeadLetter { id: Option<MessageId>, message: Message },
    /// The delay is over: route the message from the exchange that has the queue's name on, with
    /// [`Routes::route_from`](crate::routing::Routes::route_from). `id` is as in `DeadLetter`.
    Release { id: Option<MessageId>, message: Message },
    /// Tell the consumer that its queue has gone (`basic.cancel`). It holds nothing any more.
    ConsumerGone { consumer: ConsumerId },
    /// Write these messages to a page, in this order; then
    /// [`Queue::paged_out`](crate::queue::Queue::paged_out) or
    /// [`Queue::page_failed`](crate::queue::Queue::page_failed).
    PageOut { page: PageNumber, messages: Vec<Paged> },
    /// Read this page; then [`Queue::paged_in`](crate::queue::Queue::paged_in) or
    /// [`Queue::page_lost`](crate::queue::Queue::page_lost).
    PageIn { page: PageNumber },
    /// Nothing of this page is needed any more.
    PageDone { page: PageNumber },
    /// From now on the consumer has this many ms to acknowledge a delivery; none: as many as it likes.
    TimeoutChanged { consumer: ConsumerId, timeout: Option<u64> },
    /// The queue is no more, nor needs its pages, and must not be used: take it out of the topology with
    /// `topology::Command::QueueGone`. Answer to `Delete`, or said unasked for auto-delete and expiry.
    Deleted { messages: u64, reason: Deletion },
}

/// Why a queue went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// Someone asked for it.
    Requested,
    /// Its last consumer left and it was declared auto-delete.
    Unused,
    /// It was left alone for longer than its `x-expires`.
    Expired,
}
