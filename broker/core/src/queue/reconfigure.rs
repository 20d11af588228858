//! New settings for a queue that is in use: its policies have changed.
//!
//! As in RabbitMQ, a time to live holds for messages that come from then on; those that are there keep
//! theirs. A shorter length drops the excess at once, if it is dropped from the head. The time that the queue may be
//! left alone begins anew, if it is another. Where dead messages go, and how often a message may come
//! back, is looked up when it matters.

use std::sync::Arc;

use crate::queue::settings::Settings;
use crate::queue::{ConsumerView, Effect, Queue};
use crate::time::Timestamp;

// === impl Queue ===

impl Queue {
    pub(super) fn reconfigure(
        &mut self,
        settings: Arc<Settings>,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        let old = std::mem::replace(&mut self.settings, settings);
        if self.settings.expires != old.expires {
            self.touch(now);
        }
        let timeout = self.settings.consumer_timeout;
        if timeout != old.consumer_timeout {
            let changed = |consumer: ConsumerView<'_>| Effect::TimeoutChanged {
                consumer: consumer.terms.consumer,
                timeout,
            };
            effects.extend(self.consumers().map(changed));
        }
        self.expire_messages(now, effects);
        self.drop_excess(now, effects);
    }
}
