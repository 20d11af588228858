//! What all shards and connections of a node share.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use broker_api::Listener;
use broker_core::id::QueueId;
use broker_core::message::Message;
use broker_core::name::Name;
use broker_core::queue::{Command as QueueCommand, Counts};
use broker_core::refusal::Refusal;
use broker_core::routing::Targets;
use broker_core::time::Timestamp;
use broker_core::topology::{Command, Outcome};
use broker_storage::position::Position;
use hashbrown::HashMap;
use tokio::sync::{Semaphore, oneshot};

use crate::auth::Authenticator;
use crate::directory::Directory;
use crate::durable::Store;
use crate::link::Event;
use crate::mailbox::Sender;
use crate::memory::Memory;
use crate::metrics::Metrics;
use crate::registry::Registry;
use crate::replies::Replies;
use crate::shard::promises::Landing;
use crate::shard::work::{Batch, Work};
use crate::transactions::Transactions;

/// One broker node.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) identity: Identity,
    pub(crate) directory: Directory,
    pub(crate) store: Arc<Store>,
    pub(crate) registry: Registry,
    /// Where replies go that need no queue.
    pub(crate) replies: Replies,
    pub(crate) authenticator: Authenticator,
    pub(crate) memory: Memory,
    /// Whether the disk is too full for publishers.
    pub(crate) disk_low: AtomicBool,
    pub(crate) metrics: Metrics,
    pub(crate) transactions: Arc<Transactions>,
    /// What every session is told.
    pub(crate) session: Arc<broker_session::Settings>,
    /// Milliseconds that a client may leave output unread.
    pub(crate) write_stall: u64,
    /// The way to the queues of each shard.
    pub(crate) shards: Box<[Sender<Work>]>,
    pub(crate) stopping: AtomicBool,
    /// One slow login at a time: hashing takes memory.
    pub(crate) hashing: Semaphore,
}

/// Who the node is.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// As in `warren@host`.
    pub(crate) node: String,
    pub(crate) cluster: String,
    /// Kept in the data directory.
    pub(crate) node_id: String,
    /// Drawn at each start.
    pub(crate) epoch: String,
    pub(crate) started: Timestamp,
    pub(crate) listeners: Vec<Listener>,
}

// === impl Node ===

impl Node {
    /// What a message in a queue costs beside its bytes, roughly.
    pub(crate) const MESSAGE_OVERHEAD: u64 = 128;

    /// Which shard owns a queue.
    pub(crate) fn shard_of(&self, queue: QueueId) -> usize {
        // The remainder is below the number of shards, which is a usize.
        (queue.0 % self.shards.len() as u64) as usize
    }

    /// Sends work to the shard that owns `queue`.
    pub(crate) fn to_owner(&self, queue: QueueId, work: Work) {
        self.shards[self.shard_of(queue)].send(work);
    }

    /// Publishes a message on the broker's own account, as dead-lettering does. It goes to
    /// whatever queues there are for it, and is gone if there is none.
    ///
    /// `landing` is dropped once all the copies are safe.
    pub(crate) fn republish(
        &self,
        vhost: &Name,
        message: &Message,
        landing: Option<&Arc<Landing>>,
    ) {
        let mut targets = Targets::new();
        if self.directory.routes().route(vhost, message, &mut targets).is_err() {
            return;
        }
        for &queue in targets.queues() {
            let mut batch = Batch { landing: landing.cloned(), ..Batch::default() };
            batch.publish(queue, message.clone(), None);
            self.to_owner(queue, Work::Batch(batch));
        }
    }

    /// Takes a queue that has deleted itself out of the topology; returns where in the log that is.
    pub(crate) fn queue_gone(&self, vhost: &Name, name: &Name, id: QueueId) -> Position {
        let command = Command::QueueGone { vhost: vhost.clone(), name: name.clone(), id };
        // It is never refused; another incarnation of the name stays as it is.
        self.directory.change(command, |_| {}).map_or(Position::ZERO, |changed| changed.recorded)
    }

    /// Carries out a command about policies: every queue that is to behave differently is told.
    ///
    /// Told under the directory's lock, queues are told in the order of the changes, and none before
    /// it was made: what a queue was told last is what the topology says.
    ///
    /// # Errors
    ///
    /// The topology's refusal; nothing has then changed.
    pub(crate) fn govern(&self, command: Command) -> Result<Position, Refusal> {
        let changed = self.directory.change(command, |outcome| {
            let Outcome::Governed { queues } = outcome else { return };
            for (queue, settings) in queues {
                let mut batch = Batch::default();
                batch.command(*queue, QueueCommand::Reconfigure(Arc::clone(settings)));
                self.to_owner(*queue, Work::Batch(batch));
            }
        })?;
        Ok(changed.recorded)
    }

    /// Deletes queues that have left the topology on the shards that own them.
    pub(crate) fn remove_queues(&self, outcome: Outcome) {
        let Outcome::Removed { queues } = outcome else { return };
        for (_, queue) in queues {
            self.to_owner(queue, Work::Remove(vec![queue]));
        }
    }

    /// What publishers must wait for, in the words of RabbitMQ's `connection.blocked`.
    pub(crate) fn shortage(&self) -> Option<&'static str> {
        if self.memory.is_above() {
            return Some("low on memory");
        }
        self.disk_low.load(Ordering::Relaxed).then_some("low on disk")
    }

    /// Notes whether the disk is too full for publishers. Each finds out when it publishes next.
    pub(crate) fn set_disk_low(&self, low: bool, available: u64) {
        if self.disk_low.swap(low, Ordering::Relaxed) == low {
            return;
        }
        if low {
            tracing::warn!(available, "the disk is nearly full, publishers blocked");
        } else {
            tracing::info!(available, "the disk has room again, publishers go on");
            self.registry.tell(|| Event::Relieved);
        }
    }

    /// Blocks publishers on all connections, or lets them go again.
    pub(crate) fn block_publishers(&self, blocked: bool) {
        let (used, watermark) = (self.memory.used(), self.memory.watermark());
        if blocked {
            // Each connection finds out by itself when it publishes next.
            tracing::warn!(used, watermark, "messages fill the memory budget, publishers blocked");
        } else {
            tracing::info!(used, watermark, "memory budget free again, publishers go on");
            self.registry.tell(|| Event::Relieved);
        }
    }

    /// Whether the node is on its way down.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Checks a login, off this thread if that takes long.
    pub(crate) async fn check_login(
        self: &Arc<Self>,
        user: String,
        password: Vec<u8>,
        peer: IpAddr,
    ) -> bool {
        if !self.authenticator.is_slow() {
            return self.authenticator.admits(&user, &password, peer);
        }
        let Ok(_turn) = self.hashing.acquire().await else { return false };
        let node = Arc::clone(self);
        let check = move || node.authenticator.admits(&user, &password, peer);
        tokio::task::spawn_blocking(check).await.unwrap_or(false)
    }

    /// How all queues are, asked of every shard.
    pub(crate) async fn survey(&self) -> HashMap<QueueId, Counts> {
        let mut counts = HashMap::new();
        let answers: Vec<_> = self.shards.iter().map(ask).collect();
        for answer in answers {
            // A shard that is gone takes the process with it: there is nobody left to answer.
            counts.extend(answer.await.unwrap_or_default());
        }
        counts
    }
}

fn ask(shard: &Sender<Work>) -> oneshot::Receiver<Vec<(QueueId, Counts)>> {
    let (sender, answer) = oneshot::channel();
    shard.send(Work::Survey(sender));
    answer
}
