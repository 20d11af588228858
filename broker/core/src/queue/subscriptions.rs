//! Who comes to the queue and leaves it, and the end of the queue itself.

use crate::id::ConsumerId;
use crate::queue::command::Subscription;
use crate::queue::settings::Settings;
use crate::queue::{Deletion, Effect, Queue};
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// A consumer as the management API shows it.
#[derive(Debug, Clone, Copy)]
pub struct ConsumerView<'a> {
    /// The terms it takes messages on, as it came with them.
    pub terms: &'a Subscription,
    /// Messages it holds unsettled.
    pub unacked: u32,
    /// Whether it gets messages: on a queue with a single active consumer only one does.
    pub active: bool,
}

// === impl Queue ===

impl Queue {
    /// The consumers, by id.
    pub fn consumers(&self) -> impl Iterator<Item = ConsumerView<'_>> {
        self.consumers.views()
    }

    pub(super) fn subscribe(
        &mut self,
        terms: Subscription,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        let Settings { vhost, name, single_active, .. } = &*self.settings;
        let alone = terms.exclusive && (*single_active || self.consumers.len() > 0);
        if alone || self.consumers.is_exclusive() {
            let detail = format!("queue '{name}' in vhost '{vhost}' in exclusive use");
            effects.push(Effect::Refused(Refusal::access(detail)));
            return;
        }
        effects.push(Effect::Subscribed { consumer: terms.consumer });
        self.consumers.add(terms);
        self.dispatch(now, effects);
    }

    pub(super) fn unsubscribe(
        &mut self,
        consumer: ConsumerId,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        if !self.consumers.remove(consumer) {
            return;
        }
        self.touch(now);
        if self.settings.auto_delete && self.consumers.len() == 0 {
            return self.end(Deletion::Unused, effects);
        }
        self.dispatch(now, effects);
    }

    pub(super) fn delete(&mut self, if_unused: bool, if_empty: bool, effects: &mut Vec<Effect>) {
        let Settings { vhost, name, .. } = &*self.settings;
        let obstacle = if if_unused && self.consumers.len() > 0 {
            "in use"
        } else if if_empty && !self.ready.is_empty() {
            "not empty"
        } else {
            return self.end(Deletion::Requested, effects);
        };
        let detail = format_args!("queue '{name}' in vhost '{vhost}' {obstacle}");
        effects.push(Effect::Refused(Refusal::precondition(detail)));
    }
}
