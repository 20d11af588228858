//! Who publishes, and who empties queues.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::{Duration, Instant},
};

use futures::{FutureExt, StreamExt, future::BoxFuture};
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer,
    PublisherConfirm,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
        ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions, QueuePurgeOptions,
    },
    types::FieldTable,
};
use tokio::time::{sleep, timeout};
use warren_tests::{patience::SOON, uri::Uri};

/// Bytes of a message.
const SIZE: usize = 8 << 10;
/// Confirms that a publisher waits for at most.
const WINDOW: usize = 200;
const MOMENT: Duration = Duration::from_millis(2);

const DURABLE: QueueDeclareOptions = QueueDeclareOptions {
    passive: false,
    durable: true,
    exclusive: false,
    auto_delete: false,
    nowait: false,
};

/// Publishes numbered messages, and knows which were confirmed.
pub(crate) struct Publisher {
    connection: Connection,
    channel: Channel,
    next: usize,
    /// The message that the client library has not sent yet.
    sending: Option<Sending>,
    waiting: VecDeque<(&'static str, usize, PublisherConfirm)>,
    confirmed: BTreeMap<&'static str, BTreeSet<usize>>,
}

/// A blocked client keeps what it was to publish until it is let go again, so nobody may wait for that who
/// is to see to it.
type Sending = (&'static str, usize, BoxFuture<'static, lapin::Result<PublisherConfirm>>);

/// Reads one queue and acknowledges each message.
pub(crate) struct Reader {
    _connection: Connection,
    consumer: Consumer,
    pub(crate) read: BTreeSet<usize>,
}

/// A connection that never publishes.
pub(crate) async fn control(uri: &Uri) -> (Connection, Channel) {
    let uri = uri.to_string();
    let connection = Connection::connect(&uri, ConnectionProperties::default());
    let connection = timeout(SOON, connection).await.unwrap().unwrap();
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}

pub(crate) async fn declare(channel: &Channel, queue: &str) {
    channel.queue_declare(queue.into(), DURABLE, FieldTable::default()).await.unwrap();
}

/// How many messages wait; none when there is no such queue, and no channel any more.
pub(crate) async fn count(channel: &Channel, queue: &str) -> Option<u32> {
    let how = QueueDeclareOptions { passive: true, ..DURABLE };
    let declared = channel.queue_declare(queue.into(), how, FieldTable::default()).await;
    declared.ok().map(|queue| queue.message_count())
}

pub(crate) async fn purge(channel: &Channel, queue: &str) -> u32 {
    channel.queue_purge(queue.into(), QueuePurgeOptions::default()).await.unwrap()
}

pub(crate) async fn delete(channel: &Channel, queue: &str) -> u32 {
    channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await.unwrap()
}

// === impl Publisher ===

impl Publisher {
    pub(crate) async fn connect(uri: &Uri) -> Self {
        let (connection, channel) = control(uri).await;
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        let (waiting, confirmed) = (VecDeque::new(), BTreeMap::new());
        Self { connection, channel, next: 0, sending: None, waiting, confirmed }
    }

    pub(crate) async fn publish(&mut self, queue: &'static str, count: usize) {
        for _ in 0..count {
            self.begin(queue);
            if let Some((queue, number, sending)) = self.sending.take() {
                self.waiting.push_back((queue, number, sending.await.unwrap()));
            }
            self.collect();
        }
    }

    /// Begins to publish the next message.
    fn begin(&mut self, queue: &'static str) {
        let number = self.next;
        self.next += 1;
        let channel = self.channel.clone();
        let publish = async move {
            let mut body = format!("{number:08}").into_bytes();
            body.resize(SIZE, b'.');
            let (how, with) = (BasicPublishOptions::default(), BasicProperties::default());
            let with = with.with_delivery_mode(2);
            channel.basic_publish("".into(), queue.into(), how, &body, with).await
        };
        self.sending = Some((queue, number, publish.boxed()));
    }

    /// Waits a moment for the last message to be sent, then takes the confirms that are there. Returns
    /// whether it still is to be sent.
    async fn is_sending(&mut self) -> bool {
        if let Some((queue, number, sending)) = &mut self.sending
            && let Ok(sent) = timeout(MOMENT, sending).await
        {
            self.waiting.push_back((queue, *number, sent.unwrap()));
            self.sending = None;
        }
        self.collect();
        self.sending.is_some()
    }

    /// Publishes as fast as confirms come, until the broker says that it is enough.
    pub(crate) async fn publish_until_blocked(&mut self, queue: &'static str, limit: Duration) {
        let end = Instant::now() + limit;
        while !self.connection.status().blocked() {
            assert!(Instant::now() < end, "{} messages later nobody is blocked", self.next);
            if self.is_sending().await {
                continue;
            }
            if self.waiting.len() < WINDOW {
                self.begin(queue);
            } else {
                sleep(MOMENT).await;
            }
        }
    }

    pub(crate) async fn until_unblocked(&self, limit: Duration) {
        let end = Instant::now() + limit;
        while self.connection.status().blocked() {
            assert!(Instant::now() < end, "there is room again, and still they are blocked");
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits for all confirms.
    pub(crate) async fn settle(&mut self) {
        let end = Instant::now() + SOON;
        while self.is_sending().await || !self.waiting.is_empty() {
            assert!(Instant::now() < end, "{} confirms do not come", self.waiting.len());
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Takes the confirms that are there.
    fn collect(&mut self) {
        while let Some((queue, number, confirm)) = self.waiting.front_mut() {
            let Some(answer) = confirm.now_or_never() else { break };
            assert!(
                matches!(answer.unwrap(), Confirmation::Ack(_)),
                "{queue}: {number} was refused"
            );
            self.confirmed.entry(queue).or_default().insert(*number);
            self.waiting.pop_front();
        }
    }

    /// The messages to `queue` that must be there.
    pub(crate) fn confirmed(&self, queue: &str) -> BTreeSet<usize> {
        self.confirmed.get(queue).cloned().unwrap_or_default()
    }

    /// They were acknowledged.
    pub(crate) fn forget(&mut self, queue: &str) {
        self.confirmed.remove(queue);
    }
}

// === impl Reader ===

impl Reader {
    pub(crate) async fn connect(uri: &Uri, queue: &str) -> Self {
        let (connection, channel) = control(uri).await;
        channel.basic_qos(20, BasicQosOptions::default()).await.unwrap();
        let (how, none) = (BasicConsumeOptions::default(), FieldTable::default());
        let consumer = channel.basic_consume(queue.into(), "".into(), how, none).await.unwrap();
        Self { _connection: connection, consumer, read: BTreeSet::new() }
    }

    /// Reads until everything in `all` has come, each with its own acknowledgement.
    pub(crate) async fn read_until_all(&mut self, all: &BTreeSet<usize>) {
        while !all.is_subset(&self.read) {
            let next = timeout(SOON, self.consumer.next()).await;
            let missing = all.difference(&self.read).count();
            let delivery = next.unwrap_or_else(|_| panic!("{missing} confirmed messages are lost"));
            let delivery = delivery.unwrap().unwrap();
            delivery.ack(BasicAckOptions::default()).await.unwrap();
            let number = str::from_utf8(&delivery.data[..8]).unwrap();
            self.read.insert(number.parse().unwrap());
        }
    }
}
