//! What a shard's queues are asked to do.

use std::collections::BTreeSet;
use std::sync::Arc;

use broker_core::dedup::Key;
use broker_core::id::{ConnectionId, ConsumerId, MessageId, QueueId};
use broker_core::message::Message;
use broker_core::queue::{Command, Counts, Once, PageNumber, Paged, Settings};
use broker_session::PublishId;
use broker_storage::Error;
use broker_storage::pages::page::PageRef;
use broker_storage::position::Position;
use tokio::sync::oneshot;

use crate::durable::contents::{Inventory, Weight};
use crate::durable::pager::Report;
use crate::durable::transaction_record::Part;
use crate::link::Link;
use crate::mailbox::Sender;
use crate::transactions::Transaction;

/// One piece of work. Pieces from one sender are done in the order sent.
#[derive(Debug)]
pub(crate) enum Work {
    /// A queue was declared. Sent before the topology that routes to it is seen by anyone.
    Create { id: QueueId, settings: Arc<Settings> },
    /// Publishes and settlements of one read of one connection.
    Batch(Batch),
    /// A transaction is whole in line for the log: what was held for it may leave.
    Recorded,
    /// A question, answered with one [`Reply`](crate::link::Reply).
    Ask { link: Link, queue: QueueId, question: Question },
    /// The copies of a dead message are safe: the original may be forgotten.
    Landed { queue: QueueId, id: MessageId },
    /// Record again what is only recorded in this log file or before; answered with what this shard
    /// has for the snapshot, once what led to it is in line for the log.
    Relocate { file: u32, answer: oneshot::Sender<Inventory> },
    /// Memory is short: let messages leave.
    PageOut,
    /// What has become of a page that was to be written.
    Page(Report),
    /// What was read from a page, and where.
    PageRead {
        queue: QueueId,
        page: PageNumber,
        from: PageRef,
        messages: Result<Vec<Paged>, Error>,
    },
    /// Have the pages in these segments rewritten; answered once they are in line for it.
    Compact { segments: Arc<BTreeSet<u32>>, answer: oneshot::Sender<()> },
    /// How many bytes are only recorded in this log file or before, and in the log at all?
    Weigh { file: u32, answer: oneshot::Sender<Weight> },
    /// These queues have left the topology: delete them.
    Remove(Vec<QueueId>),
    /// The connection has ended and unsubscribed: tell it once all that is under way to it is sent.
    Farewell(Link),
    /// Who consumes from a queue, or from all of this shard's?
    Subscribers { queue: Option<QueueId>, answer: oneshot::Sender<Vec<Subscriber>> },
    /// How are the queues? All of this shard's, in no particular order.
    Survey(oneshot::Sender<Vec<(QueueId, Counts)>>),
}

/// A consumer, as its queue knows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subscriber {
    pub(crate) queue: QueueId,
    pub(crate) consumer: ConsumerId,
    pub(crate) connection: ConnectionId,
    pub(crate) exclusive: bool,
    pub(crate) priority: i32,
    /// Whether it gets messages.
    pub(crate) active: bool,
    /// Whether its queue has one active consumer at a time.
    pub(crate) single: bool,
}

/// A question to a queue.
#[derive(Debug)]
pub(crate) enum Question {
    /// It was declared again: how many messages and consumers? Answered once what is recorded up to
    /// this place survives a crash.
    Declared { recorded: Position },
    /// One of the commands that are answered: subscribe, get, purge, delete.
    Command(Command),
}

/// What one connection, or a dead-letter exchange, has for the queues of one shard.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Who is told when the publishes are settled.
    pub(crate) link: Option<Link>,
    /// What waits for the publishes to be safe, if they are copies of a dead message.
    pub(crate) landing: Option<Arc<Landing>>,
    /// The transaction that the items are a part of.
    pub(crate) part: Option<(Arc<Transaction>, Part)>,
    pub(crate) items: Vec<Item>,
    /// Publishes among the items.
    pub(crate) publishes: usize,
    /// Their bytes.
    pub(crate) bytes: usize,
}

/// One command to one queue.
#[derive(Debug)]
pub(crate) enum Item {
    /// Hot enough to be apart from the other commands.
    Publish { queue: QueueId, message: Message, confirm: Option<PublishId> },
    /// The same, unless a message with one of the keys came before.
    PublishOnce { queue: QueueId, once: Box<Once>, confirm: Option<PublishId> },
    /// A command without an answer.
    Command { queue: QueueId, command: Command },
}

/// The copies of a dead message on their way. When the last of them is in line for the log, and so drops
/// this, the queue it came from may forget the original: what it records lies behind.
#[derive(Debug)]
pub(crate) struct Landing {
    owner: Sender<Work>,
    queue: QueueId,
    id: MessageId,
}

// === impl Batch ===

impl Batch {
    pub(crate) fn publish(&mut self, queue: QueueId, message: Message, confirm: Option<PublishId>) {
        self.publishes += 1;
        self.bytes += message.size();
        self.items.push(Item::Publish { queue, message, confirm });
    }

    /// Publishes unless a message with one of `keys` came before.
    pub(crate) fn publish_once(
        &mut self,
        queue: QueueId,
        message: Message,
        keys: Option<&Arc<[Key]>>,
        confirm: Option<PublishId>,
    ) {
        let Some(keys) = keys.cloned() else { return self.publish(queue, message, confirm) };
        self.publishes += 1;
        self.bytes += message.size();
        let once = Box::new(Once { message, keys });
        self.items.push(Item::PublishOnce { queue, once, confirm });
    }

    pub(crate) fn command(&mut self, queue: QueueId, command: Command) {
        self.items.push(Item::Command { queue, command });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

// === impl Item ===

impl Item {
    pub(crate) fn queue(&self) -> QueueId {
        match self {
            Self::Publish { queue, .. }
            | Self::PublishOnce { queue, .. }
            | Self::Command { queue, .. } => *queue,
        }
    }
}

// === impl Landing ===

impl Landing {
    /// For message `id` of `queue`, which belongs to the shard that `owner` leads to.
    pub(crate) fn new(owner: Sender<Work>, queue: QueueId, id: MessageId) -> Arc<Self> {
        Arc::new(Self { owner, queue, id })
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.owner.send(Work::Landed { queue: self.queue, id: self.id });
    }
}
