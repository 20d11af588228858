//! What all shards and connections of a node share.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use broker_api::Listener;
use broker_core::access::{Actor, Password};
use broker_core::id::QueueId;
use broker_core::message::Message;
use broker_core::name::Name;
use broker_core::queue::{Command as QueueCommand, Counts};
use broker_core::refusal::Refusal;
use broker_core::routing::Targets;
use broker_core::time::Timestamp;
use broker_core::topology::{Command, DeclareQueue, Outcome, permits};
use broker_storage::position::Position;
use hashbrown::HashMap;
use tokio::sync::{Semaphore, oneshot};

use crate::auth::{Authenticator, Check, Claim, Verdict, password};
use crate::directory::{Changed, Directory};
use crate::durable::Store;
use crate::link::Event;
use crate::mailbox::Sender;
use crate::memory::Memory;
use crate::metrics::Metrics;
use crate::registry::Registry;
use crate::replies::Replies;
use crate::shard::work::{Batch, Landing, Subscriber, Work};
use crate::tls::Tls;
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
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) memory: Memory,
    /// Bytes of messages that were begun and not finished, over all connections.
    pub(crate) unfinished: AtomicI64,
    /// How many of these there may be.
    pub(crate) max_unfinished: i64,
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
    /// Where its data lies.
    pub(crate) data_dir: Arc<Path>,
    /// Bytes that have to be free on that disk, or publishers wait.
    pub(crate) disk_watermark: u64,
    /// The version of RabbitMQ that clients take it for.
    pub(crate) rabbitmq_version: &'static str,
}

// === impl Node ===

impl Node {
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
    /// `landing` is dropped once all the copies are in line for the log.
    pub(crate) fn republish(
        &self,
        vhost: &Name,
        message: &Message,
        landing: Option<&Arc<Landing>>,
    ) {
        let mut targets = Targets::new();
        if self.directory.routes().route(vhost, message, &mut targets).is_ok() {
            self.spread(&targets, message, landing);
        }
    }

    /// Publishes a message whose delay is over, from the exchange `from` on that held it back;
    /// otherwise as [`Node::republish`].
    pub(crate) fn release(
        &self,
        vhost: &Name,
        from: &Name,
        message: &Message,
        landing: Option<&Arc<Landing>>,
    ) {
        let mut targets = Targets::new();
        if let Some(vhost) = self.directory.routes().vhost(vhost) {
            vhost.route_from(from, message, &mut targets);
        }
        self.spread(&targets, message, landing);
    }

    fn spread(&self, targets: &Targets, message: &Message, landing: Option<&Arc<Landing>>) {
        let open = message.without_blind_copies();
        for (index, &queue) in targets.queues().iter().enumerate() {
            let mut batch = Batch { landing: landing.cloned(), ..Batch::default() };
            let message = open.as_ref().filter(|_| !targets.is_delaying(queue)).unwrap_or(message);
            batch.publish_once(queue, message.clone(), targets.keys(index), None);
            self.to_owner(queue, Work::Batch(batch));
        }
    }

    /// Declares a queue for somebody and makes it on its shard, if it is new.
    ///
    /// # Errors
    ///
    /// What the actor may not do, and what the topology refuses.
    pub(crate) fn declare_queue(
        &self,
        actor: &Actor,
        mut wanted: DeclareQueue,
    ) -> Result<Changed, Refusal> {
        let routes = self.directory.routes();
        if let Some(vhost) = routes.vhost(&wanted.vhost) {
            wanted.complete(vhost);
        }
        let command = Command::DeclareQueue(wanted);
        permits(&routes, actor, &command)?;
        self.directory.change(command, |outcome| {
            if let Outcome::Queue { id, created: true, settings, .. } = outcome {
                self.to_owner(*id, Work::Create { id: *id, settings: settings.clone() });
            }
        })
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
    pub(crate) fn govern(&self, command: Command) -> Result<Changed, Refusal> {
        self.directory.change(command, |outcome| {
            let Outcome::Governed { queues } = outcome else { return };
            for (queue, settings) in queues {
                let mut batch = Batch::default();
                batch.command(*queue, QueueCommand::Reconfigure(Arc::clone(settings)));
                self.to_owner(*queue, Work::Batch(batch));
            }
        })
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
        self.store.disk_low.load(Ordering::Relaxed).then_some("low on disk")
    }

    /// Notes whether the disk is too full for publishers. Each finds out when it publishes next.
    pub(crate) fn set_disk_low(&self, low: bool, available: u64) {
        if self.store.disk_low.swap(low, Ordering::Relaxed) == low {
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

    /// Who it is that wants to be let in; nobody if they may not.
    pub(crate) async fn check_login(self: &Arc<Self>, claim: Claim) -> Option<Actor> {
        let verdict = self.authenticator.judge(self.directory.routes().access(), claim);
        match verdict {
            Verdict::Known(actor) => actor,
            Verdict::Slow(check) => self.check_slowly(check).await,
        }
    }

    /// The same once it is known to be slow: off this thread, and one at a time.
    pub(crate) async fn check_slowly(self: &Arc<Self>, check: Check) -> Option<Actor> {
        let _turn = self.hashing.acquire().await.ok()?;
        let node = Arc::clone(self);
        let check = move || node.authenticator.check(check);
        tokio::task::spawn_blocking(check).await.unwrap_or_default()
    }

    /// What to store of a new password; none when the node stops.
    pub(crate) async fn hash_password(&self, secret: Vec<u8>) -> Option<Password> {
        let _turn = self.hashing.acquire().await.ok()?;
        tokio::task::spawn_blocking(move || password::hash(&secret)).await.ok().flatten()
    }

    /// Deletes a vhost with all that is in it, and cuts off who is in it.
    ///
    /// # Errors
    ///
    /// The topology's refusal.
    pub(crate) fn delete_vhost(&self, vhost: &Name) -> Result<Changed, Refusal> {
        let command = Command::DeleteVhost { vhost: vhost.clone() };
        let Changed { outcome, recorded } = self.directory.change(command, |_| {})?;
        let reason = format!("vhost '{vhost}' is deleted");
        self.registry.close(&reason, |profile| profile.vhost.get().is_some_and(|v| **vhost == **v));
        self.remove_queues(outcome);
        Ok(Changed { outcome: Outcome::Done { changed: true }, recorded })
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

    /// The consumers of one queue, or of all, asked of the shards that own them.
    pub(crate) async fn subscribers(&self, queue: Option<QueueId>) -> Vec<Subscriber> {
        let asked = match queue {
            Some(queue) => &self.shards[self.shard_of(queue)..=self.shard_of(queue)],
            None => &self.shards[..],
        };
        let answers: Vec<_> = asked
            .iter()
            .map(|shard| {
                let (sender, answer) = oneshot::channel();
                shard.send(Work::Subscribers { queue, answer: sender });
                answer
            })
            .collect();
        let mut subscribers = Vec::new();
        for answer in answers {
            subscribers.extend(answer.await.unwrap_or_default());
        }
        subscribers
    }

    /// The same if any exchange holds messages back; nothing if none does.
    pub(crate) async fn survey_delays(&self) -> HashMap<QueueId, Counts> {
        let any = self.directory.routes().vhosts().any(|vhost| !vhost.delays().is_empty());
        if any { self.survey().await } else { HashMap::new() }
    }
}

fn ask(shard: &Sender<Work>) -> oneshot::Receiver<Vec<(QueueId, Counts)>> {
    let (sender, answer) = oneshot::channel();
    shard.send(Work::Survey(sender));
    answer
}
