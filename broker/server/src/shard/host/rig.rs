//! A node of two shards whose turns a test decides: each does what is in its mailbox only when told to.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use broker_core::id::{ConnectionId, ConsumerId, QueueId};
use broker_core::message::Message;
use broker_core::queue::{Command, Queue, Subscription};
use broker_core::topology::{Command as Change, DeclareQueue, Outcome};
use broker_protocol::table::FieldTable;
use broker_storage::fs::real::RealFs;
use broker_storage::log::{Log, Options};
use broker_storage::position::Position;
use broker_storage::record::Record;
use bytes::BytesMut;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::durable::contents::{Contents, Inventory};
use crate::durable::replay::Recovered;
use crate::durable::transaction_record::Part;
use crate::link::{Event, Link};
use crate::mailbox::{Receiver, mailbox};
use crate::node::Node;
use crate::server;
use crate::shard::host::Host;
use crate::shard::work::{Batch, Question, Work};

/// The node, its shards, and one client that is told everything.
pub(super) struct Rig {
    pub(super) node: Arc<Node>,
    hosts: Vec<Host>,
    mailboxes: Vec<Receiver<Work>>,
    pub(super) link: Link,
    events: Receiver<Event>,
    consumers: u64,
    dir: PathBuf,
}

pub(super) fn persistent(key: &str, body: &str) -> Message {
    let mut header = [0; 15];
    // The flag of the delivery mode, and the mode.
    (header[12], header[14]) = (0x10, 2);
    Message::assemble("", key, &header, &[body.as_bytes()]).unwrap()
}

pub(super) fn poll<T>(mailbox: &mut Receiver<T>) -> Vec<T> {
    let mut batch = Vec::new();
    // Pending is an empty batch.
    let _ = mailbox.poll_receive(&mut Context::from_waker(Waker::noop()), &mut batch);
    batch
}

// === impl Rig ===

impl Rig {
    pub(super) fn new(dir: &Path) -> Self {
        let (node, mailboxes, _) = server::unstarted(dir, 2);
        let hosts = (0..2).map(|_| Host::new(Arc::clone(&node), Vec::new())).collect();
        let (sender, events) = mailbox();
        let link = Link::new(ConnectionId(1), sender);
        Self { node, hosts, mailboxes, link, events, consumers: 0, dir: dir.to_owned() }
    }

    /// Declares a durable queue that is to be on shard `shard`.
    pub(super) fn declare(&mut self, name: &str, shard: usize, arguments: FieldTable) -> QueueId {
        let mut id = self.node.directory.next_queue();
        while self.node.shard_of(id) != shard {
            id = self.node.directory.next_queue();
        }
        let wanted = DeclareQueue {
            vhost: "/".into(),
            name: name.into(),
            generated_name: "".into(),
            id,
            connection: ConnectionId(1),
            passive: false,
            durable: true,
            exclusive: false,
            auto_delete: false,
            arguments,
        };
        let changed = self.node.directory.change(Change::DeclareQueue(wanted), |_| {}).unwrap();
        let Outcome::Queue { settings, .. } = changed.outcome else { panic!("it is a queue") };
        self.node.to_owner(id, Work::Create { id, settings });
        self.turn(shard);
        id
    }

    /// Lets the client consume from the queue, with manual acknowledgements.
    pub(super) fn consume(&mut self, queue: QueueId) {
        self.consumers += 1;
        let consumer = ConsumerId(self.consumers);
        let terms = Subscription {
            consumer,
            connection: ConnectionId(1),
            no_ack: false,
            exclusive: false,
            prefetch: 0,
            priority: 0,
            window: 1_000,
        };
        let question = Question::Command(Command::Subscribe(terms));
        self.node.to_owner(queue, Work::Ask { link: self.link.clone(), queue, question });
        self.turn(self.node.shard_of(queue));
    }

    /// Sends each shard its part of a transaction.
    pub(super) fn commit(&self, batches: [Batch; 2]) {
        let with_part = || (0..2).filter(|shard| !batches[*shard].is_empty());
        let shards: Vec<_> = with_part().map(|shard| self.node.shards[shard].clone()).collect();
        let (parts, tail) = (shards.len(), || self.node.store.tail().file());
        let recorded = move || shards.iter().for_each(|shard| shard.send(Work::Recorded));
        let (transaction, from_file) =
            self.node.transactions.begin(self.link.clone(), (parts, recorded), tail);
        let part = Part { transaction: transaction.id(), parts: parts as u32, from_file };
        for (mut batch, shard) in batches.into_iter().zip(&self.node.shards) {
            if !batch.is_empty() {
                batch.part = Some((Arc::clone(&transaction), part));
                shard.send(Work::Batch(batch));
            }
        }
    }

    /// Sends shard 0 its part of the first transaction first, and shard 1 that of the second.
    pub(super) fn commit_crossed(&self, first: [Batch; 2], second: [Batch; 2]) {
        let begin = || {
            let shards = self.node.shards.clone();
            let recorded = move || shards.iter().for_each(|shard| shard.send(Work::Recorded));
            let tail = || self.node.store.tail().file();
            let (transaction, from_file) =
                self.node.transactions.begin(self.link.clone(), (2, recorded), tail);
            let part = Part { transaction: transaction.id(), parts: 2, from_file };
            (transaction, part)
        };
        let with = |mut batch: Batch, part: &(Arc<_>, Part)| {
            batch.part = Some((Arc::clone(&part.0), part.1));
            Work::Batch(batch)
        };
        let (one, two) = (begin(), begin());
        let ([a, b], [c, d]) = (first, second);
        self.node.shards[0].send(with(a, &one));
        self.node.shards[0].send(with(c, &two));
        self.node.shards[1].send(with(d, &two));
        self.node.shards[1].send(with(b, &one));
    }

    /// Lets a shard do what is in its mailbox now. Returns how many pieces of work that were.
    pub(super) fn turn(&mut self, shard: usize) -> usize {
        let mut batch = poll(&mut self.mailboxes[shard]);
        let pieces = batch.len();
        self.hosts[shard].turn(&mut batch);
        pieces
    }

    /// Gives up the log's files up to and including `file`.
    pub(super) async fn give_up(&mut self, file: u32) {
        let mut all = Inventory::default();
        for shard in 0..2 {
            let (answer, mut inventory) = oneshot::channel();
            self.node.shards[shard].send(Work::Relocate { file, answer });
            self.turn(shard);
            all.marks.extend(inventory.try_recv().unwrap().marks);
        }
        // A file that is still to be written stays.
        let flushed = timeout(Duration::from_secs(20), self.node.store.flushed()).await;
        flushed.expect("the log writes what is in line");
        let (topology, topology_from, next_queue) = self.node.directory.inventory();
        let (log_from, marks) = (Position::new(file + 1, 0), all.marks);
        let contents = Contents {
            log_from,
            topology_from,
            next_queue,
            topology,
            marks,
            ..Contents::default()
        };
        self.node.store.checkpoint(&contents, &[]).unwrap();
    }

    /// The queue as a start would find it. Ends the node's log.
    pub(super) fn found(&self, queue: QueueId) -> Queue {
        self.node.store.close();
        let (_, _, mut queues) = server::unstarted(&self.dir, 2);
        queues.remove(&queue).unwrap().restore().queue
    }

    /// The bodies of what was delivered since the last call.
    pub(super) fn delivered(&mut self) -> Vec<String> {
        let delivered = poll(&mut self.events).into_iter().flat_map(|event| match event {
            Event::Deliveries(deliveries) => deliveries,
            _ => Vec::new(),
        });
        let body = |message: Message| String::from_utf8(message.body().to_vec()).unwrap();
        delivered.map(|delivery| body(delivery.message)).collect()
    }

    /// Which of the queues would have messages if the log ended behind its first record, its second and
    /// so on. Ends the node's log.
    pub(super) fn endings<const N: usize>(&self, queues: [QueueId; N]) -> Vec<[bool; N]> {
        self.node.store.close();
        let mut records = Vec::new();
        let options = Options::new(self.dir.join("log"));
        let found = Log::open(RealFs, options, Position::ZERO, |found| {
            let mut bytes = BytesMut::new();
            found.record.encode(&mut bytes);
            records.push((found.position, bytes));
        });
        assert!(found.unwrap().damage.is_empty());
        let ending = |count| {
            let mut recovered = Recovered::from_snapshot(Contents::default());
            for (position, bytes) in &records[..count] {
                recovered.apply(*position, &Record::decode(bytes).unwrap().0);
            }
            recovered.undo_unfinished(0);
            queues.map(|queue| recovered.queues.get(&queue).is_some_and(|queue| queue.len() > 0))
        };
        (0..=records.len()).map(ending).collect()
    }
}
