//! What a connection tells of its channels and consumers, when somebody wants to look at them.
//!
//! All of it is known anyway: nothing is counted for the sake of a report.

use broker_core::id::{ConsumerId, QueueId};

use crate::channel::Channel;
use crate::connection::Connection;

/// One open channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelReport {
    /// Its number.
    pub number: u16,
    /// Whether publishes are confirmed.
    pub confirm: bool,
    /// Whether publishes and acknowledgements wait for a commit.
    pub transactional: bool,
    /// The prefetch of consumers to come; 0 is no limit.
    pub prefetch: u32,
    /// How many deliveries may be unacknowledged on the whole channel; 0 is no limit.
    pub shared_prefetch: u32,
    /// Deliveries that are not acknowledged.
    pub unacked: usize,
    /// Publishes that wait for a commit.
    pub uncommitted: usize,
    /// Acknowledgements that wait for a commit.
    pub acks_uncommitted: usize,
    /// Publishes that are not confirmed.
    pub unconfirmed: usize,
    /// Publishes since it was put in confirm mode.
    pub published: u64,
    /// Deliveries since it was opened.
    pub delivered: u64,
    /// Consumers, those of replies included.
    pub consumer_count: usize,
    /// Its consumers of queues, by name.
    pub consumers: Vec<ConsumerReport>,
}

/// One consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerReport {
    /// Its id.
    pub id: ConsumerId,
    /// Its name.
    pub tag: Box<str>,
    /// What it consumes from.
    pub queue: QueueId,
    /// Whether deliveries need no acknowledgement.
    pub no_ack: bool,
    /// Its own prefetch, without the channel's; 0 is no limit.
    pub prefetch: u32,
    /// How long it asked to keep a delivery at most, in ms.
    pub timeout: Option<u64>,
}

// === impl Connection ===

impl Connection {
    /// Its open channels, by number.
    pub fn report(&self) -> Vec<ChannelReport> {
        let open = self.channels.iter().filter(|(_, channel)| !channel.closing);
        let mut channels: Vec<_> =
            open.map(|(number, channel)| self.describe(*number, channel)).collect();
        channels.sort_by_key(|channel| channel.number);
        channels
    }

    fn describe(&self, number: u16, channel: &Channel) -> ChannelReport {
        let (publishes, acks) = channel
            .transaction
            .as_ref()
            .map_or((0, 0), |tx| (tx.publishes.len(), tx.settlements.len()));
        ChannelReport {
            number,
            confirm: channel.confirms.is_some(),
            transactional: channel.transaction.is_some(),
            prefetch: channel.prefetch,
            shared_prefetch: channel.shared_prefetch,
            unacked: channel.unacked.len(),
            uncommitted: publishes,
            acks_uncommitted: acks,
            unconfirmed: channel.confirms.as_ref().map_or(0, |confirms| confirms.undecided()),
            published: channel.confirms.as_ref().map_or(0, |confirms| confirms.published()),
            delivered: channel.unacked.last_tag(),
            consumer_count: channel.consumers.len(),
            consumers: channel.consumers.values().filter_map(|id| self.consumer(*id)).collect(),
        }
    }

    fn consumer(&self, id: ConsumerId) -> Option<ConsumerReport> {
        let consumer = self.consumers.get(&id)?;
        Some(ConsumerReport {
            id,
            tag: consumer.tag.clone(),
            queue: consumer.queue,
            no_ack: consumer.no_ack,
            prefetch: consumer.prefetch,
            timeout: consumer.own_timeout,
        })
    }
}
