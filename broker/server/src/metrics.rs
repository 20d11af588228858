//! Counters of what went through, and their Prometheus text with RabbitMQ's names.
//!
//! Counted once a batch. Gauges are set from a survey right before the text is made.

use std::sync::atomic::AtomicU64;

use broker_api::{MessageStats, ObjectTotals, QueueTotals};
use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Everything that is counted on this node.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// Messages published by clients.
    pub(crate) received: Counter,
    /// Of these, messages that at least one queue took.
    pub(crate) routed: Counter,
    /// Publishes that were confirmed.
    pub(crate) confirmed: Counter,
    /// Messages handed to consumers or `basic.get`.
    pub(crate) delivered: Counter,
    /// Of these, messages handed out more than once.
    pub(crate) redelivered: Counter,
    /// Messages that consumers acknowledged.
    pub(crate) acknowledged: Counter,
    /// Messages that a queue did not take because they came before.
    pub(crate) duplicates: Counter,
    /// Messages that no queue took, and that were dropped.
    pub(crate) unroutable_dropped: Counter,
    /// Mandatory messages that no queue took, and that went back.
    pub(crate) unroutable_returned: Counter,
    /// Connections accepted.
    pub(crate) connections_opened: Counter,
    /// Connections ended.
    pub(crate) connections_closed: Counter,
    /// Logins that failed.
    pub(crate) logins_failed: Counter,
    gauges: Gauges,
    registry: Registry,
}

#[derive(Debug, Default)]
struct Gauges {
    connections: Level,
    channels: Level,
    consumers: Level,
    queues: Level,
    exchanges: Level,
    messages: Level,
    ready: Level,
    unacked: Level,
    resident: Level,
    watermark: Level,
    alarm: Level,
}

type Level = Gauge<u64, AtomicU64>;

/// What the process uses and may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resources {
    /// Resident memory, in bytes.
    pub(crate) resident: u64,
    /// The memory watermark, in bytes.
    pub(crate) watermark: u64,
    /// Whether publishers are blocked.
    pub(crate) alarm: bool,
}

// === impl Metrics ===

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            received: Counter::default(),
            routed: Counter::default(),
            confirmed: Counter::default(),
            delivered: Counter::default(),
            redelivered: Counter::default(),
            acknowledged: Counter::default(),
            duplicates: Counter::default(),
            unroutable_dropped: Counter::default(),
            unroutable_returned: Counter::default(),
            connections_opened: Counter::default(),
            connections_closed: Counter::default(),
            logins_failed: Counter::default(),
            gauges: Gauges::default(),
            registry: Registry::default(),
        };
        metrics.register_counters();
        metrics.register_gauges();
        metrics
    }
}

impl Metrics {
    fn register_counters(&mut self) {
        let registry = &mut self.registry;
        #[rustfmt::skip]
        let counters = [
            ("rabbitmq_global_messages_received", "Messages published by clients", &self.received),
            ("rabbitmq_global_messages_routed", "Messages that a queue took", &self.routed),
            ("rabbitmq_global_messages_confirmed", "Publishes confirmed", &self.confirmed),
            ("rabbitmq_global_messages_delivered", "Messages handed to consumers", &self.delivered),
            ("rabbitmq_global_messages_redelivered", "Messages handed out again", &self.redelivered),
            ("rabbitmq_global_messages_acknowledged", "Messages acknowledged", &self.acknowledged),
            ("warren_messages_deduplicated", "Duplicates that a queue did not take", &self.duplicates),
            ("rabbitmq_global_messages_unroutable_dropped", "Messages no queue took, dropped", &self.unroutable_dropped),
            ("rabbitmq_global_messages_unroutable_returned", "Messages no queue took, returned", &self.unroutable_returned),
            ("rabbitmq_connections_opened", "Connections accepted", &self.connections_opened),
            ("rabbitmq_connections_closed", "Connections ended", &self.connections_closed),
            ("rabbitmq_auth_attempts_failed", "Logins that failed", &self.logins_failed),
        ];
        for (name, help, counter) in counters {
            registry.register(name, help, counter.clone());
        }
    }

    fn register_gauges(&mut self) {
        let Self { registry, gauges, .. } = self;
        #[rustfmt::skip]
        let all = [
            ("rabbitmq_connections", "Open connections", &gauges.connections),
            ("rabbitmq_channels", "Open channels", &gauges.channels),
            ("rabbitmq_consumers", "Consumers", &gauges.consumers),
            ("rabbitmq_queues", "Queues", &gauges.queues),
            ("rabbitmq_exchanges", "Exchanges", &gauges.exchanges),
            ("rabbitmq_queue_messages", "Messages in queues", &gauges.messages),
            ("rabbitmq_queue_messages_ready", "Messages that wait for a consumer", &gauges.ready),
            ("rabbitmq_queue_messages_unacked", "Messages held unacknowledged", &gauges.unacked),
            ("rabbitmq_process_resident_memory_bytes", "Resident memory", &gauges.resident),
            ("rabbitmq_resident_memory_limit_bytes", "Watermark above which publishers are blocked", &gauges.watermark),
            ("rabbitmq_alarms_memory_used_watermark", "Whether publishers are blocked", &gauges.alarm),
        ];
        for (name, help, gauge) in all {
            registry.register(name, help, gauge.clone());
        }
    }

    /// What went through, as the management API tells it.
    pub(crate) fn message_stats(&self) -> MessageStats {
        MessageStats {
            publish: self.received.get(),
            confirm: self.confirmed.get(),
            return_unroutable: self.unroutable_returned.get(),
            drop_unroutable: self.unroutable_dropped.get(),
            deliver_get: self.delivered.get(),
            redeliver: self.redelivered.get(),
            ack: self.acknowledged.get(),
        }
    }

    /// Everything as Prometheus text (OpenMetrics).
    pub(crate) fn text(
        &self,
        objects: &ObjectTotals,
        queues: &QueueTotals,
        use_: Resources,
    ) -> String {
        let gauges = &self.gauges;
        gauges.connections.set(objects.connections);
        gauges.channels.set(objects.channels);
        gauges.consumers.set(objects.consumers);
        gauges.queues.set(objects.queues);
        gauges.exchanges.set(objects.exchanges);
        gauges.messages.set(queues.messages);
        gauges.ready.set(queues.messages_ready);
        gauges.unacked.set(queues.messages_unacknowledged);
        gauges.resident.set(use_.resident);
        gauges.watermark.set(use_.watermark);
        gauges.alarm.set(use_.alarm.into());
        let mut body = String::new();
        // Writing to a String cannot fail.
        let _ = text::encode(&mut body, &self.registry);
        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_rabbitmqs_names() {
        let metrics = Metrics::default();
        metrics.received.inc_by(7);
        let queues = QueueTotals { messages: 3, messages_ready: 2, messages_unacknowledged: 1 };
        let resources = Resources { resident: 1, watermark: 2, alarm: true };
        let text = metrics.text(&ObjectTotals::default(), &queues, resources);
        for line in [
            "rabbitmq_global_messages_received_total 7",
            "rabbitmq_queue_messages_ready 2",
            "rabbitmq_queue_messages_unacked 1",
            "rabbitmq_alarms_memory_used_watermark 1",
        ] {
            assert!(text.lines().any(|other| other == line), "{line} is missing in\n{text}");
        }
    }
}
